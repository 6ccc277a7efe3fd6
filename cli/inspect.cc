// skald inspect: what is known of a model without loading it.
#include <concepts>
#include <string>

#include "command.h"
#include "json_object.h"
#include "report.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

// What a model does not have is null.
std::string some(std::integral auto value) { return value > 0 ? std::to_string(value) : "null"; }

std::string as_json(const ModelInfo& info) {
  return JsonObject()
      .add("path", info.path)
      .add("format", info.format)
      .add("architecture", info.architecture)
      .add("parameters", info.parameters)
      .add("tensors", info.tensors)
      .add("dtype", info.dtype)
      .add("layers", info.layers)
      .add("encoder_layers", info.encoder_layers)
      .add("hidden_size", info.hidden_size)
      .add_raw("heads", some(info.heads))
      .add_raw("kv_heads", some(info.kv_heads))
      .add_raw("head_dim", some(info.head_dim))
      .add("vocab_size", info.vocab_size)
      .add_raw("context", some(info.context))
      .add("tokenizer", info.tokenizer)
      .add("chat_template", info.chat_template)
      .add("weight_bytes", info.weight_bytes)
      .add("weight_bytes_32", info.weight_bytes_32)
      .add("weight_bytes_16", info.weight_bytes_16)
      .add("weight_bytes_8", info.weight_bytes_8)
      .add("weight_bytes_4", info.weight_bytes_4)
      .add_raw("kv_bytes_per_token", some(info.kv_bytes_per_token))
      .add_raw("kv_bytes_per_token_8", some(info.kv_bytes_per_token_8))
      .add_raw("state_bytes", some(info.state_bytes))
      .line();
}

std::string as_table(const ModelInfo& info) {
  const auto number = [](std::int64_t value) { return std::to_string(value); };
  const auto bytes = [](std::size_t value) { return human_bytes(static_cast<double>(value)); };
  Table table;
  table.row("model", info.path)
      .row("format", info.format + ", " + number(info.tensors) + " tensors, mostly " + info.dtype)
      .row("architecture", info.architecture + (info.encoder_layers > 0 ? ", encoder-decoder" : ""))
      .row("parameters", human_count(static_cast<double>(info.parameters)) + " (" + number(info.parameters) + ")")
      .row("layers", (info.encoder_layers > 0 ? number(info.encoder_layers) + " + " : "") + number(info.layers) +
                         " of width " + number(info.hidden_size));
  if (info.heads > 0) {
    table.row("heads", number(info.heads) + " query, " + number(info.kv_heads) + " key/value, of " +
                           number(info.head_dim) + " dimensions");
  }
  table.row("vocabulary", number(info.vocab_size))
      .row("context", info.context > 0 ? number(info.context) + " tokens" : "not limited")
      .row("tokenizer", info.tokenizer.empty() ? "none (prompts as token ids: --ids)" : info.tokenizer)
      .row("chat template", info.chat_template ? "yes" : "no")
      .row("memory for weights", bytes(info.weight_bytes) + " as stored; " + bytes(info.weight_bytes_32) +
                                     " in 32 bits, " + bytes(info.weight_bytes_16) + " in 16, " +
                                     bytes(info.weight_bytes_8) + " in 8, " + bytes(info.weight_bytes_4) + " in 4");
  if (info.kv_bytes_per_token > 0) {
    table.row("memory for text", bytes(info.kv_bytes_per_token * 1000) + " per 1000 tokens; with --kv-bits 8 " +
                                     bytes(info.kv_bytes_per_token_8 * 1000));
  }
  if (info.state_bytes > 0) table.row("memory for state", bytes(info.state_bytes) + " per sequence, of any length");
  return table.text();
}

class Inspect final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {
        .name = "inspect",
        .summary = "Show what a model is and what memory it needs, without loading its weights.",
        .synopsis = "[MODEL] [--json]",
        .details = "MODEL is a Hugging Face model folder or a GGUF file; without it the model that ships with Skald.",
        .examples = "skald inspect\nskald inspect path/to/model\nskald inspect path/to/model --json"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Options");
    flags.toggle("--json", json_, "Write one JSON object.");
  }

  int run(const std::vector<std::string>& positional) override {
    const ModelInfo info = Model::inspect(model_path(positional));
    write_output(json_ ? as_json(info) : as_table(info));
    return 0;
  }

 private:
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_inspect() { return std::make_unique<Inspect>(); }

}  // namespace skald::cli
