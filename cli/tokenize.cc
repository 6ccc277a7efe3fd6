// skald tokenize: text to token ids and back. Only the tokenizer's files are read.
#include <optional>
#include <span>

#include "command.h"
#include "input.h"
#include "json_object.h"
#include "skald/skald.h"
#include "skald/text.h"
#include "terminal.h"

namespace skald::cli {
namespace {

std::string as_json(const TokenizedText& text) {
  const auto pair = [](const auto& range) {
    return "[" + std::to_string(range.first) + ", " + std::to_string(range.second) + "]";
  };
  return JsonObject()
      .add_raw("ids", json_integers(text.ids))
      .add_raw("tokens", json_array(text.tokens, [](const auto& token) { return json_quote(token); }))
      .add_raw("offsets", json_array(text.offsets, pair))
      .line();
}

// One line a token: id, spelling, place in the text.
std::string as_lines(const TokenizedText& text) {
  std::string out;
  for (std::size_t i = 0; i < text.ids.size(); ++i) {
    const std::string id = std::to_string(text.ids[i]);
    out += std::string(id.size() < 7 ? 7 - id.size() : 0, ' ') + id + "  " + for_output(json_quote(text.tokens[i])) +
           "  " +
           dim("[" + std::to_string(text.offsets[i].first) + ", " + std::to_string(text.offsets[i].second) + ")") +
           "\n";
  }
  return out;
}

class Tokenize final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "tokenize",
            .summary = "Turn text into a model's token ids, or token ids into text.",
            .synopsis = "MODEL [TEXT | --file F | --batch-file F | --decode IDS] [--ids | --json]",
            .details =
                "Without TEXT, --file, --batch-file or --decode the text is read from standard input.\n"
                "Offsets are bytes of the text: [begin, end).",
            .examples =
                "skald tokenize path/to/model \"Once upon a time\"\n"
                "skald tokenize path/to/model --file story.txt --json\n"
                "skald tokenize path/to/model --decode 384,1021,66\n"
                "skald tokenize path/to/model --ids \"The king\" | skald tokenize path/to/model --decode -\n"
                "skald generate path/to/model --ids \"$(skald tokenize path/to/model --ids 'The king')\""};
  }

  void add_flags(Flags& flags) override {
    flags.group("Input");
    flags.text("--file,-f", "F", file_, "Read the text from this file (- is standard input).");
    flags.text("--batch-file", "F", batch_file_, "Read one JSON string a line; answer one JSON object a line.");
    flags.text("--decode", "IDS", decode_, "Show the text of these token ids: 1,2,3 (- is standard input).");
    flags.group("Options");
    flags.toggle(
        "--no-special-tokens", no_special_tokens_,
        "Leave out what the tokenizer adds around a text (bos, eos, ...); with --decode leave out special tokens.");
    flags.toggle("--plain", plain_, "Read the text of a special token in the input as plain text.");
    flags.toggle("--file-lengths", file_lengths_, "Truncate and pad as tokenizer.json says; else it does neither.");
    flags.group("Output");
    flags.toggle("--ids", ids_, "Write the ids alone, as --decode and `skald generate --ids` take them.");
    flags.toggle("--json", json_,
                 "Write one JSON object: {\"ids\": [...], \"tokens\": [...], \"offsets\": [[a, b], ...]}.");
  }

  int run(const std::vector<std::string>& positional) override {
    check(positional);
    const Tokenizer tokenizer = Tokenizer::load(named_model(positional[0]));
    if (decode_) {
      decode(tokenizer);
    } else if (batch_file_) {
      encode_batch(tokenizer);
    } else {
      const bool given = positional.size() == 2 && positional[1] != "-";
      const std::string path = file_.value_or("-");
      const std::string source = given ? "TEXT" : path == "-" ? "standard input" : path;
      const TokenizedText tokens = encode(tokenizer, given ? positional[1] : read_text(path), source);
      write_output(json_ ? as_json(tokens) : ids_ ? id_list(tokens.ids) : as_lines(tokens));
    }
    return 0;
  }

 private:
  void check(const std::vector<std::string>& positional) const {
    if (positional.empty()) {
      throw OptionError("the model is missing: skald tokenize MODEL [TEXT] (MODEL is a folder or a GGUF file)");
    }
    if (positional.size() > 2) {
      throw OptionError({.field = quoted(positional[2]), .rule = "is one argument too many: put the text in quotes"});
    }
    const int sources = (positional.size() == 2 ? 1 : 0) + (file_ ? 1 : 0) + (batch_file_ ? 1 : 0) + (decode_ ? 1 : 0);
    if (sources > 1) throw OptionError("give one of TEXT, --file, --batch-file and --decode, not several");
    if (sources == 0 && stdin_is_terminal()) {
      throw OptionError("no text: skald tokenize MODEL \"Once upon a time\" (or - to type one, up to Ctrl-D)");
    }
    if (json_ && ids_) throw OptionError("give one of --json and --ids, not both");
    if (decode_ && ids_) throw OptionError("--decode takes ids already: --ids goes with a text");
    if (batch_file_ && ids_) throw OptionError("--batch-file answers in JSON: leave out --ids");
  }

  static std::string id_list(const std::vector<TokenId>& ids) {
    std::string out;
    for (const TokenId id : ids) out += (out.empty() ? "" : ",") + std::to_string(id);
    return out + "\n";
  }

  [[nodiscard]] TokenizedText encode(const Tokenizer& tokenizer, std::string_view text,
                                     const std::string& source) const {
    if (const std::size_t offset = find_invalid_utf8(text); offset != text.size()) {
      write_notice(source + ": byte " + std::to_string(offset) + " and maybe more are not UTF-8: read as U+FFFD");
    }
    return tokenizer.encode(
        text, {.add_special_tokens = !no_special_tokens_, .parse_special = !plain_, .file_lengths = file_lengths_});
  }

  void encode_batch(const Tokenizer& tokenizer) const {
    read_lines(*batch_file_, [&](std::string_view line, const std::string& source) {
      if (is_blank(line)) return;
      const Prompt prompt = json_prompt(line, source);
      const auto* text = std::get_if<std::string>(&prompt);
      if (text == nullptr) throw FormatError({.file = source, .rule = "must be one JSON string: ids need no encoding"});
      write_output(as_json(encode(tokenizer, *text, source)));
    });
  }

  void decode(const Tokenizer& tokenizer) const {
    const std::vector<TokenId> ids = parse_ids("--decode", *decode_ == "-" ? read_text("-") : *decode_);
    for (const TokenId id : ids) {
      if (!tokenizer.id_to_token(id).empty()) continue;
      throw OptionError({.field = "--decode",
                         .value = quoted(std::to_string(id)),
                         .rule = "is no token: the vocabulary has " + std::to_string(tokenizer.vocab_size())});
    }
    const std::string text = tokenizer.decode(ids, no_special_tokens_);
    write_output(json_ ? JsonObject().add("text", text).line() : for_output(text) + "\n");
  }

  std::optional<std::string> file_, batch_file_, decode_;
  bool no_special_tokens_ = false;
  bool plain_ = false;
  bool file_lengths_ = false;
  bool ids_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_tokenize() { return std::make_unique<Tokenize>(); }

}  // namespace skald::cli
