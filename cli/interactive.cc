#include "interactive.h"

#include <algorithm>
#include <string>

#include "flags.h"
#include "skald/error.h"
#include "terminal.h"
#include "turns.h"

namespace skald::cli {
namespace {

constexpr std::string_view kHelp =
    "Any line is the beginning of a text; // at its start stands for /.\n"
    "  /set NAME=VALUE  change an option, as the flag --NAME does\n"
    "  /status          show the options that are in force\n"
    "  /reset           go back to those of the start\n"
    "  /clear           clear the screen\n"
    "  /help            show this\n"
    "  /quit            end, as Ctrl-D does\n";

// {"a":1,"b":[2,3]} as lines "  a = 1".
std::string settings_lines(std::string_view json) {
  std::string out = "  ";
  int depth = 0;
  bool in_string = false, in_key = true;
  for (std::size_t i = 1; i + 1 < json.size(); ++i) {
    const char c = json[i];
    if (c == '"' && json[i - 1] != '\\') in_string = !in_string;
    if (!in_string) depth += static_cast<int>(c == '[' || c == '{') - static_cast<int>(c == ']' || c == '}');
    const bool outside = !in_string && depth == 0;
    if (outside && c == ',') {
      out += "\n  ";
      in_key = true;
    } else if (outside && in_key && c == ':') {
      out += " = ";
      in_key = false;
    } else if (!in_key || c != '"') {
      out += c;
    }
  }
  return json.size() > 2 ? out + "\n" : "";
}

class Conversation {
 public:
  Conversation(const Model& model, const GenerationConfig& config) : model_(model), start_(config), config_(config) {
    check_one(config);
  }

  void answer(std::string_view prompt) const {
    const std::string before = stdout_is_terminal() ? escape_controls(prompt) : "";
    show_answer(model_, std::string(prompt), config_, before);
  }

  /// Throws Quit where the command asks for the end.
  void command(std::string_view line) {
    const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
    command(line.substr(0, space), trimmed(line.substr(space)));
  }

 private:
  static std::string_view trimmed(std::string_view text) {
    const std::size_t begin = std::min(text.find_first_not_of(" \t\r"), text.size());
    return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
  }

  void command(std::string_view name, std::string_view argument) {
    if (name == "/quit" || name == "/exit") throw Quit();
    if (name == "/help") {
      write_error(kHelp);
    } else if (name == "/set") {
      set(argument);
    } else if (name == "/status") {
      const GenerationConfig lower = model_.generation_config().over(door_defaults(Door::generate_command));
      write_error(escape_controls(settings_lines(config_.over(lower).to_json())));
    } else if (name == "/reset") {
      config_ = start_;
      write_error("Back to the options of the start.\n");
    } else if (name == "/clear") {
      if (stdout_is_terminal()) write_output("\x1b[H\x1b[2J");
    } else {
      const std::vector<std::string> names = {"/set", "/status", "/reset", "/clear", "/help", "/quit"};
      const std::string near = nearest(name, names);
      throw OptionError(
          {.field = "command",
           .value = quoted(name),
           .rule = near.empty() ? "is not known: /help shows all" : "is not known; did you mean " + near + "?"});
    }
  }

  // "temperature=0.5", "temperature 0.5".
  void set(std::string_view argument) {
    const std::size_t end = std::min(argument.find_first_of("= \t"), argument.size());
    const std::string name(argument.substr(0, end));
    const std::string value(trimmed(argument.substr(std::min(end + 1, argument.size()))));
    if (name.empty() || end == argument.size()) {
      throw OptionError(ErrorFields{.field = "/set", .rule = "takes NAME=VALUE, for example /set temperature=0.8"});
    }
    GenerationConfig changed = config_;
    changed.set(name, value);
    check_one(changed);
    config_ = std::move(changed);
    write_error("Updated: " + escape_controls(name + "=" + value) + "\n");
  }

  void check_one(const GenerationConfig& config) const {
    if (config.over(model_.generation_config()).num_return_sequences.value_or(1) == 1) return;
    throw OptionError("--interactive shows one completion of each prompt: leave out --num-samples");
  }

  const Model& model_;
  const GenerationConfig& start_;
  GenerationConfig config_;
};

}  // namespace

int run_interactive(const Model& model, const GenerationConfig& config) {
  Conversation conversation(model, config);
  take_turns({"type the beginning of a text; /help shows commands, Ctrl-C stops the answer, Ctrl-D ends",
              [&](std::string_view line) { conversation.answer(line); },
              [&](std::string_view line) { conversation.command(line); }});
  return 0;
}

}  // namespace skald::cli
