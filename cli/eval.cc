// skald eval: what a model thinks of given texts.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "command.h"
#include "completion_output.h"
#include "generation_flags.h"
#include "input.h"
#include "json_object.h"
#include "report.h"
#include "skald/skald.h"
#include "skald/text.h"
#include "terminal.h"

namespace skald::cli {
namespace {

constexpr std::size_t kMaxTexts = 100'000;
constexpr std::size_t kWindowsTogether = 16;  // that one call scores
constexpr std::int64_t kUsualWindow = 2048;   // where the model names no context
constexpr std::int64_t kLargestWindow = 1 << 24;

// A text, and what was found.
struct Result {
  std::int64_t n_tokens = 0;  // scored
  std::int64_t n_first = 0;   // of those, the most probable one at their place
  std::int64_t n_bytes = 0;   // of the text; 0: it was given as ids
  double total = 0;           // ln of its probability
  std::vector<TokenLogprob> logprobs = {};
};

class Eval final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "eval",
            .summary = "Tell how probable a model finds a text: its perplexity.",
            .synopsis = "[MODEL] --text TEXT | --file F | --ids 1,2,3 | --batch-file F",
            .details =
                "Without a text it is read from standard input. The first token has nothing before it and is not "
                "scored, unless --given stands there.\n"
                "A text that is longer than --window is cut into windows; each begins with --overlap tokens of the one "
                "before, which are not scored again (--stride: by so many tokens each goes on).\n"
                "loss = -mean log-probability of a token; accuracy = share of tokens that are the most probable one. "
                "perplexity = exp(loss); bits per byte = -log2 p(text) / bytes. All "
                "log-probabilities are natural logarithms, and the very ones that generate reports.",
            .examples =
                "skald eval --text \"The king was very angry.\"\n"
                "skald eval path/to/model --file story.txt --json\n"
                "skald eval path/to/model --file book.txt --window 1024 --stride 512 --output-file score.txt\n"
                "skald eval --given \"Once upon a\" --text \" time\" --json --logprobs 3"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Text (one of these)");
    flags.text("--text,-t", "TEXT", text_, "The text, taken literally (- is standard input).");
    flags.text("--file,-f", "F", file_, "Read the text from this file, as it is (- is standard input).");
    flags.text("--ids", "IDS", ids_, "The text as token ids: 1,2,3. No tokenizer is needed.");
    flags.text("--batch-file", "F", batch_file_, "One text a line, in JSON: \"text\" or [1, 2, 3].");
    flags.group("Scoring");
    flags.text("--given", "TEXT", given_,
               "What stands before the text and is not scored (of an encoder-decoder: its input).");
    flags.integer("--window", window_, 2, kLargestWindow,
                  "Tokens that are scored in one piece at most. Default: the model's context, or 2048.");
    flags.integer("--overlap", overlap_, 0, kLargestWindow,
                  "Of those, tokens of the window before that stand there again. Default: half of the window.");
    flags.integer("--stride", stride_, 1, kLargestWindow,
                  "Tokens by which a window goes on, instead of --overlap: the window without its overlap.");
    flags.group("Output");
    flags.toggle("--json", json_, "Write one JSON object a text.");
    flags.integer("--logprobs", top_, 0, 20,
                  "With --json: and the log-probability of every token, and of the k most probable ones.");
    flags.text("--output-file,-o", "F", output_file_, "Write to this file instead of standard output.");
    flags.toggle("--quiet,-q", quiet_, "No warnings and notices on standard error.");
    load_.add_to(flags);
  }

  int run(const std::vector<std::string>& positional) override {
    check();
    show_log(quiet_);
    const std::string path = model_path(positional);
    const std::vector<Prompt> texts = read_texts();
    if (output_file_) redirect_output(*output_file_);
    const Model model = load_.load(path);
    for (std::size_t i = 0; i < texts.size(); ++i) tell(i, score(model, texts[i]));
    return 0;
  }

 private:
  void check() const {
    const int sources = (text_ ? 1 : 0) + (file_ ? 1 : 0) + (ids_ ? 1 : 0) + (batch_file_ ? 1 : 0);
    if (sources > 1) throw OptionError("give one of --text, --file, --ids and --batch-file, not several");
    if (sources == 0 && stdin_is_terminal()) throw OptionError("no text: skald eval --text \"The king was angry.\"");
    if (top_ >= 0 && !json_) throw OptionError(ErrorFields{.field = "--logprobs", .rule = "is for --json"});
    if (stride_ > 0 && overlap_ >= 0) throw OptionError("give one of --overlap and --stride, not both");
    if (window_ > 0 && overlap_ >= window_) {
      throw OptionError({.field = "--overlap", .value = std::to_string(overlap_), .rule = "must be below --window"});
    }
  }

  [[nodiscard]] std::vector<Prompt> read_texts() const {
    if (ids_) return {parse_ids("--ids", *ids_)};
    std::vector<Prompt> texts;
    if (!batch_file_) {
      const bool literal = text_ && *text_ != "-";
      const std::string path = file_.value_or("-");
      const std::string text = literal ? *text_ : read_text(path);
      require_utf8(text, literal ? "--text" : path == "-" ? "standard input" : path);
      return {text};
    }
    read_lines(*batch_file_, [&](std::string_view line, const std::string& source) {
      if (is_blank(line)) return;
      if (texts.size() == kMaxTexts) {
        throw LimitError({.file = source, .rule = "one call takes at most " + std::to_string(kMaxTexts) + " texts"});
      }
      texts.push_back(json_prompt(line, source));
    });
    if (texts.empty())
      throw FormatError({.file = *batch_file_, .rule = "holds no text: one JSON string a line is needed"});
    return texts;
  }

  // Tokens of a window that the one before has scored.
  [[nodiscard]] std::size_t overlap_in(std::size_t window) const {
    if (overlap_ >= 0) return static_cast<std::size_t>(overlap_);
    if (stride_ == 0) return window / 2;
    const auto stride = static_cast<std::size_t>(stride_);
    if (stride < window) return window - stride;
    throw OptionError({.field = "--stride",
                       .value = std::to_string(stride),
                       .rule = "must be below the window, " + std::to_string(window) + " tokens"});
  }

  // Windows of the text: what is given in each, and what is scored.
  [[nodiscard]] std::vector<ScoreInput> windows_of(const Model& model, const Prompt& text) const {
    if (model.info().encoder_layers > 0) return {{.text = text, .given = given_}};
    std::vector<TokenId> ids;
    std::size_t begin = 0;  // of what is scored
    if (given_) {
      ids = model.tokenizer().encode_ids(*given_);
      begin = ids.size();
    }
    if (const auto* const plain = std::get_if<std::string>(&text)) {
      const std::vector<TokenId> more = model.tokenizer().encode_ids(*plain, {.add_special_tokens = !given_});
      ids.insert(ids.end(), more.begin(), more.end());
    } else {
      const auto& more = std::get<std::vector<TokenId>>(text);
      ids.insert(ids.end(), more.begin(), more.end());
    }
    const std::int64_t context = model.info().context > 0 ? model.info().context : kUsualWindow;
    const auto window = static_cast<std::size_t>(window_ > 0 ? window_ : context);
    const std::size_t overlap = overlap_in(window);
    if (overlap >= window || begin >= window) {
      throw OptionError({.field = begin >= window ? "--given" : "--overlap",
                         .value = std::to_string(begin >= window ? begin : overlap) + " tokens",
                         .rule = "must be below the window, " + std::to_string(window) + " tokens"});
    }
    begin = std::max<std::size_t>(1, begin);
    std::vector<ScoreInput> windows;
    std::size_t first = 0;  // of what is given
    const auto at = [&](std::size_t i) { return ids.begin() + static_cast<std::ptrdiff_t>(i); };
    do {
      const std::size_t end = std::min(ids.size(), first + window);
      windows.push_back({.text = std::vector<TokenId>(at(std::min(begin, end)), at(end)),
                         .given = std::vector<TokenId>(at(first), at(std::min(begin, end)))});
      begin = end;
      first = end - std::max<std::size_t>(1, std::min(overlap, end));
    } while (begin < ids.size());
    return windows;
  }

  [[nodiscard]] Result score(const Model& model, const Prompt& text) const {
    Result result;
    if (const auto* const plain = std::get_if<std::string>(&text)) {
      result.n_bytes = static_cast<std::int64_t>(plain->size());
    }
    const std::vector<ScoreInput> windows = windows_of(model, text);
    ProgressBar bar("scoring");
    for (std::size_t begin = 0; begin < windows.size(); begin += kWindowsTogether) {
      const std::size_t end = std::min(windows.size(), begin + kWindowsTogether);
      const auto at = [&](std::size_t i) { return windows.begin() + static_cast<std::ptrdiff_t>(i); };
      for (TextScore& score : model.score({at(begin), at(end)}, {.top = std::max<std::int64_t>(1, top_)})) {
        result.n_tokens += static_cast<std::int64_t>(score.logprobs.size());
        result.total += score.total();
        for (TokenLogprob& entry : score.logprobs) {
          if (!entry.top.empty() && entry.top[0].first == entry.token) ++result.n_first;
          if (top_ == 0) entry.top.clear();
          if (top_ >= 0) result.logprobs.push_back(std::move(entry));
        }
      }
      bar.update(static_cast<double>(end) / static_cast<double>(windows.size()));
    }
    return result;
  }

  void tell(std::size_t index, const Result& result) const {
    const double loss = -result.total / static_cast<double>(result.n_tokens);
    const double perplexity = std::exp(loss);
    const double accuracy = static_cast<double>(result.n_first) / static_cast<double>(result.n_tokens);
    const double bits =
        -result.total / std::numbers::ln2 / static_cast<double>(std::max<std::int64_t>(1, result.n_bytes));
    if (!json_) {
      std::string line = std::to_string(result.n_tokens) + " tokens, log-probability " + fixed(result.total, 3) +
                         ", loss " + fixed(loss, 4) + ", perplexity " + fixed(perplexity, 3) + ", accuracy " +
                         fixed(100 * accuracy, 1) + " %";
      if (result.n_bytes > 0) line += ", " + fixed(bits, 4) + " bits per byte";
      return write_output(line + "\n");
    }
    JsonObject object;
    object.add("index", index)
        .add("tokens", result.n_tokens)
        .add("logprob", result.total)
        .add("loss", loss)
        .add("perplexity", perplexity)
        .add("accuracy", accuracy);
    if (result.n_bytes > 0) object.add("bits_per_byte", bits);
    if (top_ >= 0) object.add_raw("logprobs", logprobs_json(result.logprobs));
    write_output(object.line());
  }

  std::optional<std::string> text_, file_, ids_, batch_file_, given_, output_file_;
  std::int64_t window_ = 0;    // 0: the model's context
  std::int64_t overlap_ = -1;  // -1: half of the window
  std::int64_t stride_ = 0;    // 0: overlap_ counts
  std::int64_t top_ = -1;      // -1: no tokens are told
  bool json_ = false;
  bool quiet_ = false;
  LoadFlags load_;
};

}  // namespace

std::unique_ptr<Command> make_eval() { return std::make_unique<Eval>(); }

}  // namespace skald::cli
