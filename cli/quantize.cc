// skald quantize: a model's folder anew, with smaller weights.
#include "skald/quantize.h"

#include <optional>

#include "command.h"
#include "json_object.h"
#include "report.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

class Quantize final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "quantize",
            .summary = "Write a model anew with weights of 8 or 4 bits.",
            .synopsis = "MODEL OUT [--bits 8|4]",
            .details =
                "MODEL is a Hugging Face model folder, OUT the folder to write: model.safetensors with weights in "
                "blocks, config.json, and the tokenizer's and settings' files as they are.\n"
                "The new folder gives what MODEL gives with --bits, to the bit; it loads faster, and takes a half or a "
                "quarter of the place that 16 bits take. Other programs do not read it.",
            .examples =
                "skald quantize path/to/model path/to/model-4bit\n"
                "skald quantize path/to/model path/to/model-8bit --bits 8\n"
                "skald generate path/to/model-4bit --prompt \"Once upon a time\""};
  }

  void add_flags(Flags& flags) override {
    flags.group("Options");
    flags.add("--bits", "8|4", "Bits of a weight (default: 4).",
              [this](const std::string& name, const std::string& value) {
                if (value != "8" && value != "4")
                  throw OptionError({.field = name, .value = value, .rule = "must be 8 or 4"});
                options_.bits = value == "8" ? 8 : 4;
              });
    flags.integer("--threads", options_.threads, 1, 1024, "Threads. Default: one for each processor that may be used.");
    flags.toggle("--force,-f", options_.overwrite, "Replace weights that OUT has already.");
    flags.toggle("--json", json_, "Write one JSON object.");
    flags.toggle("--quiet,-q", quiet_, "No warnings, notices and progress on standard error.");
  }

  int run(const std::vector<std::string>& positional) override {
    if (positional.size() != 2) {
      throw OptionError("skald quantize takes a model and the folder to write: skald quantize MODEL OUT");
    }
    show_log(quiet_);
    const QuantizeResult result = write(named_model(positional[0]), positional[1]);
    if (result.kept_matrices > 0 && !quiet_) {
      write_notice(std::to_string(result.kept_matrices) +
                   " matrices stay in 16 bits: the model takes parts of them that would cut blocks");
    }
    write_output(json_ ? as_json(positional[1], result) : as_line(positional[1], result));
    return 0;
  }

 private:
  QuantizeResult write(const std::string& model, const std::string& out) {
    std::optional<ProgressBar> bar;
    if (!quiet_) bar.emplace("quantising");
    if (bar) options_.progress = [&bar](double fraction) { bar->update(fraction); };
    return quantize(model, out, options_);
  }

  [[nodiscard]] std::string as_json(const std::string& out, const QuantizeResult& result) const {
    return JsonObject()
        .add("path", out)
        .add("bits", options_.bits)
        .add("bytes_before", result.bytes_before)
        .add("bytes_after", result.bytes_after)
        .add("kept_matrices", result.kept_matrices)
        .line();
  }
  [[nodiscard]] static std::string as_line(const std::string& out, const QuantizeResult& result) {
    return out + ": " + human_bytes(static_cast<double>(result.bytes_before)) + " of weights became " +
           human_bytes(static_cast<double>(result.bytes_after)) + "\n";
  }

  QuantizeOptions options_;
  bool json_ = false;
  bool quiet_ = false;
};

}  // namespace

std::unique_ptr<Command> make_quantize() { return std::make_unique<Quantize>(); }

}  // namespace skald::cli
