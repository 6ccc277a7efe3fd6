// skald complete-step: a text that a person and a model write together, token by token.
#include <filesystem>
#include <optional>

#include "command.h"
#include "generation_flags.h"
#include "guided.h"
#include "input.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

class CompleteStep final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "complete-step",
            .summary = "Write a text together: choose each next token.",
            .synopsis = "[MODEL] --prompt TEXT | --prompt-file F | --ids 1,2,3 | --session F",
            .details =
                "Shows the most probable next tokens and asks: a number takes one, text is taken as it is, Enter lets "
                "the model choose; /help lists the commands. The text goes to standard output at the end, everything "
                "else to standard error; answers may come from a pipe.",
            .examples =
                "skald complete-step --prompt \"Once upon a time\"\n"
                "skald complete-step --prompt \"The king\" --session tale.json --top 10\n"
                "printf '1\\n/go 20\\n' | skald complete-step --prompt \"The king\" --seed 7 --json"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Prompt (one of these)");
    flags.text("--prompt,-p", "TEXT", prompt_, "The text to continue, taken literally.");
    flags.text("--prompt-file,-f", "F", prompt_file_, "Read the text from this file, as it is.");
    flags.text("--ids", "IDS", ids_, "The prompt as token ids: 1,2,3.");
    flags.text("--session", "F", settings_.file, "Keep the session in this file; where it is there, go on from it.");
    flags.group("Output");
    flags.integer("--top", settings_.shown, 1, 20, "How many of the most probable tokens are shown. Default: 5.");
    flags.toggle("--json", settings_.json, "Write text, token ids and who chose each as one line of JSON.");
    generation_.add_to(flags);
    load_.add_to(flags);
  }

  int run(const std::vector<std::string>& positional) override {
    const bool goes_on = settings_.file && std::filesystem::exists(*settings_.file);
    const std::optional<Prompt> prompt = read_prompt();
    if (goes_on && prompt) {
      throw OptionError({.field = "--session", .value = *settings_.file, .rule = "holds a prompt: leave it out"});
    }
    if (!goes_on && !prompt) {
      throw OptionError("no prompt: skald complete-step --prompt \"Once upon a time\" (standard input is for answers)");
    }
    show_log(/*quiet=*/false);
    const GenerationConfig config = generation_.config(/*escape=*/false);
    const Model model = load_.load(model_path(positional));
    try {
      Session session = prompt ? Session(model, *prompt, config) : Session::load(*settings_.file, model);
      return run_guided(session, settings_);
    } catch (const OptionError& error) {
      throw with_flag_name(error);
    }
  }

 private:
  [[nodiscard]] std::optional<Prompt> read_prompt() const {
    if ((prompt_ ? 1 : 0) + (prompt_file_ ? 1 : 0) + (ids_ ? 1 : 0) > 1) {
      throw OptionError("give one of --prompt, --prompt-file and --ids, not several");
    }
    if (prompt_ == "-" || prompt_file_ == "-")
      throw OptionError("standard input is for answers: the prompt cannot be -");
    if (ids_) return parse_ids("--ids", *ids_);
    if (!prompt_ && !prompt_file_) return std::nullopt;
    std::string text = prompt_ ? *prompt_ : read_text(*prompt_file_);
    require_utf8(text, prompt_ ? "--prompt" : *prompt_file_);
    return text;
  }

  std::optional<std::string> prompt_, prompt_file_, ids_;
  GuidedSettings settings_;
  LoadFlags load_;
  GenerationFlags generation_;
};

}  // namespace

std::unique_ptr<Command> make_complete_step() { return std::make_unique<CompleteStep>(); }

}  // namespace skald::cli
