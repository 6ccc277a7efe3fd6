#include "text/template/string_operations.h"

#include <algorithm>
#include <unordered_set>

#include "base/find_text.h"

namespace skald::jinja {
namespace {

constexpr std::size_t kNone = std::string::npos;

// Bytes of the line end at `at`, as str.splitlines() has it; 0 where there is none.
std::size_t line_end(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) == "\r\n") return 2;
  const char32_t code = character_at(text, at);
  const bool ends =
      (code >= 10 && code <= 13) || (code >= 0x1c && code <= 0x1e) || code == 0x85 || code == 0x2028 || code == 0x2029;
  return ends ? character_length(text.substr(at)) : 0;
}

// The next run of non-whitespace in [at, size); empty at the end.
TrackedText::Range next_word(std::string_view text, std::size_t at) {
  std::size_t length = 0;
  while ((length = space_length(text.substr(at))) != 0) at += length;
  std::size_t end = at;
  while (end < text.size() && space_length(text.substr(end)) == 0) end += character_length(text.substr(end));
  return {at, end};
}

// What is cut off, as long as it may be one list.
class Pieces {
 public:
  explicit Pieces(Frame& frame) : frame_(frame) {}
  void add(TrackedText piece) {
    frame_.machine.make_room_for_items(pieces_.size() + 1);
    pieces_.push_back(std::move(piece));
  }
  [[nodiscard]] bool are_fewer_than(std::int64_t most) const {
    return most < 0 || static_cast<std::int64_t>(pieces_.size()) < most;
  }
  std::vector<TrackedText> take() { return std::move(pieces_); }
  std::vector<TrackedText> take_reversed() {
    std::ranges::reverse(pieces_);
    return std::move(pieces_);
  }

 private:
  Frame& frame_;
  std::vector<TrackedText> pieces_;
};

std::vector<TrackedText> split_words(Frame& frame, const TrackedText& text, std::int64_t most) {
  const std::string_view bytes = text.bytes();
  Pieces out(frame);
  for (std::size_t at = 0;;) {
    const auto [begin, end] = next_word(bytes, at);
    if (begin == end) return out.take();
    if (!out.are_fewer_than(most)) {
      out.add(text.slice(begin, text.size()));  // with the whitespace at its end, as Python has it
      return out.take();
    }
    out.add(text.slice(begin, end));
    at = end;
  }
}

std::vector<TrackedText> split_words_from_right(Frame& frame, const TrackedText& text, std::int64_t most) {
  Pieces out(frame);
  for (std::string_view rest = strip_right(text.bytes()); !rest.empty(); rest = strip_right(rest)) {
    if (!out.are_fewer_than(most)) {
      out.add(text.slice(0, rest.size()));  // with the whitespace before its first word
      break;
    }
    std::size_t begin = rest.size();
    while (begin > 0 && space_length(rest.substr(before(rest, begin))) == 0) begin = before(rest, begin);
    out.add(text.slice(begin, rest.size()));
    rest = rest.substr(0, begin);
  }
  return out.take_reversed();
}

std::vector<TrackedText> split_at(Frame& frame, const TrackedText& text, const TrackedText& separator,
                                  std::int64_t most) {
  Pieces out(frame);
  std::size_t at = 0;
  while (out.are_fewer_than(most)) {
    const std::size_t next = find_text(text.bytes(), separator.bytes(), at);
    if (next == kNone) break;
    out.add(text.slice(at, next));
    at = next + separator.size();
  }
  out.add(text.slice(at, text.size()));
  return out.take();
}

std::vector<TrackedText> split_at_from_right(Frame& frame, const TrackedText& text, const TrackedText& separator,
                                             std::int64_t most) {
  Pieces out(frame);
  std::size_t end = text.size();
  while (out.are_fewer_than(most)) {
    const std::size_t next = find_last_text(text.view(0, end), separator.bytes());
    if (next == kNone) break;
    out.add(text.slice(next + separator.size(), end));
    end = next;
  }
  out.add(text.slice(0, end));
  return out.take_reversed();
}

TrackedText between_characters(Frame& frame, const TrackedText& text, const TrackedText& inserted, std::int64_t count) {
  TrackedText out;
  for (std::size_t at = 0;;) {
    if (count != 0) {
      out.append(inserted);
      --count;
    }
    if (at == text.size()) return out;
    const std::size_t end = at + character_length(std::string_view(text.bytes()).substr(at));
    out.append(text, at, end);
    frame.machine.make_room(out.size());
    at = end;
  }
}

}  // namespace

TrackedText stripped(const TrackedText& text, const TrackedText* set, bool left, bool right) {
  const std::string_view bytes = text.bytes();
  std::unordered_set<char32_t> characters;
  for (std::size_t at = 0; set != nullptr && at < set->size();) {
    characters.insert(character_at(set->bytes(), at));
    at += character_length(std::string_view(set->bytes()).substr(at));
  }
  const auto strips = [&](std::size_t at) {
    return set != nullptr ? characters.contains(character_at(bytes, at)) : space_length(bytes.substr(at)) != 0;
  };
  std::size_t begin = 0, end = bytes.size();
  while (left && begin < end && strips(begin)) begin += character_length(bytes.substr(begin));
  while (right && end > begin && strips(before(bytes, end))) end = before(bytes, end);
  return text.slice(begin, end);
}

TrackedText cased(const TrackedText& text, Case to) {
  TrackedText out;
  out.reserve(text.size());
  const std::string_view bytes = text.bytes();
  bool in_word = false;
  for (std::size_t at = 0; at < bytes.size();) {
    const char32_t code = character_at(bytes, at);
    std::string image;
    if (to == Case::lower || (to == Case::title && in_word)) {
      append_lowered(image, bytes, at);
    } else {
      append_case(image, code, to);
    }
    out.append(image, text.origin(at));
    in_word = is_cased(code);
    at += character_length(bytes.substr(at));
  }
  return out;
}

TrackedText capitalized(const TrackedText& text) {
  if (text.empty()) return text;
  const std::size_t first = character_length(text.bytes());
  TrackedText out = cased(text.slice(0, first), Case::title);
  const TrackedText lower = cased(text, Case::lower);  // a sigma sees what stands before it
  out.append(lower, cased(text.slice(0, first), Case::lower).size(), lower.size());
  return out;
}

TrackedText replaced(Frame& frame, const TrackedText& text, const TrackedText& old, const TrackedText& replacement,
                     std::int64_t count) {
  if (old.empty()) return between_characters(frame, text, replacement, count);
  TrackedText out;
  std::size_t at = 0;
  for (; count != 0; --count) {
    const std::size_t next = find_text(text.bytes(), old.bytes(), at);
    if (next == kNone) break;
    out.append(text, at, next);
    out.append(replacement);
    frame.machine.make_room(out.size());
    at = next + old.size();
  }
  out.append(text, at, text.size());
  return out;
}

std::vector<TrackedText> split(Frame& frame, const TrackedText& text, const Cuts& cuts) {
  const auto& [separator, most, from_right] = cuts;
  if (separator == nullptr) {
    return from_right ? split_words_from_right(frame, text, most) : split_words(frame, text, most);
  }
  if (separator->empty()) fail("empty separator");
  return from_right ? split_at_from_right(frame, text, *separator, most) : split_at(frame, text, *separator, most);
}

std::vector<TrackedText> split_lines(Frame& frame, const TrackedText& text, bool keep_ends) {
  Pieces out(frame);
  const std::string_view bytes = text.bytes();
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = line_end(bytes, at);
    if (length == 0) {
      at += character_length(bytes.substr(at));
      continue;
    }
    out.add(text.slice(begin, keep_ends ? at + length : at));
    at += length;
    begin = at;
  }
  if (begin < bytes.size()) out.add(text.slice(begin, bytes.size()));
  return out.take();
}

TrackedText justified(Frame& frame, const TrackedText& text, std::int64_t width, const TrackedText& fill, char align) {
  const auto size = static_cast<std::int64_t>(count_characters(text.bytes()));
  if (width <= size) return text;
  const std::int64_t missing = width - size;
  frame.machine.make_room(text.size() + static_cast<std::size_t>(missing) * fill.size());
  const std::int64_t left = align == '<' ? 0 : align == '>' ? missing : missing / 2 + (missing & width & 1);
  TrackedText out;
  for (std::int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(text);
  for (std::int64_t i = left; i < missing; ++i) out.append(fill);
  return out;
}

std::size_t byte_of(const TrackedText& text, std::size_t character) {
  std::size_t at = 0;
  for (; character > 0 && at < text.size(); --character) {
    at += character_length(std::string_view(text.bytes()).substr(at));
  }
  return at;
}

bool all_characters(const TrackedText& text, const std::function<bool(char32_t)>& passes) {
  for (std::size_t at = 0; at < text.size(); at += character_length(std::string_view(text.bytes()).substr(at))) {
    if (!passes(character_at(text.bytes(), at))) return false;
  }
  return !text.empty();
}

bool is_lower_text(const TrackedText& text) {
  bool any = false;
  const bool none_upper = all_characters(text, [&](char32_t code) {
    any = any || is_in(code, CharClass::lower);
    return !is_in(code, CharClass::upper) && !is_title(code);
  });
  return any && none_upper;
}

bool is_upper_text(const TrackedText& text) {
  bool any = false;
  const bool none_lower = all_characters(text, [&](char32_t code) {
    any = any || is_in(code, CharClass::upper);
    return !is_in(code, CharClass::lower) && !is_title(code);
  });
  return any && none_lower;
}

}  // namespace skald::jinja
