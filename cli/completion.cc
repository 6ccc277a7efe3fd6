// skald completion: scripts that let a shell complete commands and flags, made from the same tables as --help.
#include "command.h"
#include "skald/error.h"
#include "terminal.h"

namespace skald::cli {
namespace {

struct Entry {
  std::string command;
  std::vector<Flag> flags;
};

std::vector<Entry> entries() {
  std::vector<Entry> out;
  for (const auto& command : all_commands()) {
    Flags flags;
    command->add_flags(flags);
    bool help = false;
    flags.toggle("--help", help, "Show this help.");
    out.push_back({command->words().name, flags.all()});
  }
  return out;
}

std::string flag_names(const Entry& entry) {
  std::string names;
  for (const Flag& flag : entry.flags) {
    for (const std::string& name : flag.names) {
      if (name.starts_with("--")) names += (names.empty() ? "" : " ") + name;
    }
  }
  return names;
}

std::string bash_script() {
  std::string commands;
  std::string cases;
  for (const Entry& entry : entries()) {
    commands += (commands.empty() ? "" : " ") + entry.command;
    cases += "    *-" + entry.command + ") words='" + flag_names(entry) + "' ;;\n";
  }
  return "# Completion of skald for bash: source <(skald completion bash)\n"
         "_skald() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} words= files=yes\n"
         "  [[ $word != = ]] || word=  # --flag=: bash takes the = for a word\n"
         "  case $COMP_CWORD-${COMP_WORDS[1]} in\n"
         "    1-*) words='" +
         commands +
         " help --help --version' files= ;;\n"
         "    2-help) words='" +
         commands +
         "' files= ;;\n"
         "    2-completion) words='bash zsh fish --help' files= ;;\n" +
         cases +
         "  esac\n"
         "  if [[ $word == -* || ! $files ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  else\n"
         "    compopt -o filenames\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
         "  fi\n"
         "}\n"
         "complete -F _skald skald\n";
}

// In single quotes for the shell, with the characters that _arguments reads itself escaped.
std::string zsh_quoted(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

// One flag for _arguments: '--top-p=[help]:X:_files'.
std::string zsh_flag(const Flag& flag, const std::string& name) {
  const std::string help = zsh_quoted(flag.help.substr(0, flag.help.find(". ")));
  std::string out = " \\\n      '";
  if (flag.repeatable) out += "*";
  out += name;
  if (!flag.placeholder.empty()) out += "=";
  out += "[" + help + "]";
  if (!flag.placeholder.empty()) out += ":" + flag.placeholder + ":_files";
  return out + "'";
}

std::string zsh_script() {
  std::string commands;
  std::string cases;
  for (const Entry& entry : entries()) {
    commands += " " + entry.command;
    cases += "    " + entry.command + ") _arguments ";
    cases += entry.command == "completion" ? "'1:shell:(bash zsh fish)'" : "'*:file:_files'";
    for (const Flag& flag : entry.flags) {
      for (const std::string& name : flag.names) {
        if (name.starts_with("--")) cases += zsh_flag(flag, name);
      }
    }
    cases += " ;;\n";
  }
  return "#compdef skald\n"
         "# Completion of skald for zsh: source <(skald completion zsh)\n"
         "_skald() {\n"
         "  if ((CURRENT == 2)); then\n"
         "    compadd --" +
         commands +
         "\n"
         "    return\n"
         "  fi\n"
         "  local command=$words[2]\n"
         "  shift words\n"
         "  ((CURRENT--))\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "}\n"
         "if [[ ${funcstack[1]} == _skald ]]; then _skald \"$@\"; else compdef _skald skald; fi\n";
}

// In single quotes for fish, in which only \ and ' mean something.
std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_script() {
  std::string script =
      "# Completion of skald for fish: skald completion fish | source\n"
      "complete -c skald -n __fish_use_subcommand -f\n";
  for (const auto& command : all_commands()) {
    const Command::Words words = command->words();
    script +=
        "complete -c skald -n __fish_use_subcommand -a " + words.name + " -d " + fish_quoted(words.summary) + "\n";
  }
  for (const Entry& entry : entries()) {
    const std::string place = "complete -c skald -n '__fish_seen_subcommand_from " + entry.command + "'";
    if (entry.command == "completion") script += place + " -f -a 'bash zsh fish'\n";
    for (const Flag& flag : entry.flags) {
      script += place;
      for (const std::string& name : flag.names) {
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!flag.placeholder.empty()) script += " -r";  // takes a value
      script += " -d " + fish_quoted(flag.help.substr(0, flag.help.find(". "))) + "\n";
    }
  }
  return script;
}

class Completion final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "completion",
            .summary = "Write a script that completes commands and flags in bash, zsh or fish.",
            .synopsis = "bash | zsh | fish",
            .details = "",
            .examples =
                "source <(skald completion bash)\nskald completion zsh > ~/.zfunc/_skald\n"
                "skald completion fish > ~/.config/fish/completions/skald.fish"};
  }

  void add_flags(Flags&) override {}

  int run(const std::vector<std::string>& positional) override {
    const std::string shell = positional.size() == 1 ? positional[0] : "";
    if (shell != "bash" && shell != "zsh" && shell != "fish") {
      throw OptionError("`skald completion` takes one shell: bash, zsh or fish");
    }
    write_output(shell == "bash" ? bash_script() : shell == "zsh" ? zsh_script() : fish_script());
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_completion() { return std::make_unique<Completion>(); }

}  // namespace skald::cli
