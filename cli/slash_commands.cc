#include "slash_commands.h"

#include <algorithm>
#include <filesystem>

#include "flags.h"
#include "skald/error.h"
#include "skald/generation_config.h"
#include "terminal.h"

namespace skald::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

// "--top-p", "top-p" and "top_p" are one.
std::string option_name(std::string_view typed) {
  std::string name(typed.substr(typed.starts_with("--") ? 2 : 0));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

bool is_called(const OptionInfo& option, const std::string& name) {
  if (option.name == name || option_name(option.flag) == name) return true;
  std::string_view rest = option.aliases;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    if (option_name(rest.substr(0, end)) == name) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

const OptionInfo* find_option(std::string_view typed) {
  const std::string name = option_name(typed);
  for (const OptionInfo& option : generation_options()) {
    if (is_called(option, name)) return &option;
  }
  return nullptr;
}

// "low, high or a list of layers": the words that stand for themselves.
std::vector<std::string> listed_values(const OptionInfo& option) {
  if (option.type == "boolean") return {"true", "false"};
  if (option.type != "choice" && option.type != "names") return {};
  std::vector<std::string> words;
  std::string range(option.range);
  for (std::size_t at = range.find(" or "); at != std::string::npos; at = range.find(" or "))
    range.replace(at, 4, ", ");
  for (std::size_t begin = 0; begin < range.size();) {
    const std::size_t end = std::min(range.find(", ", begin), range.size());
    const std::string word = range.substr(begin, end - begin);
    if (word.find(' ') == std::string::npos) words.push_back(word);
    begin = end + 2;
  }
  return words;
}

}  // namespace

void SlashCommands::run(std::string_view line) const {
  const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
  std::string name(trimmed(line.substr(0, space)));
  if (name == "/exit") name = "/quit";
  const std::string_view argument = trimmed(line.substr(space));
  std::vector<std::string> names;
  for (const SlashCommand& command : commands_) {
    names.push_back(command.name);
    if (command.name != name) continue;
    if (command.argument.empty() && !argument.empty()) {
      throw OptionError({.field = name, .value = skald::quoted(argument), .rule = "takes nothing behind it"});
    }
    if (argument.empty() && !command.argument.empty() && !command.argument.starts_with('[')) {
      throw OptionError(ErrorFields{.field = name, .rule = "takes " + command.argument + ": " + command.help});
    }
    return command.run(argument);
  }
  const std::string near = nearest(name, names);
  throw OptionError(
      {.field = "command",
       .value = skald::quoted(name),
       .rule = near.empty() ? "is not known: /help shows all" : "is not known; did you mean " + near + "?"});
}

std::string SlashCommands::help() const {
  std::size_t width = 0;
  for (const SlashCommand& command : commands_) {
    width = std::max(width, command.name.size() + 1 + command.argument.size());
  }
  std::string out;
  for (const SlashCommand& command : commands_) {
    const std::string call = command.name + (command.argument.empty() ? "" : " " + command.argument);
    out += "  " + call + std::string(width + 2 - call.size(), ' ') + command.help + "\n";
  }
  return out;
}

Completions SlashCommands::complete(std::string_view before_cursor) const {
  if (!before_cursor.starts_with('/')) return {};
  const std::size_t space = before_cursor.find(' ');
  if (space == std::string_view::npos) {
    Completions names;
    for (const SlashCommand& command : commands_) names.words.push_back(command.name);
    return names;
  }
  for (const SlashCommand& command : commands_) {
    if (command.name != before_cursor.substr(0, space) || !command.complete) continue;
    Completions found = command.complete(before_cursor.substr(space + 1));
    found.begin += space + 1;
    return found;
  }
  return {};
}

Completions complete_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder(slash == std::string_view::npos ? "" : path.substr(0, slash + 1));
  Completions found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder.empty() ? "." : folder, error)) {
    const std::string name = entry.path().filename().string();
    const bool hidden = name.starts_with('.') && path.substr(folder.size()).empty();
    std::error_code ignored;
    if (!hidden) found.words.push_back(folder + name + (entry.is_directory(ignored) ? "/" : ""));
  }
  std::sort(found.words.begin(), found.words.end());
  return found;
}

Completions complete_option(std::string_view setting) {
  const std::size_t end = setting.find_first_of("= ");
  Completions found;
  if (end == std::string_view::npos) {
    const bool dashes = setting.find('-') != std::string_view::npos;
    for (const OptionInfo& option : generation_options()) {
      std::string name(option.name);
      if (dashes) name = setting.starts_with("--") ? option.flag : option.flag.substr(2);
      found.words.push_back(name + "=");
    }
    return found;
  }
  const OptionInfo* const option = find_option(setting.substr(0, end));
  if (option == nullptr) return {};
  found.begin = end + 1;
  if (option->type == "names") found.begin = std::max(found.begin, setting.rfind(',') + 1);
  found.words = listed_values(*option);
  return found;
}

std::string explain_option(std::string_view name) {
  const OptionInfo* const option = find_option(name);
  if (option == nullptr) {
    GenerationConfig().set(name, "");  // says what it is, or which is near
    throw OptionError({.field = "/set", .value = skald::quoted(name), .rule = "takes NAME=VALUE"});
  }
  const std::string range = option->range.empty() ? "" : " " + std::string(option->range);
  return std::string(option->name) + " (" + std::string(option->type) + range + "): " + std::string(option->meaning) +
         "\n";
}

}  // namespace skald::cli
