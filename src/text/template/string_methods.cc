// The methods of str that templates may call. Reference: Python's library reference, "Text Sequence Type".
#include <algorithm>

#include "base/find_text.h"
#include "text/template/string_operations.h"

namespace skald::jinja {
namespace {

using Bound = std::vector<const Value*>;

const Value* given(const Value* value) { return value == nullptr || value->is_none() ? nullptr : value; }

Value text(Frame& frame, const Value& self, TrackedText out) {
  return frame.machine.text(std::move(out), self.string().markup);
}

Value texts(Frame& frame, const Value& self, std::vector<TrackedText> parts, Sequence::Kind kind) {
  std::vector<Value> values;
  values.reserve(parts.size());
  for (TrackedText& part : parts) values.push_back(text(frame, self, std::move(part)));
  return frame.machine.list(std::move(values), kind);
}

template <bool left, bool right>
Value strip(Frame& frame, const Value& self, const Arguments& arguments) {
  const Value* const set = given(arguments.bind("strip", {"/chars"})[0]);
  return text(frame, self,
              stripped(self.text(), set != nullptr ? &need_text(*set, "strip arg") : nullptr, left, right));
}

template <bool from_right>
Value split_method(Frame& frame, const Value& self, const Arguments& arguments) {
  const Bound bound = arguments.bind("split", {"sep", "maxsplit"});
  const Value* const separator = given(bound[0]);
  const std::int64_t most = bound[1] != nullptr ? need_integer(*bound[1], "maxsplit") : -1;
  const TrackedText* const at = separator != nullptr ? &need_text(*separator, "separator") : nullptr;
  return texts(frame, self, split(frame, self.text(), {at, most, from_right}), Sequence::Kind::list);
}

Value splitlines(Frame& frame, const Value& self, const Arguments& arguments) {
  const Bound bound = arguments.bind("splitlines", {"keepends"});
  const bool keep = bound[0] != nullptr && bound[0]->truth();
  return texts(frame, self, split_lines(frame, self.text(), keep), Sequence::Kind::list);
}

template <Case to>
Value to_case(Frame& frame, const Value& self, const Arguments& arguments) {
  arguments.expect_none("upper");
  return text(frame, self, cased(self.text(), to));
}

Value capitalize(Frame& frame, const Value& self, const Arguments& arguments) {
  arguments.expect_none("capitalize");
  return text(frame, self, capitalized(self.text()));
}

Value swapcase(Frame& frame, const Value& self, const Arguments& arguments) {
  arguments.expect_none("swapcase");
  TrackedText out;
  const std::string_view bytes = self.bytes();
  for (std::size_t at = 0; at < bytes.size(); at += character_length(bytes.substr(at))) {
    const char32_t code = character_at(bytes, at);
    std::string image;
    if (is_in(code, CharClass::upper)) {
      append_lowered(image, bytes, at);
    } else if (is_in(code, CharClass::lower)) {
      append_case(image, code, Case::upper);
    } else {
      image = bytes.substr(at, character_length(bytes.substr(at)));
    }
    out.append(image, self.text().origin(at));
  }
  return text(frame, self, std::move(out));
}

Value replace(Frame& frame, const Value& self, const Arguments& arguments) {
  const Bound bound = arguments.bind("replace", {"/old", "/new", "/count"}, 2);
  const std::int64_t count = bound[2] != nullptr ? need_integer(*bound[2], "count") : -1;
  return text(frame, self,
              replaced(frame, self.text(), need_text(*bound[0], "replace() argument 1"),
                       need_text(*bound[1], "replace() argument 2"), count));
}

// The part of a string that start and end, in characters, leave.
struct Window {
  std::size_t begin, end;  // bytes
  std::size_t first;       // character that `begin` is
  bool valid;              // start lies not behind the end
};
Window window(const Value& self, const Value* start, const Value* end) {
  const auto size = static_cast<std::int64_t>(count_characters(self.bytes()));
  const auto place = [size](const Value* bound, std::int64_t otherwise) {
    if (given(bound) == nullptr) return otherwise;
    const std::int64_t at = need_integer(*bound, "index");
    return at < 0 ? std::max<std::int64_t>(at + size, 0) : at;
  };
  const std::int64_t from = place(start, 0), to = std::min(place(end, size), size);
  const auto begin = static_cast<std::size_t>(std::min(from, size));
  return {byte_of(self.text(), begin), byte_of(self.text(), static_cast<std::size_t>(std::max<std::int64_t>(to, 0))),
          begin, from <= to};
}

template <bool from_right>
std::int64_t find_in(const Value& self, const Arguments& arguments) {
  const Bound bound = arguments.bind("find", {"/sub", "/start", "/end"}, 1);
  const std::string& sub = need_text(*bound[0], "find() argument 1").bytes();
  const Window part = window(self, bound[1], bound[2]);
  if (!part.valid) return -1;
  const std::string_view text = self.text().view(part.begin, std::max(part.begin, part.end));
  const std::size_t found = from_right ? find_last_text(text, sub) : find_text(text, sub);
  if (found == std::string_view::npos) return -1;
  return static_cast<std::int64_t>(part.first + count_characters(text.substr(0, found)));
}

template <bool from_right>
Value find(Frame&, const Value& self, const Arguments& arguments) {
  return find_in<from_right>(self, arguments);
}

template <bool from_right>
Value index(Frame&, const Value& self, const Arguments& arguments) {
  const std::int64_t found = find_in<from_right>(self, arguments);
  if (found < 0) fail("substring not found");
  return found;
}

Value count(Frame&, const Value& self, const Arguments& arguments) {
  const Bound bound = arguments.bind("count", {"/sub", "/start", "/end"}, 1);
  const std::string& sub = need_text(*bound[0], "count() argument 1").bytes();
  const Window part = window(self, bound[1], bound[2]);
  if (!part.valid) return 0;
  const std::string_view text = self.text().view(part.begin, std::max(part.begin, part.end));
  if (sub.empty()) return static_cast<std::int64_t>(count_characters(text)) + 1;
  std::int64_t n = 0;
  for (std::size_t at = 0; (at = find_text(text, sub, at)) != std::string_view::npos; at += sub.size()) ++n;
  return n;
}

template <bool at_end>
Value touches(Frame&, const Value& self, const Arguments& arguments) {
  const Bound bound = arguments.bind(at_end ? "endswith" : "startswith", {"/prefix", "/start", "/end"}, 1);
  const Window part = window(self, bound[1], bound[2]);
  const auto is_it = [&](const Value& affix) {
    if (!affix.is_string()) {
      fail(std::string(at_end ? "endswith" : "startswith") + " first arg must be str or a tuple of str, not " +
           affix.type_name());
    }
    if (!part.valid) return false;
    const std::string_view text = self.text().view(part.begin, std::max(part.begin, part.end));
    return at_end ? text.ends_with(affix.bytes()) : text.starts_with(affix.bytes());
  };
  const Value& affix = *bound[0];
  if (affix.is_sequence() && affix.sequence().is_tuple()) return std::ranges::any_of(affix.sequence().values, is_it);
  return is_it(affix);
}

Value removeprefix(Frame& frame, const Value& self, const Arguments& arguments) {
  const std::string& prefix = need_text(*arguments.bind("removeprefix", {"/prefix"}, 1)[0], "the prefix").bytes();
  const bool there = self.bytes().starts_with(prefix);
  return text(frame, self, self.text().slice(there ? prefix.size() : 0, self.text().size()));
}

Value removesuffix(Frame& frame, const Value& self, const Arguments& arguments) {
  const std::string& suffix = need_text(*arguments.bind("removesuffix", {"/suffix"}, 1)[0], "the suffix").bytes();
  const bool there = self.bytes().ends_with(suffix);
  return text(frame, self, self.text().slice(0, self.text().size() - (there ? suffix.size() : 0)));
}

template <bool from_right>
Value partition(Frame& frame, const Value& self, const Arguments& arguments) {
  const std::string& separator = need_text(*arguments.bind("partition", {"/sep"}, 1)[0], "the separator").bytes();
  if (separator.empty()) fail("empty separator");
  const TrackedText& all = self.text();
  const std::size_t at = from_right ? find_last_text(self.bytes(), separator) : find_text(self.bytes(), separator);
  std::vector<TrackedText> parts = {all.slice(0, at), all.slice(at, at + separator.size()), {}};
  if (at == std::string::npos) {
    parts = from_right ? std::vector<TrackedText>{{}, {}, all} : std::vector<TrackedText>{all, {}, {}};
  } else {
    parts[2] = all.slice(at + separator.size(), all.size());
  }
  return texts(frame, self, std::move(parts), Sequence::Kind::tuple);
}

Value join(Frame& frame, const Value& self, const Arguments& arguments) {
  const std::vector<Value> items = iterate(frame, *arguments.bind("join", {"/iterable"}, 1)[0]);
  const bool markup = self.string().markup;
  TrackedText out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_string()) {
      fail("sequence item " + std::to_string(i) + ": expected str instance, " + items[i].type_name() + " found");
    }
    if (i > 0) out.append(self.text());
    out.append(markup && !items[i].string().markup ? escaped(items[i].text()) : items[i].text());
    frame.machine.make_room(out.size());
  }
  return frame.machine.text(std::move(out), markup);
}

template <char align>
Value justify(Frame& frame, const Value& self, const Arguments& arguments) {
  const Bound bound = arguments.bind("center", {"/width", "/fillchar"}, 1);
  const TrackedText fill = bound[1] != nullptr ? need_text(*bound[1], "the fill character") : TrackedText(" ");
  if (count_characters(fill.bytes()) != 1) fail("The fill character must be exactly one character long");
  return text(frame, self, justified(frame, self.text(), need_integer(*bound[0], "the width"), fill, align));
}

Value zfill(Frame& frame, const Value& self, const Arguments& arguments) {
  const std::int64_t width = need_integer(*arguments.bind("zfill", {"/width"}, 1)[0], "the width");
  const TrackedText& all = self.text();
  const bool has_sign = !all.empty() && (all.bytes()[0] == '+' || all.bytes()[0] == '-');
  TrackedText out = all.slice(0, has_sign ? 1 : 0);
  out.append(
      justified(frame, all.slice(has_sign ? 1 : 0, all.size()), width - (has_sign ? 1 : 0), TrackedText("0"), '>'));
  return text(frame, self, std::move(out));
}

Value expandtabs(Frame& frame, const Value& self, const Arguments& arguments) {
  const Bound bound = arguments.bind("expandtabs", {"tabsize"});
  const std::int64_t width = bound[0] != nullptr ? need_integer(*bound[0], "tabsize") : 8;
  TrackedText out;
  std::int64_t column = 0;
  const std::string& bytes = self.bytes();
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = at + character_length(std::string_view(bytes).substr(at));
    if (bytes[at] != '\t') {
      out.append(self.text(), at, end);
      column = bytes[at] == '\n' || bytes[at] == '\r' ? 0 : column + 1;
    } else if (width > 0) {
      const std::int64_t missing = width - column % width;
      frame.machine.make_room(out.size() + static_cast<std::size_t>(missing));
      out.append(std::string(static_cast<std::size_t>(missing), ' '));
      column += missing;
    }
    at = end;
  }
  return text(frame, self, std::move(out));
}

Value format(Frame& frame, const Value& self, const Arguments& arguments) {
  return brace_format(frame, self, arguments);
}

Value format_map(Frame& frame, const Value& self, const Arguments& arguments) {
  const Value& mapping = *arguments.bind("format_map", {"/mapping"}, 1)[0];
  if (!mapping.is_dict()) fail("format_map() needs a mapping, not " + mapping.type_name());
  Arguments named;
  for (const auto& [key, value] : mapping.dict().items()) {
    if (key.is_string()) named.named.emplace_back(key.bytes(), value);
  }
  return brace_format(frame, self, named);
}

template <CharClass kind>
Value is_all(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("isalpha");
  return all_characters(self.text(), [](char32_t code) { return is_in(code, kind); });
}

Value isalnum(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("isalnum");
  return all_characters(self.text(), [](char32_t code) {
    return is_in(code, CharClass::alpha) || is_in(code, CharClass::decimal) || is_in(code, CharClass::digit) ||
           is_in(code, CharClass::numeric);
  });
}

Value isprintable(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("isprintable");
  return self.text().empty() ||
         all_characters(self.text(), [](char32_t code) { return is_in(code, CharClass::printable); });
}

Value isspace(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("isspace");
  return !self.text().empty() && stripped(self.text(), nullptr, true, false).empty();
}

Value isascii(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("isascii");
  return std::ranges::all_of(self.bytes(), [](char c) { return (c & 0x80) == 0; });
}

Value islower(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("islower");
  return is_lower_text(self.text());
}

Value isupper(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("isupper");
  return is_upper_text(self.text());
}

Value istitle(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("istitle");
  bool in_word = false, any = false;
  const bool held = all_characters(self.text(), [&](char32_t code) {
    const bool begins = is_in(code, CharClass::upper) || is_title(code);
    const bool follows = is_in(code, CharClass::lower);
    if (begins == in_word && (begins || follows)) return false;
    if (follows && !in_word) return false;
    any = any || begins || follows;
    in_word = begins || follows;
    return true;
  });
  return held && any;
}

Value isidentifier(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("isidentifier");
  std::string_view rest = self.bytes();
  if (!begins_identifier(rest)) return false;
  std::size_t length = 0;
  while ((length = word_length(rest)) != 0) rest.remove_prefix(length);
  return rest.empty();
}

struct Row {
  std::string_view name;
  Method method;
};
constexpr Row kMethods[] = {{"capitalize", capitalize},
                            {"casefold", to_case<Case::fold>},
                            {"center", justify<'^'>},
                            {"count", count},
                            {"endswith", touches<true>},
                            {"expandtabs", expandtabs},
                            {"find", find<false>},
                            {"format", format},
                            {"format_map", format_map},
                            {"index", index<false>},
                            {"isalnum", isalnum},
                            {"isalpha", is_all<CharClass::alpha>},
                            {"isascii", isascii},
                            {"isdecimal", is_all<CharClass::decimal>},
                            {"isdigit", is_all<CharClass::digit>},
                            {"isidentifier", isidentifier},
                            {"islower", islower},
                            {"isnumeric", is_all<CharClass::numeric>},
                            {"isprintable", isprintable},
                            {"isspace", isspace},
                            {"istitle", istitle},
                            {"isupper", isupper},
                            {"join", join},
                            {"ljust", justify<'<'>},
                            {"lower", to_case<Case::lower>},
                            {"lstrip", strip<true, false>},
                            {"partition", partition<false>},
                            {"removeprefix", removeprefix},
                            {"removesuffix", removesuffix},
                            {"replace", replace},
                            {"rfind", find<true>},
                            {"rindex", index<true>},
                            {"rjust", justify<'>'>},
                            {"rpartition", partition<true>},
                            {"rsplit", split_method<true>},
                            {"rstrip", strip<false, true>},
                            {"split", split_method<false>},
                            {"splitlines", splitlines},
                            {"startswith", touches<false>},
                            {"strip", strip<true, true>},
                            {"swapcase", swapcase},
                            {"title", to_case<Case::title>},
                            {"upper", to_case<Case::upper>},
                            {"zfill", zfill}};

}  // namespace

Method find_string_method(std::string_view name) {
  const auto* const row = std::ranges::lower_bound(kMethods, name, {}, &Row::name);
  return row != std::end(kMethods) && row->name == name ? row->method : nullptr;
}

}  // namespace skald::jinja
