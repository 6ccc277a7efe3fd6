// A subcommand: its words, its flags, and what it does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flags.h"

namespace skald::cli {

class Command {
 public:
  struct Words {
    std::string name;
    std::string summary;   // one line, for the list of commands
    std::string synopsis;  // "[MODEL] --prompt TEXT", after "skald NAME"
    std::string details;   // paragraphs for --help, one a line
    std::string examples;  // for --help, one a line
  };

  virtual ~Command() = default;
  [[nodiscard]] virtual Words words() const = 0;
  /// Adds this command's flags; they write into its members.
  virtual void add_flags(Flags& flags) = 0;
  /// Does the work. Throws Error for what it refuses; returns the exit code.
  virtual int run(const std::vector<std::string>& positional) = 0;
};

std::unique_ptr<Command> make_generate();
std::unique_ptr<Command> make_inspect();
std::unique_ptr<Command> make_chat();
std::unique_ptr<Command> make_complete_step();
std::unique_ptr<Command> make_template();
std::unique_ptr<Command> make_tokenize();
std::unique_ptr<Command> make_detect();
std::unique_ptr<Command> make_eval();
std::unique_ptr<Command> make_quantize();
std::unique_ptr<Command> make_config();
std::unique_ptr<Command> make_control();
std::unique_ptr<Command> make_bench();
std::unique_ptr<Command> make_info();
std::unique_ptr<Command> make_completion();

/// Every subcommand, in the order of the help.
std::vector<std::unique_ptr<Command>> all_commands();

/// What a user calls `name`: a path as it is; a name from the Hugging Face cache, or fetched there from the hub. Throws
/// PathError where a name is nowhere.
std::string fetched_model(const std::string& name);

/// The same of a model that must be there. Throws OptionError where that is empty, PathError where there is
/// none.
std::string named_model(const std::string& name);

/// The one positional argument that a command takes, the model; without it the model that ships with Skald.
/// Throws OptionError where there are more.
std::string model_path(const std::vector<std::string>& positional);

}  // namespace skald::cli
