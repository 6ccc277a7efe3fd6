// skald generate: continues prompts.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "command.h"
#include "completion_output.h"
#include "generation_flags.h"
#include "guided.h"
#include "input.h"
#include "interactive.h"
#include "json_object.h"
#include "live_text.h"
#include "skald/skald.h"
#include "skald/text.h"
#include "terminal.h"
#include "token_tables.h"

namespace skald::cli {
namespace {

constexpr std::size_t kMaxPrompts = 100'000;
constexpr std::int64_t kShownProbabilities = 10;  // of --show-probs

class Generate final : public Command {
 public:
  [[nodiscard]] Words words() const override;
  void add_flags(Flags& flags) override;
  int run(const std::vector<std::string>& positional) override;

 private:
  void check() const;
  void take_dash(std::vector<std::string>& positional);
  [[nodiscard]] std::vector<Prompt> read_prompts() const;
  [[nodiscard]] Prompt text_prompt(std::string text, const std::string& source) const;
  [[nodiscard]] GenerationConfig config() const;
  int answer(const Model& model, std::vector<Prompt> prompts, const GenerationConfig& config) const;
  int finish(const std::vector<Completion>& completions, const CallTimer& timer) const;
  void notify(std::string_view line) const;

  std::vector<Completion> stream_one(const Model& model, const Prompt& prompt, const GenerationConfig& config,
                                     CallTimer& timer) const;
  std::vector<Completion> write_json(const Model& model, std::vector<Prompt> prompts, const GenerationConfig& config,
                                     CallTimer& timer) const;
  std::vector<Completion> write_text(const Model& model, std::vector<Prompt> prompts, const GenerationConfig& config,
                                     CallTimer& timer) const;

  void check_session(bool has_prompt) const;
  [[nodiscard]] bool goes_on() const { return session_file_ && std::filesystem::exists(*session_file_); }
  int run_session(const Model& model, const std::vector<Prompt>& prompts, const GenerationConfig& config) const;
  void show_probabilities(Session& session) const;
  void warn_without_json(const GenerationConfig& config) const;

  std::optional<std::string> prompt_, prompt_file_, ids_, batch_file_, config_file_, session_file_, output_file_;
  bool interactive_ = false;
  bool guided_ = false;
  bool show_probs_ = false;
  bool escape_ = false;
  bool json_ = false;
  bool events_ = false;
  bool no_stream_ = false;
  bool stats_ = false;
  bool quiet_ = false;
  LoadFlags load_;
  GenerationFlags generation_;
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
              "skald generate --prompt \"Once\" --num-samples 3 --json\n"
              "skald generate --prompt \"The king\" --show-probs\n"
              "skald generate --prompt \"The king\" --guided --session tale.json\n"
              "printf 'The wolf said' | skald generate --stop .\n"
              "skald generate path/to/model --batch-file prompts.jsonl --json > answers.jsonl"};
}

void Generate::add_flags(Flags& flags) {
  flags.group("Prompt (one of these)");
  flags.text("--prompt,-p", "TEXT", prompt_, "The text to continue, taken literally (- is standard input).");
  flags.text("--prompt-file,-f", "F", prompt_file_, "Read the text from this file, as it is (- is standard input).");
  flags.text("--ids", "IDS", ids_, "The prompt as token ids: 1,2,3. No tokenizer is needed.");
  flags.text("--batch-file", "F", batch_file_,
             "One prompt a line, in JSON: \"text\", [1, 2, 3], or {\"prompt\": either}. All are run together.");
  flags.toggle("--interactive,-i", interactive_, "Ask for prompts one after the other, each on its own.");
  flags.toggle("--guided", guided_, "Write the text together: show what may come next, and ask.");
  flags.text("--session", "F", session_file_, "With --guided: keep the session in this file, and go on from it.");
  flags.toggle("--escape,-e", escape_, "Read \\n, \\t, \\\\ and \\xNN in --prompt and --stop as in C.");
  flags.group("Output");
  flags.toggle("--json", json_, "Write each completion as one line of JSON.");
  flags.toggle("--events", events_, "With --json: also a line for each piece of text as it comes.");
  flags.text("--output-file,-o", "F", output_file_, "Write to this file instead of standard output.");
  flags.toggle("--show-probs", show_probs_, "Show how probable the next tokens are, and generate nothing.");
  flags.toggle("--no-stream", no_stream_, "Write the text when it is complete, not as it comes.");
  flags.toggle("--stats", stats_,
               "Tell tokens, times and the seed on standard error; with --json also the timings of each.");
  flags.toggle("--quiet,-q", quiet_, "No warnings and notices on standard error.");
  flags.group("Options from a file");
  flags.text("--config", "F", config_file_,
             "Take options from this generation_config.json, or the one in this folder; flags go before it.");
  generation_.add_to(flags);
  load_.add_to(flags);
}

void Generate::check() const {
  const int sources =
      (prompt_ ? 1 : 0) + (prompt_file_ ? 1 : 0) + (ids_ ? 1 : 0) + (batch_file_ ? 1 : 0) + (interactive_ ? 1 : 0);
  if (sources > 1) {
    throw OptionError("give one of --prompt, --prompt-file, --ids, --batch-file and --interactive, not several");
  }
  check_session(sources > 0);
  if (sources == 0 && stdin_is_terminal() && !guided_) {
    throw OptionError("no prompt: skald generate --prompt \"Once upon a time\" (or --interactive to be asked)");
  }
  if (interactive_ && json_) throw OptionError("--interactive is for people: leave out --json");
  if (output_file_ && (interactive_ || guided_)) {
    throw OptionError(ErrorFields{.field = "--output-file", .rule = "is not for --interactive and --guided"});
  }
  if (events_ && !json_) throw OptionError(ErrorFields{.field = "--events", .rule = "goes with --json"});
  if (escape_ && !prompt_ && !generation_.has_texts()) {
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

std::vector<Prompt> Generate::read_prompts() const {
  if (ids_) return {parse_ids("--ids", *ids_)};
  if (prompt_ && *prompt_ != "-") return {text_prompt(escape_ ? unescape("--prompt", *prompt_) : *prompt_, "--prompt")};
  if (!batch_file_) {
    const std::string path = prompt_file_.value_or("-");
    return {text_prompt(read_text(path), path == "-" ? "standard input" : path)};
  }
  std::vector<Prompt> prompts;
  read_lines(*batch_file_, [&](std::string_view line, const std::string& source) {
    if (is_blank(line)) return;
    if (prompts.size() == kMaxPrompts) {
      throw LimitError({.file = source, .rule = "one call takes at most " + std::to_string(kMaxPrompts) + " prompts"});
    }
    prompts.push_back(json_prompt(line, source));
  });
  if (prompts.empty())
    throw FormatError({.file = *batch_file_, .rule = "holds no prompt: one JSON string a line is needed"});
  return prompts;
}

GenerationConfig Generate::config() const {
  GenerationConfig config = generation_.config(escape_);
  if (config_file_) config = config.over(GenerationConfig::load(*config_file_));
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
  const GenerationConfig config = this->config();
  std::vector<Prompt> prompts;
  const std::string path = model_path(arguments);  // told before a prompt is waited for
  const bool asks = interactive_ || (guided_ && goes_on());
  if (!asks) prompts = read_prompts();  // a wrong one is told before a model is loaded
  if (output_file_) redirect_output(*output_file_);
  const Model model = load_.load(path);
  warn_without_json(config);
  try {
    if (guided_ || show_probs_) return run_session(model, prompts, config);
    return interactive_ ? run_interactive(model, config) : answer(model, std::move(prompts), config);
  } catch (const OptionError& error) {
    throw with_flag_name(error);
  }
}

int Generate::run_session(const Model& model, const std::vector<Prompt>& prompts,
                          const GenerationConfig& config) const {
  Session session = prompts.empty() ? Session::load(*session_file_, model) : Session(model, prompts[0], config);
  if (guided_) return run_guided(session, session_file_);
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

int Generate::answer(const Model& model, std::vector<Prompt> prompts, const GenerationConfig& config) const {
  const std::int64_t samples = config.over(model.generation_config()).num_return_sequences.value_or(1);
  CallTimer timer;
  if (json_) return finish(write_json(model, std::move(prompts), config, timer), timer);
  const bool one = prompts.size() == 1 && samples == 1 && model.has_tokenizer();
  if (one && !no_stream_) return finish(stream_one(model, prompts[0], config, timer), timer);
  return finish(write_text(model, std::move(prompts), config, timer), timer);
}

std::vector<Completion> Generate::stream_one(const Model& model, const Prompt& prompt, const GenerationConfig& config,
                                             CallTimer& timer) const {
  LiveText live;
  if (stdout_is_terminal()) live.begin_with(prompt_text(model, prompt));
  Generation generation = model.submit(
      {prompt}, config,
      [&](const StreamEvent& event) {
        timer.count(event);
        live.show(event);
      },
      Door::generate_command);
  std::vector<Completion> completions = generation.wait();
  write_output("\n");
  if (!completions[0].trace.empty()) write_output("\n" + trace_table(model, completions[0]));
  return completions;
}

std::vector<Completion> Generate::write_json(const Model& model, std::vector<Prompt> prompts,
                                             const GenerationConfig& config, CallTimer& timer) const {
  OrderedJsonLines lines(config.over(model.generation_config()).num_return_sequences.value_or(1), stats_);
  Generation generation = model.submit(
      std::move(prompts), config,
      [&](const StreamEvent& event) {
        timer.count(event);
        if (events_) write_output(event_json(event));
        if (event.finished != nullptr) lines.add(*event.finished);
      },
      Door::generate_command);
  return generation.wait();
}

std::vector<Completion> Generate::write_text(const Model& model, std::vector<Prompt> prompts,
                                             const GenerationConfig& config, CallTimer& timer) const {
  const std::vector<Prompt> asked = prompts;
  Generation generation = model.submit(
      std::move(prompts), config, [&timer](const StreamEvent& event) { timer.count(event); }, Door::generate_command);
  std::vector<Completion> completions = generation.wait();
  for (const Completion& completion : completions) {
    if (completions.size() > 1) {
      const std::string head = "--- prompt " + std::to_string(completion.prompt_index + 1) + ", completion " +
                               std::to_string(completion.index + 1) + " ---";
      write_output(dim(head) + "\n");
    }
    if (stdout_is_terminal()) {
      write_output(dim(prompt_text(model, asked[static_cast<std::size_t>(completion.prompt_index)])));
    }
    write_output(completion_text(completion, model.has_tokenizer()) + "\n");
    if (!completion.trace.empty()) write_output("\n" + trace_table(model, completion));
  }
  return completions;
}

int Generate::finish(const std::vector<Completion>& completions, const CallTimer& timer) const {
  int code = 0;
  for (const Completion& completion : completions) {
    if (completion.finish_reason == FinishReason::error) {
      write_notice(completion.notice);
      code = 1;
    } else if (!completion.notice.empty()) {
      notify(completion.notice);
    }
  }
  if (stats_) write_notice(timer.summary(completions));
  return code;
}

}  // namespace

std::unique_ptr<Command> make_generate() { return std::make_unique<Generate>(); }

}  // namespace skald::cli
