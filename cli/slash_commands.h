// The commands that begin with a slash: one table that runs, explains (/help), suggests and completes them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "line_editor.h"

namespace skald::cli {

struct SlashCommand {
  std::string name;      // "/set"
  std::string argument;  // "F": needed; "[N]": may be there; empty: none
  std::string help;
  std::function<void(std::string_view argument)> run;
  Completer complete = {};  // of the argument
};

class SlashCommands {
 public:
  void add(SlashCommand command) { commands_.push_back(std::move(command)); }
  /// "/set top_k 5". Throws OptionError for an unknown one, and where its argument is missing or too much.
  void run(std::string_view line) const;
  /// A line for each.
  [[nodiscard]] std::string help() const;
  [[nodiscard]] Completions complete(std::string_view before_cursor) const;

 private:
  std::vector<SlashCommand> commands_;
};

/// Files and folders that a path may become.
Completions complete_path(std::string_view path);

/// Of "NAME=VALUE": names of options, and their values where these can be listed.
Completions complete_option(std::string_view setting);

/// What an option is: its flag, range and meaning. Throws OptionError where there is none of that name.
std::string explain_option(std::string_view name);

}  // namespace skald::cli
