// skald generate: continues prompts.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "answer.h"
#include "batch.h"
#include "command.h"
#include "generation_flags.h"
#include "guided.h"
#include "input.h"
#include "interactive.h"
#include "json_object.h"
#include "request_options.h"
#include "skald/skald.h"
#include "skald/text.h"
#include "terminal.h"
#include "token_tables.h"

namespace skald::cli {
namespace {

constexpr std::int64_t kShownProbabilities = 10;  // of --show-probs

class Generate final : public Command {
 public:
  [[nodiscard]] Words words() const override;
  void add_flags(Flags& flags) override;
  int run(const std::vector<std::string>& positional) override;

 private:
  void check();
  void take_dash(std::vector<std::string>& positional);
  [[nodiscard]] Prompt read_prompt() const;
  [[nodiscard]] BatchSettings batch_settings() const;
  [[nodiscard]] Prompt text_prompt(std::string text, const std::string& source) const;
  [[nodiscard]] GenerationConfig config() const;
  void notify(std::string_view line) const;

  void check_session(bool has_prompt) const;
  [[nodiscard]] bool goes_on() const { return session_file_ && std::filesystem::exists(*session_file_); }
  int run_session(const Model& model, const std::optional<Prompt>& prompt, const GenerationConfig& config) const;
  void show_probabilities(Session& session) const;
  void warn_without_json(const GenerationConfig& config) const;

  std::optional<std::string> prompt_, prompt_file_, ids_, batch_file_, session_file_, output_file_, save_config_;
  bool interactive_ = false;
  bool guided_ = false;
  bool show_probs_ = false;
  bool resume_ = false;
  bool only_saves_ = false;  // the options, and generates nothing
  bool escape_ = false;
  bool json_ = false;
  bool events_ = false;
  bool no_stream_ = false;
  bool stats_ = false;
  bool quiet_ = false;
  LoadFlags load_;
  RequestOptions options_;
};

Command::Words Generate::words() const {
  return {.name = "generate",
          .summary = "Continue a prompt.",
          .synopsis = "[MODEL] --prompt TEXT | --prompt-file F | --ids 1,2,3 | --batch-file F | --interactive",
          .details =
              "MODEL is a Hugging Face model folder or a GGUF file; without it the model that ships with Skald. "
              "Without a prompt the "
              "prompt is read from standard input, which - also names.\n"
              "The continuation goes to standard output as it comes, with one line end after it; on a terminal the "
              "prompt stands before it. Everything else goes to standard error.\n"
              "Samples at temperature 1 unless the model's generation_config.json, --config or a flag says otherwise.",
          .examples =
              "skald generate --prompt \"Once upon a time\"\n"
              "skald generate --prompt \"The king\" --temperature 0.8 --top-p 0.95 --seed 7 --max-tokens 300\n"
              "skald generate path/to/model --prompt-file opening.txt --no-sample\n"
              "skald generate --prompt \"The king\" --preset creative --top-k 20\n"
              "skald generate --temperature 0.8 --top-p 0.95 --save-config my.json\n"
              "skald generate --prompt \"Once\" --num-samples 3 --json\n"
              "skald generate --prompt \"The king\" --show-probs\n"
              "skald generate --prompt \"The king\" --guided --session tale.json\n"
              "printf 'The wolf said' | skald generate --stop .\n"
              "skald generate --batch-file prompts.jsonl --output-file answers.jsonl --resume"};
}

void Generate::add_flags(Flags& flags) {
  flags.group("Prompt (one of these)");
  flags.text("--prompt,-p", "TEXT", prompt_, "The text to continue, taken literally (- is standard input).");
  flags.text("--prompt-file,-f", "F", prompt_file_, "Read the text from this file, as it is (- is standard input).");
  flags.text("--ids", "IDS", ids_, "The prompt as token ids: 1,2,3. No tokenizer is needed.");
  flags.text("--batch-file", "F", batch_file_,
             "One prompt a line, in JSON: \"text\", [1, 2, 3], or {\"prompt\": either, \"temperature\": 0.2, ...} with "
             "options of its own. What is wrong with a line is its answer, and stops no other.");
  flags.toggle("--interactive,-i", interactive_, "Ask for prompts one after the other, each on its own.");
  flags.toggle("--guided", guided_, "Write the text together, as `skald complete-step` does.");
  flags.text("--session", "F", session_file_, "With --guided: keep the session in this file, and go on from it.");
  flags.toggle("--escape,-e", escape_, "Read \\n, \\t, \\\\ and \\xNN in --prompt and --stop as in C.");
  flags.group("Output");
  flags.toggle("--json", json_, "Write each completion as one line of JSON.");
  flags.toggle("--events", events_, "With --json: also a line for each piece of text as it comes.");
  flags.text("--output-file,-o", "F", output_file_,
             "Write to this file instead of standard output. The answers of --batch-file to a file called *.jsonl are "
             "lines of JSON.");
  flags.toggle("--resume", resume_,
               "With --batch-file and --output-file: keep the answers that are there, and go on with what is missing.");
  flags.toggle("--show-probs", show_probs_, "Show how probable the next tokens are, and generate nothing.");
  flags.toggle("--no-stream", no_stream_, "Write the text when it is complete, not as it comes.");
  flags.toggle("--stats", stats_,
               "Tell tokens, times and the seed on standard error; with --json also the timings of each.");
  flags.toggle("--quiet,-q", quiet_, "No warnings and notices on standard error.");
  flags.text(
      "--save-config", "F", save_config_,
      "Write the options that are given to F, or to generation_config.json in the folder F, for --config and for "
      "transformers. Without a prompt that is all.");
  options_.add_to(flags);
  load_.add_to(flags);
}

void Generate::check() {
  const bool lines = output_file_ && std::filesystem::path(*output_file_).extension() == ".jsonl";
  if (batch_file_ && lines) json_ = true;  // answers of a file of prompts, in a file named so, are for programs
  const int sources =
      (prompt_ ? 1 : 0) + (prompt_file_ ? 1 : 0) + (ids_ ? 1 : 0) + (batch_file_ ? 1 : 0) + (interactive_ ? 1 : 0);
  if (sources > 1) {
    throw OptionError("give one of --prompt, --prompt-file, --ids, --batch-file and --interactive, not several");
  }
  check_session(sources > 0);
  only_saves_ = save_config_ && sources == 0 && !guided_;
  if (sources == 0 && stdin_is_terminal() && !guided_ && !only_saves_) {
    throw OptionError("no prompt: skald generate --prompt \"Once upon a time\" (or --interactive to be asked)");
  }
  if (interactive_ && json_) throw OptionError("--interactive is for people: leave out --json");
  if (output_file_ && (interactive_ || guided_)) {
    throw OptionError(ErrorFields{.field = "--output-file", .rule = "is not for --interactive and --guided"});
  }
  if (resume_ && !(batch_file_ && output_file_ && json_ && !events_)) {
    throw OptionError(ErrorFields{
        .field = "--resume", .rule = "goes with --batch-file F --output-file F.jsonl (or --json), without --events"});
  }
  if (events_ && !json_) throw OptionError(ErrorFields{.field = "--events", .rule = "goes with --json"});
  if (escape_ && !prompt_ && !options_.has_texts()) {
    throw OptionError(ErrorFields{.field = "--escape", .rule = "acts on --prompt and --stop, and neither is given"});
  }
}

void Generate::check_session(bool has_prompt) const {
  if (session_file_ && !guided_) throw OptionError(ErrorFields{.field = "--session", .rule = "goes with --guided"});
  if (!guided_ && !show_probs_) return;
  const char* const flag = guided_ ? "--guided" : "--show-probs";
  if (interactive_ || batch_file_ || (guided_ && (json_ || show_probs_))) {
    throw OptionError(ErrorFields{.field = flag,
                                  .rule = guided_
                                              ? "is for people and one prompt: leave out --interactive, --batch-file, "
                                                "--json and --show-probs"
                                              : "is for one prompt: leave out --interactive and --batch-file"});
  }
  if (!guided_) return;
  if (goes_on() && has_prompt) {
    throw OptionError({.field = "--session", .value = quoted(*session_file_), .rule = "holds a prompt: leave it out"});
  }
  if (!goes_on() && (!has_prompt || prompt_ == "-" || prompt_file_ == "-")) {
    throw OptionError(ErrorFields{.field = "--guided",
                                  .rule = "needs --prompt, --prompt-file or --ids: standard input is for the answers"});
  }
}

// What only programs are shown.
void Generate::warn_without_json(const GenerationConfig& config) const {
  if (config.stream_tentative.value_or(false) && !(json_ ? events_ : stdout_is_terminal() && !no_stream_)) {
    notify("warning: --stream-tentative shows on a terminal, or with --json --events");
  }
  if (json_) return;
  const auto warn = [this](const char* flag, bool given) {
    if (given) notify("warning: " + std::string(flag) + " has no effect without --json");
  };
  warn("--logprobs", config.logprobs.has_value());
  warn("--processed-logprobs", config.processed_logprobs.has_value());
  warn("--prompt-logprobs", config.prompt_logprobs.has_value());
  warn("--output-scores", config.output_scores.value_or(false));
  warn("--output-logits", config.output_logits.value_or(false));
  warn("--output-hidden-states", config.output_hidden_states.value_or(false));
  warn("--output-attentions", config.output_attentions.value_or(false));
}

// "skald generate MODEL -" reads the prompt from standard input.
void Generate::take_dash(std::vector<std::string>& positional) {
  const auto dash = std::find(positional.begin(), positional.end(), "-");
  if (dash == positional.end()) return;
  if (prompt_file_) throw OptionError("give one of - and --prompt-file, not both");
  prompt_file_ = "-";
  positional.erase(dash);
}

Prompt Generate::text_prompt(std::string text, const std::string& source) const {
  require_utf8(text, source);
  return text;
}

Prompt Generate::read_prompt() const {
  if (ids_) return parse_ids("--ids", *ids_);
  if (prompt_ && *prompt_ != "-") return text_prompt(escape_ ? unescape("--prompt", *prompt_) : *prompt_, "--prompt");
  const std::string path = prompt_file_.value_or("-");
  return text_prompt(read_text(path), path == "-" ? "standard input" : path);
}

BatchSettings Generate::batch_settings() const {
  return {.input = *batch_file_,
          .output = output_file_,
          .resume = resume_,
          .json = json_,
          .events = events_,
          .timings = stats_,
          .quiet = quiet_};
}

GenerationConfig Generate::config() const {
  GenerationConfig config = options_.request();
  const auto& adapters = load_.options().adapters;
  if (adapters.size() == 1 && !config.adapter) config.adapter = adapters[0];
  if (adapters.size() > 1 && !config.adapter && !batch_file_ && !interactive_) {
    notify("warning: --adapter names none of the " + std::to_string(adapters.size()) + " that --lora loads: none acts");
  }
  const auto& controls = load_.options().control_vectors;
  if (controls.size() == 1 && !config.control_vectors) config.control_vectors = {{controls.begin()->first, 1.0}};
  return config;
}

void Generate::notify(std::string_view line) const {
  if (!quiet_) write_notice(line);
}

int Generate::run(const std::vector<std::string>& positional) {
  std::vector<std::string> arguments = positional;
  take_dash(arguments);
  check();
  show_log(quiet_);
  options_.read(escape_);
  if (save_config_) options_.request().save(*save_config_);
  if (only_saves_) return 0;
  const GenerationConfig config = this->config();
  const std::string path = model_path(arguments);  // told before a prompt is waited for
  // What is wrong with the prompt is told before a model is loaded.
  const bool has_prompt = !interactive_ && !batch_file_ && !(guided_ && goes_on());
  const std::optional<Prompt> prompt = has_prompt ? std::optional(read_prompt()) : std::nullopt;
  const auto batch = batch_file_ ? std::make_unique<Batch>(batch_settings()) : nullptr;
  if (output_file_ && !batch) redirect_output(*output_file_);
  const Model model = load_.load(path);
  warn_without_json(config);
  try {
    if (batch) return batch->run(model, config);
    if (interactive_) {
      const auto load = [this](const std::string& of) { return load_.load(named_model(of)); };
      return run_interactive({.model = model, .config = config, .load = load});
    }
    if (guided_ || show_probs_) return run_session(model, prompt, config);
    return answer(model, *prompt, config, {json_, events_, no_stream_, stats_, quiet_});
  } catch (const OptionError& error) {
    throw with_flag_name(error);
  }
}

int Generate::run_session(const Model& model, const std::optional<Prompt>& prompt,
                          const GenerationConfig& config) const {
  Session session = prompt ? Session(model, *prompt, config) : Session::load(*session_file_, model);
  if (guided_) return run_guided(session, {.file = session_file_});
  show_probabilities(session);
  return 0;
}

void Generate::show_probabilities(Session& session) const {
  const std::vector<Alternative> next = session.alternatives(Session::kRoot, kShownProbabilities);
  if (!json_) return write_output(probability_table(session.model(), next));
  const auto as_json = [](const Alternative& each) {
    return JsonObject()
        .add("token", each.token)
        .add("text", each.text)
        .add("probability", each.probability)
        .add("processed_probability", each.processed_probability)
        .text();
  };
  write_output(
      JsonObject().add("prompt_tokens", session.prompt().size()).add_raw("next", json_array(next, as_json)).line());
}

}  // namespace

std::unique_ptr<Command> make_generate() { return std::make_unique<Generate>(); }

}  // namespace skald::cli
