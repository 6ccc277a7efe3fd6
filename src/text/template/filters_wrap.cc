// `wordwrap`. Reference: textwrap.TextWrapper of Python, as jinja2.filters.do_wordwrap calls it.
#include <algorithm>
#include <string>
#include <utility>

#include "text/template/filters.h"
#include "text/template/string_operations.h"

namespace skald::jinja {
namespace {

bool is_blank(char32_t code) { return code == ' ' || (code >= '\t' && code <= '\r'); }

/// A line of the text, and how it is cut into chunks that stay together: words, parts of words up to a hyphen between
/// letters, dashes between words, and what is blank between them.
class Line {
 public:
  explicit Line(const TrackedText& text) : text_(text) {
    for (std::size_t at = 0; at < text.size();) {
      codes_ += character_at(text.bytes(), at);
      places_.push_back(static_cast<std::uint32_t>(at));
      at += character_length(std::string_view(text.bytes()).substr(at));
    }
    places_.push_back(static_cast<std::uint32_t>(text.size()));
    space_ends_.resize(size() + 1);
    space_ends_[size()] = static_cast<std::uint32_t>(size());
    for (std::size_t i = size(); i-- > 0;) {
      space_ends_[i] =
          space_length(text.view(places_[i], places_[i + 1])) != 0 ? space_ends_[i + 1] : static_cast<std::uint32_t>(i);
    }
  }

  [[nodiscard]] std::size_t size() const { return codes_.size(); }
  [[nodiscard]] char32_t operator[](std::size_t i) const { return codes_[i]; }
  [[nodiscard]] TrackedText slice(std::size_t begin, std::size_t end) const {
    return text_.slice(places_[begin], places_[end]);
  }
  [[nodiscard]] bool is_space(std::size_t begin, std::size_t end) const { return space_ends_[begin] >= end; }

  [[nodiscard]] std::size_t chunk_end(std::size_t begin, bool break_on_hyphens) const {
    std::size_t end = begin + 1;
    if (is_blank(codes_[begin]) || !break_on_hyphens) {
      while (end < size() && is_blank(codes_[end]) == is_blank(codes_[begin])) ++end;
      return end;
    }
    if (const std::size_t behind = dash_end(begin); behind != 0) return behind;
    for (; end < size() && !is_blank(codes_[end]) && dash_end(end) == 0; ++end) {
      if (joins(end)) return end + 1;
    }
    return end;
  }

 private:
  // Beyond the ends, also below 0, nothing is found.
  [[nodiscard]] char32_t at(std::size_t i) const { return i < size() ? codes_[i] : U' '; }
  [[nodiscard]] bool letter(std::size_t i) const { return is_word(at(i)) && !is_in(at(i), CharClass::decimal); }

  /// Where dashes between words end that begin at `i`; 0 where none do.
  [[nodiscard]] std::size_t dash_end(std::size_t i) const {
    if (at(i) != '-' ||
        (!is_word(at(i - 1)) && std::u32string_view(U"!\"'&.,?").find(at(i - 1)) == std::string::npos)) {
      return 0;
    }
    const std::size_t begin = i;
    while (at(i) == '-') ++i;
    return i - begin >= 2 && is_word(at(i)) ? i : 0;
  }

  /// Whether a hyphen between letters is there, behind which a word may be broken.
  [[nodiscard]] bool joins(std::size_t i) const {
    return at(i) == '-' && letter(i - 1) && (letter(i - 2) || (at(i - 2) == '-' && letter(i - 3))) && letter(i + 1) &&
           (letter(i + 2) || (at(i + 2) == '-' && letter(i + 3)));
  }

  const TrackedText& text_;
  std::u32string codes_;                   // [size]
  std::vector<std::uint32_t> places_;      // [size + 1], in bytes
  std::vector<std::uint32_t> space_ends_;  // [size + 1]: the first place from each one on where no space is
};

struct Style {
  std::size_t width;
  bool break_long_words, break_on_hyphens;
  TrackedText between;  // lines
};

/// Characters of a word from `begin` on, too long for any line, that go on one where `room` are left.
std::size_t part_of_word(const Line& line, std::size_t begin, std::size_t room, bool break_on_hyphens) {
  std::size_t hyphen = room;
  while (break_on_hyphens && hyphen > 0 && line[begin + hyphen - 1] != '-') --hyphen;
  for (std::size_t i = 0; break_on_hyphens && i + 1 < hyphen; ++i) {
    if (line[begin + i] != '-') return hyphen;
  }
  return room;
}

void append_wrapped(Frame& frame, const TrackedText& text, const Style& style, TrackedText& out) {
  frame.machine.step(text.size() / 256);
  const Line line(text);
  bool first = true;
  std::size_t at = 0;   // characters before it are on lines
  std::size_t end = 0;  // of the chunk that it is in
  const auto next = [&] {
    at = end;
    if (at < line.size()) end = line.chunk_end(at, style.break_on_hyphens);
  };
  next();
  while (at < line.size()) {
    frame.machine.step();
    if (!first && line.is_space(at, end)) next();
    const std::size_t begin = at;
    std::size_t last = at;  // where the last chunk of this line begins
    const auto take = [&] {
      last = at;
      next();
    };
    while (at < line.size() && end - begin <= style.width) take();
    if (at < line.size() && end - at > style.width) {
      if (style.break_long_words) {
        last = at;
        at += part_of_word(line, at, style.width - (at - begin), style.break_on_hyphens);
      } else if (at == begin) {
        take();
      }
    }
    const std::size_t stop = line.is_space(last, at) ? last : at;
    if (stop == begin) continue;
    if (!std::exchange(first, false)) out.append(style.between);
    frame.machine.make_room(out.size() + (stop - begin) + style.between.size());
    out.append(line.slice(begin, stop));
  }
}

Value wordwrap(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("wordwrap", {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  if (input.is_undefined()) fail(input.as_undefined().message);
  const std::vector<TrackedText> lines = split_lines(frame, need_text(input, "the text to wrap"), false);
  const std::int64_t width = integer_or(bound[0], 79, "width");
  if (width <= 0 && !lines.empty()) fail("invalid width " + std::to_string(width) + " (must be > 0)");
  const Value* const given = not_none(bound[2]);
  const Style style{static_cast<std::size_t>(width), truth_or(bound[1], true), truth_or(bound[3], true),
                    given != nullptr ? need_text(*given, "wrapstring") : TrackedText("\n")};
  TrackedText out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append(style.between);
    frame.machine.make_room(out.size());
    append_wrapped(frame, lines[i], style, out);
  }
  return frame.machine.text(std::move(out));
}

constexpr FilterRow kFilters[] = {{"wordwrap", wordwrap}};

}  // namespace

std::span<const FilterRow> wrap_filters() { return kFilters; }

}  // namespace skald::jinja
