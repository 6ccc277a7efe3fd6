#include <algorithm>
#include <array>
#include <cmath>

#include "text/template/filters.h"
#include "text/template/string_operations.h"

namespace skald::jinja {
namespace {

Value same_kind(Frame& frame, const String& like, TrackedText text) {
  return frame.machine.text(std::move(text), like.markup);
}

template <Case to>
Value to_case(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("upper");
  const String string = soft_text(frame, input);
  return same_kind(frame, string, cased(string.text, to));
}

Value capitalize(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("capitalize");
  const String string = soft_text(frame, input);
  return same_kind(frame, string, capitalized(string.text));
}

// Each word with a capital; words begin behind whitespace and - ( { [ <
Value title(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("title");
  const TrackedText text = soft_text(frame, input).text;
  const std::string_view bytes = text.bytes();
  TrackedText out;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto separates = [&](std::size_t i) {
      return space_length(bytes.substr(i)) != 0 || std::string_view("-({[<").find(bytes[i]) != std::string_view::npos;
    };
    std::size_t end = at;
    const bool is_separator = separates(at);
    while (end < bytes.size() && separates(end) == is_separator) end += character_length(bytes.substr(end));
    const std::size_t first = at + character_length(bytes.substr(at));
    out.append(cased(text.slice(at, first), Case::upper));
    out.append(cased(text.slice(first, end), Case::lower));
    at = end;
  }
  return frame.machine.text(std::move(out));
}

Value trim(Frame& frame, const Value& input, const Arguments& arguments) {
  const Value* const set = not_none(arguments.bind("trim", {"chars"})[0]);
  const String string = soft_text(frame, input);
  return same_kind(frame, string,
                   stripped(string.text, set != nullptr ? &need_text(*set, "strip arg") : nullptr, true, true));
}

Value replace(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("replace", {"old", "new", "count"}, 2);
  const Value* const count = not_none(bound[2]);
  return frame.machine.text(replaced(frame, to_text(frame, input), to_text(frame, *bound[0]), to_text(frame, *bound[1]),
                                     integer_or(count, -1, "count")));
}

Value center(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("center", {"width"});
  const String string = soft_text(frame, input);
  return same_kind(frame, string,
                   justified(frame, string.text, integer_or(bound[0], 80, "width"), TrackedText(" "), '^'));
}

Value format(Frame& frame, const Value& input, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    fail("can't handle positional and keyword arguments at the same time");
  }
  const String string = soft_text(frame, input);
  const Value format = frame.machine.text(string.text, string.markup);
  if (arguments.named.empty()) return percent_format(frame, format, frame.machine.tuple(arguments.positional));
  Dict named;
  for (const auto& [name, value] : arguments.named) named.set(make_string(name), value);
  return percent_format(frame, format, make_dict(std::move(named)));
}

void append_line(Frame& frame, TrackedText& out, const TrackedText& indention, const TrackedText& line) {
  frame.machine.make_room(out.size() + indention.size() + line.size());
  out.append(indention);
  out.append(line);
}

Value indent(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("indent", {"width", "first", "blank"});
  const bool first = truth_or(bound[1], false), blank = truth_or(bound[2], false);
  if (input.is_undefined()) fail(input.as_undefined().message);
  TrackedText text = need_text(input, "the text to indent");
  TrackedText indention;
  if (bound[0] != nullptr && bound[0]->is_string()) {
    indention = bound[0]->text();
  } else {
    const std::int64_t width = std::max<std::int64_t>(integer_or(bound[0], 4, "width"), 0);
    frame.machine.make_room(static_cast<std::size_t>(width));
    indention = TrackedText(std::string(static_cast<std::size_t>(width), ' '));
  }
  text.append("\n");  // so that a line end at the end is kept
  TrackedText out;
  const std::vector<TrackedText> lines = split_lines(frame, text, false);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append("\n");
    const bool indented = i == 0 ? first : blank || !lines[i].empty();
    append_line(frame, out, indented ? indention : TrackedText(), lines[i]);
  }
  return same_kind(frame, input.string(), std::move(out));
}

Value truncate(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("truncate", {"length", "killwords", "end", "leeway"});
  const std::int64_t length = integer_or(bound[0], 255, "length");
  const TrackedText end = bound[2] != nullptr ? need_text(*bound[2], "end") : TrackedText("...");
  const Value* const given_leeway = not_none(bound[3]);
  const std::int64_t leeway = integer_or(given_leeway, 5, "leeway");
  const auto end_size = static_cast<std::int64_t>(count_characters(end.bytes()));
  if (length < end_size) {
    fail("expected length >= " + std::to_string(end_size) + ", got " + std::to_string(length));
  }
  if (leeway < 0) fail("expected leeway >= 0, got " + std::to_string(leeway));
  const auto size = length_of(frame, input);
  if (!size) fail("object of type '" + input.type_name() + "' has no len()");
  if (static_cast<std::int64_t>(*size) - length <= leeway) return input;
  const TrackedText& text = need_text(input, "the text to truncate");
  TrackedText out = text.slice(0, byte_of(text, static_cast<std::size_t>(length - end_size)));
  if (!truth_or(bound[1], false)) {
    const std::size_t space = out.bytes().rfind(' ');
    if (space != std::string::npos) out = out.slice(0, space);
  }
  out.append(end);
  return same_kind(frame, input.string(), std::move(out));
}

Value wordcount(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("wordcount");
  const TrackedText text = soft_text(frame, input).text;
  std::string_view rest = text.bytes();
  std::int64_t n = 0;
  for (bool in_word = false; !rest.empty(); rest.remove_prefix(character_length(rest))) {
    const bool now = is_word(character_at(rest, 0));
    if (now && !in_word) ++n;
    in_word = now;
  }
  return n;
}

Value escape(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("escape");
  if (input.is_string() && input.string().markup) return input;
  return frame.machine.text(escaped(to_text(frame, input)), true);
}

Value forceescape(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("forceescape");
  return frame.machine.text(escaped(to_text(frame, input)), true);
}

Value safe(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("safe");
  return frame.machine.text(to_text(frame, input), true);
}

Value string(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("string");
  return input.is_string() ? input : frame.machine.text(to_text(frame, input));
}

TrackedText without(const TrackedText& text, std::string_view begin, std::string_view end) {
  TrackedText out;
  std::size_t at = 0;
  while (true) {
    const std::size_t open = text.bytes().find(begin, at);
    const std::size_t close = open == std::string::npos ? open : text.bytes().find(end, open + begin.size());
    if (close == std::string::npos) break;
    out.append(text, at, open);
    at = close + end.size();
  }
  out.append(text, at, text.size());
  return out;
}

Value striptags(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("striptags");
  const TrackedText text = without(without(to_text(frame, input), "<!--", "-->"), "<", ">");
  TrackedText out;
  for (const TrackedText& word : split(frame, text, {})) {
    if (!out.empty()) out.append(" ");
    out.append(word);
  }
  constexpr std::array<std::pair<const char*, const char*>, 6> kEntities = {
      {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#34;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}}};
  for (const auto& [entity, character] : kEntities) {
    out = replaced(frame, out, TrackedText(entity), TrackedText(character), -1);
  }
  return frame.machine.text(std::move(out));
}

TrackedText url_quoted(const TrackedText& text, bool in_query) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  TrackedText out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text.bytes()[at];
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !in_query);
    if (plain) {
      out.append(text, at, at + 1);
    } else if (c == ' ' && in_query) {
      out.append("+", text.origin(at));
    } else {
      out.append(std::string("%") + kDigits[byte >> 4] + kDigits[byte & 15], text.origin(at));
    }
  }
  return out;
}

Value urlencode(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("urlencode");
  if (input.is_string() || !is_iterable(input)) return frame.machine.text(url_quoted(to_text(frame, input), false));
  std::vector<std::pair<Value, Value>> items;
  if (input.is_dict()) {
    items = input.dict().items();
  } else {
    for (const Value& pair : iterate(frame, input)) {
      const std::vector<Value> parts = iterate(frame, pair);
      if (parts.size() != 2) fail("urlencode needs pairs");
      items.emplace_back(parts[0], parts[1]);
    }
  }
  TrackedText out;
  for (const auto& [key, value] : items) {
    if (!out.empty()) out.append("&");
    out.append(url_quoted(to_text(frame, key), true));
    out.append("=");
    out.append(url_quoted(to_text(frame, value), true));
    frame.machine.make_room(out.size());
  }
  return frame.machine.text(std::move(out));
}

Value xmlattr(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("xmlattr", {"autospace"});
  if (!input.is_dict()) fail("xmlattr needs a mapping, not " + input.type_name());
  TrackedText out;
  for (const auto& [key, value] : input.dict().items()) {
    if (value.is_none() || value.is_undefined()) continue;
    const TrackedText& name = need_text(key, "the attribute's name");
    if (name.bytes().find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      fail("Invalid character in attribute name: " + quoted_name(name.bytes()));
    }
    if (!out.empty() || truth_or(bound[0], true)) out.append(" ");
    out.append(escaped(name));
    out.append("=\"");
    out.append(value.is_string() && value.string().markup ? value.text() : escaped(to_text(frame, value)));
    out.append("\"");
    frame.machine.make_room(out.size());
  }
  return frame.machine.text(std::move(out));
}

constexpr FilterRow kFilters[] = {{"capitalize", capitalize},
                                  {"center", center},
                                  {"e", escape},
                                  {"escape", escape},
                                  {"forceescape", forceescape},
                                  {"format", format},
                                  {"indent", indent},
                                  {"lower", to_case<Case::lower>},
                                  {"replace", replace},
                                  {"safe", safe},
                                  {"string", string},
                                  {"striptags", striptags},
                                  {"title", title},
                                  {"trim", trim},
                                  {"truncate", truncate},
                                  {"upper", to_case<Case::upper>},
                                  {"urlencode", urlencode},
                                  {"wordcount", wordcount},
                                  {"xmlattr", xmlattr}};

}  // namespace

std::span<const FilterRow> text_filters() { return kFilters; }

}  // namespace skald::jinja
