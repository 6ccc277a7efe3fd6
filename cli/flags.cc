#include "flags.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "skald/error.h"
#include "skald/generation_config.h"

namespace skald::cli {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// Levenshtein distance.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // distances of a[0, i) to every b[0, j)
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

// "--num-beams" is an option of transformers: where the library knows it and lacks it, it says so.
void refuse_known_option(const std::string& flag) {
  try {
    GenerationConfig().set(flag, "");
  } catch (const UnsupportedError&) {
    throw;
  } catch (const Error&) {
    return;
  }
}

}  // namespace

// Where parsing stands.
struct Flags::Cursor {
  std::span<const std::string> rest;
  std::optional<std::string> attached = {};  // the value in "--name=value"
  std::set<const Flag*> seen = {};
};

void Flags::add(std::string_view names, std::string placeholder, std::string help,
                std::function<void(const std::string&, const std::string&)> set, bool repeatable) {
  flags_.push_back({split(names, ','), std::move(placeholder), std::move(help), heading_, repeatable, /*many=*/false,
                    std::move(set)});
}

void Flags::many(std::string_view names, std::string placeholder, std::string help,
                 std::function<void(const std::string&, const std::string&)> set) {
  add(names, std::move(placeholder), std::move(help), std::move(set), /*repeatable=*/true);
  flags_.back().many = true;
}

void Flags::text(std::string_view names, std::string placeholder, std::optional<std::string>& target,
                 std::string help) {
  add(names, std::move(placeholder), std::move(help),
      [&target](const std::string&, const std::string& value) { target = value; });
}

void Flags::toggle(std::string_view names, bool& target, std::string help) {
  add(names, "", std::move(help), [&target](const std::string&, const std::string&) { target = true; });
}

const Flag* Flags::find(std::string_view name) const {
  for (const Flag& flag : flags_) {
    if (std::find(flag.names.begin(), flag.names.end(), name) != flag.names.end()) return &flag;
  }
  return nullptr;
}

std::vector<std::string> Flags::parse(std::span<const std::string> arguments, std::string_view command) const {
  std::vector<std::string> positional;
  Cursor cursor{.rest = arguments};
  while (!cursor.rest.empty()) {
    const std::string& argument = cursor.rest.front();
    cursor.rest = cursor.rest.subspan(1);
    if (argument == "--") {
      positional.insert(positional.end(), cursor.rest.begin(), cursor.rest.end());
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      positional.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    cursor.attached.reset();
    if (equals != std::string::npos) cursor.attached = argument.substr(equals + 1);
    const Flag* flag = find(name);
    if (flag == nullptr) refuse_unknown(name, command);
    apply(*flag, name, cursor);
  }
  return positional;
}

void Flags::apply(const Flag& flag, const std::string& name, Cursor& cursor) const {
  if (!cursor.seen.insert(&flag).second && !flag.repeatable) {
    throw OptionError({.field = name, .rule = "is given twice: once is enough, and which one counts would be a guess"});
  }
  if (flag.placeholder.empty()) {
    if (cursor.attached)
      throw OptionError({.field = name, .value = quoted(*cursor.attached), .rule = "takes no value"});
    flag.set(name, "");
  } else if (cursor.attached) {
    flag.set(name, *cursor.attached);
  } else if (cursor.rest.empty() || find(cursor.rest.front()) != nullptr) {
    const std::string next = cursor.rest.empty() ? "" : " (where the value is a flag's name, write " + name + "=VALUE)";
    throw OptionError({.field = name, .rule = "needs a value: " + name + " " + flag.placeholder + next});
  } else {
    do {
      const std::string& value = cursor.rest.front();
      cursor.rest = cursor.rest.subspan(1);
      flag.set(name, value);
    } while (flag.many && !cursor.rest.empty() && !cursor.rest.front().starts_with("-"));
  }
}

void Flags::refuse_unknown(const std::string& name, std::string_view command) const {
  refuse_known_option(name);
  std::vector<std::string> names;
  for (const Flag& flag : flags_) {
    for (const std::string& known : flag.names) {  // of the short names every one is near to "-n"
      if (name.size() > 2 ? known.starts_with("--") : known == "-" + name) names.push_back(known);
    }
  }
  const std::string guess = nearest(name, names);
  const std::string list = "`skald " + std::string(command) + " --help` lists the flags";
  throw OptionError({.field = "unknown flag " + quoted(name),
                     .rule = guess.empty() ? list + "; an argument that begins with - goes after --"
                                           : "did you mean " + guess + "? (" + list + ")"});
}

std::string Flags::help(std::size_t width) const {
  constexpr std::size_t kColumn = 30;
  std::string out;
  std::string heading;
  for (const Flag& flag : flags_) {
    if (flag.group != heading) out += "\n" + (heading = flag.group) + ":\n";
    std::string line = "  ";
    for (const std::string& name : flag.names) line += (line.size() > 2 ? ", " : "") + name;
    if (!flag.placeholder.empty()) line += " " + flag.placeholder;
    line += line.size() + 2 > kColumn ? "\n" + std::string(kColumn, ' ') : std::string(kColumn - line.size(), ' ');
    out += line + wrap(flag.help, width - kColumn, kColumn) + "\n";
  }
  return out;
}

std::int64_t Flags::parse_integer(const std::string& name, std::string_view value, std::int64_t low,
                                  std::int64_t high) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < low || number > high) {
    throw OptionError({.field = name,
                       .value = quoted(value),
                       .rule = "must be an integer in [" + std::to_string(low) + ", " + std::to_string(high) + "]"});
  }
  return number;
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  const std::size_t near = std::max<std::size_t>(2, word.size() / 3);
  std::string best;
  std::size_t least = near + 1;
  for (const std::string& candidate : candidates) {
    if (word.size() > 2 && candidate.starts_with(word)) return candidate;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < least && distance < candidate.size()) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t column = 0;
  for (const std::string& word : split(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

}  // namespace skald::cli
