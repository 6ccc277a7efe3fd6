// skald chat: a conversation with a model, in the form of its chat template.
#include "skald/chat.h"

#include <functional>
#include <optional>
#include <utility>
#include <variant>

#include "command.h"
#include "dialogue.h"
#include "generation_flags.h"
#include "input.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

constexpr std::int64_t kMaxNewTokens = 512;  // of an answer, where neither a flag nor the model says

class Conversation final : public Dialogue {
 public:
  using FindTemplate = std::function<ChatTemplate(const std::string& path)>;

  Conversation(Setup setup, const std::string& path, FindTemplate find)
      : Dialogue(std::move(setup)), find_(std::move(find)), chat_(find_(path)) {
    commands_.add({"/system", "[TEXT]", "show what the model is told before the first turn, or change it",
                   [this](std::string_view text) {
                     if (!text.empty()) system_ = std::string(text);
                     write_error(system_ ? "System: " + escape_controls(*system_) + "\n"
                                         : "There is no system prompt.\n");
                   }});
    commands_.add({"/clear", "", "begin a new conversation", [this](auto) {
                     forget();
                     write_error("A new conversation.\n");
                   }});
  }

 protected:
  [[nodiscard]] std::string kind() const override { return "chat"; }

  [[nodiscard]] Prompt prompt_for(const std::vector<ChatMessage>& messages) const override {
    const bool goes_on = messages.back().role == "assistant";
    const RenderedChat rendered = chat_.render(
        {.messages = chat_json(messages), .add_generation_prompt = !goes_on, .continue_final_message = goes_on});
    return chat_.encode(rendered, model().tokenizer()).ids;
  }

  // An answer ends where the model's context does.
  [[nodiscard]] GenerationConfig config_for(const Prompt& prompt, const GenerationConfig& config) const override {
    GenerationConfig limited = config;
    const GenerationConfig all = config.over(model().generation_config());
    if (!all.max_new_tokens && !all.max_length) limited.max_new_tokens = kMaxNewTokens;
    const std::int64_t context = room();
    if (context == 0) return limited;
    const std::int64_t used = std::ssize(std::get<std::vector<TokenId>>(prompt));
    if (used >= context) {
      throw LimitError({.field = "the conversation",
                        .value = std::to_string(used) + " tokens",
                        .rule = "fills the model's context of " + std::to_string(context) +
                                ": /undo takes turns back, /clear begins anew"});
    }
    const std::int64_t wanted = limited.max_new_tokens ? *limited.max_new_tokens
                                : all.max_new_tokens   ? *all.max_new_tokens
                                                       : *all.max_length - used;
    if (wanted > context - used) limited.max_new_tokens = context - used;
    return limited;
  }

  [[nodiscard]] std::string before(std::string_view /*said*/) const override { return ""; }

  void answered(const Completion& completion) override {
    const std::int64_t used = completion.prompt_tokens + std::ssize(completion.token_ids);
    const std::int64_t context = room();
    if (context > 0 && used >= context) {
      write_notice("the model's context of " + std::to_string(context) +
                   " tokens is full: /undo takes turns back, /clear begins anew");
    }
    if (!stdout_is_terminal() || !stderr_is_terminal()) return;
    const std::string of = context > 0 ? " / " + std::to_string(context) : "";
    write_error(dim("[" + std::to_string(used) + of + " tokens]") + "\n");
  }

  void changes_model(const std::string& path) override { chat_ = find_(named_model(path)); }

 private:
  // Tokens of prompt and answer together; 0: not limited. An encoder's input does not share it with the answer.
  [[nodiscard]] std::int64_t room() const { return model().info().encoder_layers > 0 ? 0 : model().info().context; }

  FindTemplate find_;
  ChatTemplate chat_;
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
                "skald chat path/to/model --load talk.json --save talk.json\n"
                "echo \"Tell me a story.\" | skald chat path/to/model --seed 7"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Conversation");
    flags.text("--system,-s", "TEXT", system_, "What the model is told before the first turn.");
    flags.text("--template,-t", "F", template_, "A chat template in a file, in place of the model's.");
    flags.text("--save", "F", save_, "Keep the conversation in this file, after every turn.");
    flags.text("--load", "F", load_file_, "Go on with the conversation that was saved in this file.");
    load_.add_to(flags);
    generation_.add_to(flags);
  }

  int run(const std::vector<std::string>& positional) override {
    const std::string path = model_path(positional);
    const auto find = [this](const std::string& of) {
      return template_ ? ChatTemplate::from_source(read_text(*template_), *template_, of) : ChatTemplate::load(of);
    };
    find(path);  // a model without one is told before it is loaded
    const GenerationConfig config = generation_.config(/*escape=*/false);
    try {
      Conversation conversation({.model = load_.load(path),
                                 .config = config,
                                 .load = [this](const std::string& of) { return load_.load(named_model(of)); },
                                 .system = system_,
                                 .save_file = save_},
                                path, find);
      if (load_file_) conversation.load(*load_file_);
      conversation.run("say something");
    } catch (const OptionError& error) {
      throw with_flag_name(error);
    }
    return 0;
  }

 private:
  std::optional<std::string> system_, template_, save_, load_file_;
  LoadFlags load_;
  GenerationFlags generation_;
};

}  // namespace

std::unique_ptr<Command> make_chat() { return std::make_unique<Chat>(); }

}  // namespace skald::cli
