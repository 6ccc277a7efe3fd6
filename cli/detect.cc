// skald detect: whether a text carries a watermark. Of the model only its vocabulary's size and its tokenizer are read.
#include <optional>

#include "command.h"
#include "input.h"
#include "json_object.h"
#include "report.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

std::string as_json(const WatermarkScore& score) {
  return JsonObject()
      .add("watermarked", score.watermarked)
      .add("z_score", score.z_score)
      .add("p_value", score.p_value)
      .add("scored", score.n_scored)
      .add("green", score.n_green)
      .add("mean", score.mean)
      .add("weighted_mean", score.weighted_mean)
      .line();
}

std::string as_table(const WatermarkScore& score, bool synthid) {
  Table table;
  table.row("watermarked", score.watermarked ? "yes" : "no")
      .row("z-score", fixed(score.z_score, 2) + " standard deviations above a text without one")
      .row("p-value", json_number(score.p_value))
      .row(synthid ? "n-grams scored" : "tokens scored", std::to_string(score.n_scored));
  if (synthid) {
    table.row("mean g-value",
              fixed(score.mean, 4) + " (weighted " + fixed(score.weighted_mean, 4) + ", 0.5 without one)");
  } else {
    table.row("green tokens", std::to_string(score.n_green) + " (" + fixed(100 * score.mean, 1) + " %)");
  }
  return table.text();
}

class Detect final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "detect",
            .summary = "Tell whether a text was generated with a watermark.",
            .synopsis = "[MODEL] --watermark JSON [--text TEXT | --file F | --ids IDS] [--json]",
            .details =
                "The settings of the watermark and the model's vocabulary must be those of the generation. Without "
                "--text, --file or --ids the text is read from standard input.\n"
                "Give the generated part alone: a prompt has no watermark. Token ids are exact; a text may be cut into "
                "other tokens than it was generated from.",
            .examples =
                "skald generate --prompt \"Once upon a time\" --watermark '{\"bias\": 3}' > story.txt\n"
                "skald detect --watermark '{\"bias\": 3}' --file story.txt\n"
                "skald detect path/to/model --watermark '{\"keys\": [654, 400, 836]}' --ids 384,1021,66,12,9,4 --json"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Input");
    flags.text("--text,-t", "TEXT", text_, "The text to look at.");
    flags.text("--file,-f", "F", file_, "Read the text from this file (- is standard input).");
    flags.text("--ids", "IDS", ids_, "Its token ids: 1,2,3.");
    flags.group("Watermark");
    flags.text("--watermark,--watermarking-config", "JSON", watermark_,
               "The settings that the text was generated with, as for `skald generate`; {} are the defaults.");
    flags.text("--z-threshold", "X", threshold_, "From which z-score on a text counts as watermarked. Default 3.");
    flags.toggle("--ignore-repeated-ngrams", once_, "Green lists: count every n-gram once.");
    flags.group("Output");
    flags.toggle("--json", json_, "Write one JSON object.");
  }

  int run(const std::vector<std::string>& positional) override {
    if (!watermark_) throw OptionError("--watermark is missing: the settings that the text was generated with");
    if ((text_ ? 1 : 0) + (file_ ? 1 : 0) + (ids_ ? 1 : 0) > 1) {
      throw OptionError("give one of --text, --file and --ids, not several");
    }
    const WatermarkingConfig settings = parse_watermarking_config(*watermark_, "--watermark");
    const std::string path = model_path(positional);
    const ModelInfo info = Model::inspect(path);
    WatermarkDetector::Options options{.ignore_repeated_ngrams = once_};
    if (threshold_) options.z_threshold = number("--z-threshold", *threshold_);
    std::vector<TokenId> ids;
    if (ids_) ids = parse_ids("--ids", *ids_);
    if (!ids_ || !info.tokenizer.empty()) {
      const Tokenizer tokenizer = Tokenizer::load(path);
      options.bos_token_id = tokenizer.bos_id();
      options.eos_token_id = tokenizer.eos_id();
      if (!ids_) ids = encode(tokenizer);
    }
    const WatermarkScore score = WatermarkDetector(settings, info.vocab_size, options).detect(ids);
    write_output(json_ ? as_json(score) : as_table(score, std::holds_alternative<SynthIdWatermark>(settings)));
    return 0;
  }

 private:
  [[nodiscard]] std::vector<TokenId> encode(const Tokenizer& tokenizer) const {
    const std::string source = text_ ? "--text" : file_.value_or("standard input");
    const std::string text = text_ ? *text_ : read_text(file_.value_or("-"));
    require_utf8(text, source);
    return tokenizer.encode_ids(text, {.add_special_tokens = false});
  }

  static double number(const std::string& flag, const std::string& text) {
    std::size_t end = 0;
    double value = 0;
    try {
      value = std::stod(text, &end);
    } catch (const std::exception&) {
      end = std::string::npos;
    }
    if (end == text.size() && value >= -1000 && value <= 1000) return value;
    throw OptionError({.field = flag, .value = quoted(text), .rule = "must be a number in [-1000, 1000]"});
  }

  std::optional<std::string> text_, file_, ids_, watermark_, threshold_;
  bool once_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_detect() { return std::make_unique<Detect>(); }

}  // namespace skald::cli
