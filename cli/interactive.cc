#include "interactive.h"

#include <string>
#include <utility>

#include "terminal.h"

namespace skald::cli {
namespace {

class Prompts final : public Dialogue {
 public:
  explicit Prompts(Setup setup) : Dialogue(std::move(setup)) {
    commands_.add({"/clear", "", "clear the screen", [](auto) {
                     if (stdout_is_terminal()) write_output("\x1b[H\x1b[2J");
                   }});
  }

 protected:
  [[nodiscard]] std::string kind() const override { return "prompts"; }

  // Each prompt stands for itself; the text that came of the last one is what goes on.
  [[nodiscard]] Prompt prompt_for(const std::vector<ChatMessage>& messages) const override {
    const ChatMessage& last = messages.back();
    return last.role == "user" ? last.content : messages[messages.size() - 2].content + last.content;
  }

  [[nodiscard]] GenerationConfig config_for(const Prompt& /*prompt*/, const GenerationConfig& config) const override {
    return config;
  }
  [[nodiscard]] std::string before(std::string_view said) const override {
    return stdout_is_terminal() ? escape_controls(said) : "";
  }
  void answered(const Completion& /*completion*/) override {}
  void changes_model(const std::string& /*path*/) override {}
};

}  // namespace

int run_interactive(Dialogue::Setup setup) {
  Prompts(std::move(setup)).run("type the beginning of a text");
  return 0;
}

}  // namespace skald::cli
