// docs/options.md, made from the option table.
#include <algorithm>
#include <string>

#include "decode/options.h"

namespace skald::decode {
namespace {

constexpr std::string_view kIntroduction =
    "# Options of text generation\n\n"
    "Every option has one name: it is the field in a `generation_config.json` (and for `--config`), the member of\n"
    "`skald::GenerationConfig`, and with dashes the flag of the command. Those that `transformers` has too have its\n"
    "name, its default and its meaning.\n\n"
    "A value given in the call goes before `--config`, that before the model's own `generation_config.json`, and that\n"
    "before the defaults of the door. A value out of its range, two options that contradict each other and a name "
    "that\n"
    "nobody knows are errors. An option that has no effect in a call is told: on standard error, in `notices` of the\n"
    "`--json` line, in `Completion::notices`.\n";

// Text in a cell of a table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string flags_of(const OptionInfo& option) {
  std::string flags = "`" + std::string(option.flag) + "`";
  std::string_view aliases = option.aliases;
  while (!aliases.empty()) {
    const std::size_t comma = std::min(aliases.find(','), aliases.size());
    flags += " `" + std::string(aliases.substr(0, comma)) + "`";
    aliases.remove_prefix(std::min(comma + 1, aliases.size()));
  }
  return flags;
}

std::string defaults_table() {
  std::string page =
      "\n## Defaults where neither the call nor the model says anything\n\n| door | defaults |\n|---|---|\n";
  constexpr std::pair<const char*, Door> kDoors[] = {{"`skald generate`", Door::generate_command},
                                                     {"library, `skald.Generator`", Door::library},
                                                     {"`skald.turbo`", Door::turbo},
                                                     {"`skald.LLM`", Door::llm},
                                                     {"`skald.transformers`", Door::transformers}};
  for (const auto& [name, door] : kDoors)
    page += std::string("| ") + name + " | `" + door_defaults(door).to_json() + "` |\n";
  return page;
}

}  // namespace

std::string option_reference() {
  std::string page(kIntroduction);
  std::string_view group;
  for (const OptionInfo& option : generation_options()) {
    if (option.group != group) {
      page += "\n## " + std::string(option.group) + "\n\n| option | flags | value | meaning |\n|---|---|---|---|\n";
      group = option.group;
    }
    page += "| `" + std::string(option.name) + "` | " + flags_of(option) + " | " + std::string(option.type) + ", " +
            cell(option.range) + " | " + cell(option.meaning) + " |\n";
  }
  page += "\n## " + std::string(passive_options()[0].group) +
          "\n\nThey say how `transformers` computes. They are kept when a configuration is saved.\n\n"
          "| option | what holds here |\n|---|---|\n";
  for (const OptionInfo& option : passive_options()) {
    page += "| `" + std::string(option.name) + "` | " + cell(option.meaning) + " |\n";
  }
  return page + defaults_table();
}

}  // namespace skald::decode
