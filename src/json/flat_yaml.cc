#include "json/flat_yaml.h"

#include <algorithm>
#include <cctype>

#include "base/utf8.h"
#include "skald/error.h"

namespace skald::json {
namespace {

constexpr std::string_view kSpace = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

struct Line {
  std::string_view text;
  std::size_t number;
  const std::string& file;

  template <typename E>
  [[noreturn]] void fail(std::string rule) const {
    throw E(ErrorFields{.file = file, .field = "line " + std::to_string(number), .rule = std::move(rule)});
  }
};

// A comment begins at a # that nothing or a space stands before.
std::string_view without_comment(std::string_view value) {
  for (std::size_t at = value.find('#'); at != std::string_view::npos; at = value.find('#', at + 1)) {
    if (at == 0 || kSpace.find(value[at - 1]) != std::string_view::npos) return trimmed(value.substr(0, at));
  }
  return value;
}

Value quoted_string(const Line& line, std::string_view value) {
  const std::size_t end = value.find(value[0], 1);
  if (end == std::string_view::npos) line.fail<FormatError>("the quoted text has no end");
  const std::string_view rest = value.substr(end + 1);
  const std::string_view content = value.substr(1, end - 1);
  if (content.find('\\') != std::string_view::npos || (!rest.empty() && rest[0] == value[0])) {
    line.fail<UnsupportedError>("escapes in quoted text are not read");
  }
  if (!without_comment(trimmed(rest)).empty()) line.fail<FormatError>("something follows the quoted text");
  return std::string(content);
}

// As a number of JSON; null where it is none.
Value number(const std::string& value, const std::string& file) {
  const bool may_be = value[0] == '-' || std::isdigit(static_cast<unsigned char>(value[0])) != 0;
  const auto part_of_number = [](char c) { return std::string_view("0123456789+-.eE").find(c) != std::string::npos; };
  if (!may_be || !std::ranges::all_of(value, part_of_number)) return nullptr;
  try {
    return parse(value, file);
  } catch (const FormatError&) {
    return nullptr;
  }
}

Value scalar(const Line& line, std::string_view text) {
  if (text.empty()) line.fail<UnsupportedError>("a key without a value on its line is not read");
  if (text[0] == '"' || text[0] == '\'') return quoted_string(line, text);
  if (std::string_view("[{|>&*!%@`-?").find(text[0]) != std::string_view::npos &&
      (text[0] != '-' || text.size() == 1 || text[1] == ' ')) {
    line.fail<UnsupportedError>("only plain values are read, not " + quoted(text));
  }
  const std::string value(without_comment(text));
  if (value.empty() || value == "~" || value == "null" || value == "Null" || value == "NULL") return nullptr;
  if (value == "true" || value == "True" || value == "TRUE") return true;
  if (value == "false" || value == "False" || value == "FALSE") return false;
  Value found = number(value, line.file);
  return found.is_null() ? Value(value) : found;
}

void read_line(const Line& line, Object& settings) {
  const std::string_view content = trimmed(line.text);
  if (content.empty() || content[0] == '#' || (settings.empty() && content == "---")) return;
  if (line.text[0] == ' ' || line.text[0] == '\t' || content.starts_with("- ")) {
    line.fail<UnsupportedError>("nested settings are not read");
  }
  const std::size_t colon = content.find(':');
  const std::string key(trimmed(content.substr(0, colon)));
  const bool is_setting = colon != std::string_view::npos && !key.empty() &&
                          (colon + 1 == content.size() || kSpace.find(content[colon + 1]) != std::string_view::npos);
  if (!is_setting) line.fail<FormatError>("must be 'key: value'");
  if (std::ranges::find(settings, key, &Member::key) != settings.end()) {
    line.fail<FormatError>("the key " + quoted(key) + " comes twice");
  }
  settings.push_back({key, scalar(line, trimmed(content.substr(colon + 1)))});
}

}  // namespace

Value parse_flat_yaml(std::string_view text, const std::string& file) {
  constexpr std::size_t kMaxSettings = 1000;
  if (const std::size_t bad = first_invalid_utf8(text); bad < text.size()) {
    throw FormatError(ErrorFields{.file = file, .offset = bad, .rule = "is not UTF-8"});
  }
  Object settings;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const Line line{text.substr(0, end), number, file};
    read_line(line, settings);
    if (settings.size() > kMaxSettings) line.fail<LimitError>("more than 1000 settings");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return settings;
}

}  // namespace skald::json
