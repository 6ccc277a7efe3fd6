// skald chat: a conversation with a model, in the form of its chat template.
#include "skald/chat.h"

#include <optional>

#include "command.h"
#include "generation_flags.h"
#include "input.h"
#include "skald/skald.h"
#include "terminal.h"
#include "turns.h"

namespace skald::cli {
namespace {

constexpr std::int64_t kMaxNewTokens = 512;  // of an answer, where neither a flag nor the model says

constexpr std::string_view kHelp =
    "Any line is said to the model; // at its start stands for /.\n"
    "  /clear  begin a new conversation\n"
    "  /help   show this\n"
    "  /quit   end, as Ctrl-D does\n";

/// What was said so far, and what says the next.
class Conversation {
 public:
  Conversation(const Model& model, const ChatTemplate& chat, GenerationConfig config, std::optional<std::string> system)
      : model_(model), chat_(chat), config_(std::move(config)), system_(std::move(system)) {
    clear();
  }

  void answer(std::string_view said) {
    messages_.push_back({"user", std::string(said)});
    try {
      const RenderedChat rendered = chat_.render({.messages = chat_json(messages_), .add_generation_prompt = true});
      std::vector<TokenId> prompt = chat_.encode(rendered, model_.tokenizer()).ids;
      messages_.push_back({"assistant", show_answer(model_, std::move(prompt), config_).text});
    } catch (...) {
      messages_.pop_back();  // a turn without an answer is as if it had not been
      throw;
    }
  }

  /// Throws Quit where the command asks for the end.
  void command(std::string_view line) {
    if (line == "/quit" || line == "/exit") throw Quit();
    if (line == "/help") return write_error(kHelp);
    if (line != "/clear") {
      throw OptionError(
          ErrorFields{.field = "command", .value = quoted(line), .rule = "is not known: /help shows all"});
    }
    clear();
    write_error("A new conversation.\n");
  }

 private:
  void clear() {
    messages_.clear();
    if (system_) messages_.push_back({"system", *system_});
  }

  const Model& model_;
  const ChatTemplate& chat_;
  GenerationConfig config_;
  std::optional<std::string> system_;
  std::vector<ChatMessage> messages_;
};

class Chat final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "chat",
            .summary = "Talk with a model, by its chat template.",
            .synopsis = "[MODEL] [--system TEXT] [--template F] [options of generation]",
            .details =
                "Each line of standard input is a turn; the answer goes to standard output as it is made.\n"
                "Nothing that is typed can become a control token of the model.",
            .examples =
                "skald chat path/to/model\n"
                "skald chat path/to/model --system \"Answer in one sentence.\" --temperature 0.7\n"
                "echo \"Tell me a story.\" | skald chat path/to/model --seed 7"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Conversation");
    flags.text("--system,-s", "TEXT", system_, "What the model is told before the first turn.");
    flags.text("--template,-t", "F", template_, "A chat template in a file, in place of the model's.");
    load_.add_to(flags);
    generation_.add_to(flags);
  }

  int run(const std::vector<std::string>& positional) override {
    const std::string path = model_path(positional);
    const ChatTemplate chat =
        template_ ? ChatTemplate::from_source(read_text(*template_), *template_, path) : ChatTemplate::load(path);
    GenerationConfig config = generation_.config(/*escape=*/false);
    try {
      const Model model = load_.load(path);
      const GenerationConfig& own = model.generation_config();
      if (!config.max_new_tokens && !config.max_length && !own.max_new_tokens && !own.max_length) {
        config.max_new_tokens = kMaxNewTokens;
      }
      if (config.over(own).num_return_sequences.value_or(1) != 1) {
        throw OptionError("a chat has one answer to each turn: leave out --num-samples");
      }
      Conversation conversation(model, chat, config, system_);
      take_turns({"say something; /help shows commands, Ctrl-C stops the answer, Ctrl-D ends",
                  [&](std::string_view line) { conversation.answer(line); },
                  [&](std::string_view line) { conversation.command(line); }});
    } catch (const OptionError& error) {
      throw with_flag_name(error);
    }
    return 0;
  }

 private:
  std::optional<std::string> system_, template_;
  LoadFlags load_;
  GenerationFlags generation_;
};

}  // namespace

std::unique_ptr<Command> make_chat() { return std::make_unique<Chat>(); }

}  // namespace skald::cli
