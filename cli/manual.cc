#include "manual.h"

#include "command.h"
#include "skald/skald.h"

namespace skald::cli {
namespace {

// `text` as roff prints it: backslashes and hyphens as they are, and no line that is taken for a request.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool begins_line = out.empty() || out.back() == '\n';
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

// Lines of `text` as paragraphs.
std::string paragraphs(const std::string& text) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    out += ".PP\n" + roff(text.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  return out;
}

std::string flag_entry(const Flag& flag) {
  std::string names;
  for (const std::string& name : flag.names) names += (names.empty() ? "" : ", ") + ("\\fB" + roff(name) + "\\fR");
  if (!flag.placeholder.empty()) names += " \\fI" + roff(flag.placeholder) + "\\fR";
  return ".TP\n" + names + "\n" + roff(flag.help) + "\n";
}

std::string section(Command& command) {
  const Command::Words words = command.words();
  Flags flags;
  command.add_flags(flags);
  std::string out = ".SH \"SKALD " + words.name + "\"\n" + roff(words.summary) + "\n.PP\n.B skald " + words.name +
                    "\n" + roff(words.synopsis) + "\n" + paragraphs(words.details);
  std::string heading;
  for (const Flag& flag : flags.all()) {
    if (flag.group != heading) out += ".SS \"" + roff(heading = flag.group) + "\"\n";
    out += flag_entry(flag);
  }
  return out + ".SS Examples\n.nf\n" + roff(words.examples) + "\n.fi\n";
}

}  // namespace

std::string manual() {
  std::string out = ".TH SKALD 1 \"\" \"Skald " + std::string(version()) +
                    "\" \"User Commands\"\n.SH NAME\nskald \\- text from trained language models\n.SH SYNOPSIS\n"
                    ".B skald\n.I COMMAND\n[\\fIARGUMENTS\\fR]\n.SH COMMANDS\n";
  for (const auto& command : all_commands()) {
    const Command::Words words = command->words();
    out += ".TP\n.B " + words.name + "\n" + roff(words.summary) + "\n";
  }
  out += ".SH \"EXIT STATUS\"\n0 done, 1 failed while running, 2 refused input, 130 interrupted.\n";
  for (const auto& command : all_commands()) out += section(*command);
  return out;
}

}  // namespace skald::cli
