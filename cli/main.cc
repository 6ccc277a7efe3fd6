// The `skald` command. Exit codes: 0 done, 1 failed while running, 2 refused input, 130 interrupted.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <new>
#include <span>

#include "command.h"
#include "hub_client.h"
#include "manual.h"
#include "pull.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {

std::vector<std::unique_ptr<Command>> all_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  for (auto* make :
       {make_generate, make_chat, make_complete_step, make_inspect, make_tokenize, make_template, make_eval,
        make_quantize, make_config, make_control, make_detect, make_bench, make_pull, make_info, make_completion}) {
    commands.push_back(make());
  }
  return commands;
}

std::string fetched_model(const std::string& name) {
  std::error_code ignored;
  const auto on_hub = parse_hub_name(name);
  const bool fetches = on_hub && !is_offline() && !std::filesystem::exists(name, ignored) && !find_in_cache(*on_hub);
  if (fetches) write_notice(name + ": nothing here is called so: asking the hub");
  return fetches ? pull_model(*on_hub, /*show_progress=*/true).path : find_model(name);
}

std::string named_model(const std::string& name) {
  if (name.empty()) throw OptionError("the model's path is empty: give a model folder");
  std::string path = fetched_model(name);
  std::error_code ignored;
  if (std::filesystem::symlink_status(path, ignored).type() != std::filesystem::file_type::not_found) return path;
  throw PathError(
      PathError::Kind::not_found,
      ErrorFields{.file = path,
                  .rule = "no such file or folder: the first argument names a model (a text to continue goes after "
                          "--prompt, one to tokenize after the model)"});
}

std::string model_path(const std::vector<std::string>& positional) {
  if (positional.empty()) return Model::shipped_path();
  if (positional.size() == 1) return named_model(positional[0]);
  throw OptionError({.field = quoted(positional[1]),
                     .rule = "is one argument too many after the model " + quoted(positional[0]) +
                             " (a text of several words needs quotes; a prompt goes after --prompt)"});
}

namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kRefused = 2;
constexpr int kInterrupted = 130;

// Subcommands of later versions: refused by name, so that a mistyped one is told from a missing one.
constexpr std::array<std::string_view, 1> kNotYet = {"serve"};

std::size_t help_width() {
  winsize size = {};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return std::clamp<std::size_t>(known ? size.ws_col : 100, 60, 120);
}

std::string indented(const std::string& lines, std::size_t width) {
  std::string out;
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    out += "  " + (width == 0 ? lines.substr(begin, end - begin) : wrap(lines.substr(begin, end - begin), width, 2)) +
           "\n";
    begin = end + 1;
  }
  return out;
}

std::string command_help(const Command& command, const Flags& flags) {
  const Command::Words words = command.words();
  const std::size_t width = help_width();
  std::string out = words.summary + "\n\nUsage: skald " + words.name + " " +
                    wrap(words.synopsis, width - words.name.size() - 14, 7) + "\n";
  if (!words.details.empty()) out += "\n" + indented(words.details, width - 2);
  return out + flags.help(width) + "\nExamples:\n" + indented(words.examples, 0);
}

std::string general_help() {
  std::string out = "Skald " + std::string(version()) +
                    ": text from trained language models.\n\nUsage: skald COMMAND [ARGUMENTS]\n\nCommands:\n";
  for (const auto& command : all_commands()) {
    const Command::Words words = command->words();
    out += "  " + words.name + std::string(15 - words.name.size(), ' ') + words.summary + "\n";
  }
  return out +
         "\nA first story, by the model that ships with Skald:\n"
         "  skald generate --prompt \"Once upon a time\"\n\n"
         "`skald COMMAND --help` lists a command's flags, with examples.\n"
         "Exit codes: 0 done, 1 failed while running, 2 refused input, 130 interrupted.\n";
}

int refuse_command(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& command : all_commands()) names.push_back(command->words().name);
  std::string list;
  for (const std::string& known : names) list += (list.empty() ? "" : ", ") + known;
  if (std::find(kNotYet.begin(), kNotYet.end(), name) != kNotYet.end()) {
    throw UnsupportedError("the command " + quoted(name) + " is not in this version; these are: " + list);
  }
  if (name.starts_with('-')) {
    throw OptionError({.field = quoted(name),
                       .rule = "stands before the command: skald COMMAND " + name + " ... (commands: " + list + ")"});
  }
  const std::string guess = nearest(name, names);
  throw OptionError({.field = "unknown command " + quoted(name),
                     .rule = guess.empty() ? "the commands are " + list : "did you mean " + quoted(guess) + "?"});
}

int run_command(Command& command, std::span<const std::string> arguments) {
  Flags flags;
  bool help = false;
  command.add_flags(flags);
  flags.group("Help");
  flags.toggle("--help,-h", help, "Show this help.");
  // Help is for those who do not know the flags yet: it is shown even where others are wrong.
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  if (std::find_if(arguments.begin(), end, [](const auto& a) { return a == "--help" || a == "-h"; }) != end) {
    write_output(command_help(command, flags));
    return kDone;
  }
  return command.run(flags.parse(arguments, command.words().name));
}

int dispatch(std::span<const std::string> arguments) {
  std::vector<std::string> asked;
  if (arguments.size() == 2 && arguments[0] == "help" && arguments[1] == "--man") {
    write_output(manual());
    return kDone;
  }
  if (arguments.size() > 1 && arguments[0] == "help") arguments = asked = {arguments[1], "--help"};
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    write_output(general_help());
    return kDone;
  }
  if (arguments[0] == "--version" || arguments[0] == "-V") {
    write_output("skald " + std::string(version()) + "\n");
    return kDone;
  }
  for (const auto& command : all_commands()) {
    if (command->words().name == arguments[0]) return run_command(*command, arguments.subspan(1));
  }
  return refuse_command(arguments[0]);
}

int fail(int code, std::string_view line) {
  write_notice(line);
  return code;
}

int guarded_main(std::span<const std::string> arguments) {
  try {
    return dispatch(arguments);
  } catch (const CancelledError&) {
    return kInterrupted;
  } catch (const ModelError& error) {
    return fail(kFailed, error.what());
  } catch (const UsageError& error) {
    return fail(kFailed, error.what());
  } catch (const Error& error) {
    return fail(kRefused, error.what());
  } catch (const OutputError& error) {
    return fail(kFailed, error.what());
  } catch (const std::bad_alloc&) {
    return fail(kFailed,
                "out of memory (`skald inspect MODEL` tells what a model needs; --bits 16, 8 or 4 makes it smaller)");
  } catch (const std::exception& error) {
    return fail(kFailed, error.what());
  }
}

}  // namespace
}  // namespace skald::cli

int main(int argc, char** argv) {
  skald::cli::prepare_process();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  return skald::cli::guarded_main(arguments);
}
