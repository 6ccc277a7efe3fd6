#include "text/scanners/char_class.h"

namespace skald::text::scan {
namespace {

constexpr Category ascii_category(unsigned c) {
  if (c < 0x20 || c == 0x7f) return kCc;
  if (c == ' ') return kZs;
  if (c >= '0' && c <= '9') return kNd;
  if (c >= 'A' && c <= 'Z') return kLu;
  if (c >= 'a' && c <= 'z') return kLl;
  // $ + < = > ^ ` | ~ are symbols; which kind does not matter here.
  return c == '$' || c == '+' || (c >= '<' && c <= '>') || c == '^' || c == '`' || c == '|' || c == '~' ? kSm : kPo;
}

constexpr std::array<Class, 256> make_byte_classes() {
  std::array<Class, 256> out{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    out[c] = c < 0x80 ? class_of(ascii_category(c), space, c == '\r' || c == '\n') : kMultibyte;
  }
  return out;
}

constexpr std::array<Class, 30> make_category_classes() {
  std::array<Class, 30> out{};
  for (unsigned c = 0; c < out.size(); ++c) out[c] = class_of(static_cast<Category>(c), false, false);
  return out;
}

// End of the last newline in the run of spaces [at, end); `at` where it has none.
std::size_t after_last_newline(const Reader& text, std::size_t at, std::size_t end) {
  while (end > at && text.byte(end - 1) != '\n' && text.byte(end - 1) != '\r') --end;
  return end;
}

// A run of spaces [at, end): all of it at the end of the text, else without its last character, unless it is the only
// one.
std::size_t before_last_space(const Reader& text, std::size_t at, std::size_t end) {
  if (end == text.size()) return end;
  std::size_t last = end - 1;
  while ((text.byte(last) & 0xc0) == 0x80) --last;
  return last > at ? last : end;
}

}  // namespace

constinit const std::array<Class, 256> kByteClass = make_byte_classes();
constinit const std::array<Class, 30> kCategoryClass = make_category_classes();

std::size_t match_contraction(const Reader& text, std::size_t at, bool caseless) {
  if (text.byte(at) != '\'') return at;
  const auto letter = [&](std::size_t i) {
    const char c = text.byte(i);
    return caseless && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  const char first = letter(at + 1), second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return at + 3;
  if (first == 'l' && second == 'l') return at + 3;
  return caseless && first == '\xc5' && second == '\xbf' ? at + 3 : at;
}

std::size_t match_spaces(const Reader& text, std::size_t at) {
  const std::size_t end = text.skip(at, kSpace);
  return end == at ? at : before_last_space(text, at, end);
}

std::size_t match_lines(const Reader& text, std::size_t at) {
  const std::size_t end = text.skip(at, kSpace);
  const std::size_t lines = after_last_newline(text, at, end);
  return end == at || lines > at ? lines : before_last_space(text, at, end);
}

std::size_t match_numbers(const Reader& text, std::size_t at, int limit) {
  for (Char c = text.at(at); limit > 0 && c.is(kNumber); c = text.at(at), --limit) at += c.length;
  return at;
}

std::size_t match_symbols(const Reader& text, std::size_t at, Class any, bool slash) {
  const std::size_t begin = text.byte(at) == ' ' ? at + 1 : at;
  std::size_t end = text.skip(begin, any);
  if (end == begin) return at;
  while (text.at(end).is(kNewline) || (slash && text.byte(end) == '/')) ++end;
  return end;
}

}  // namespace skald::text::scan
