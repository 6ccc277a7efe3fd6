#include "text/template/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/utf8.h"
#include "text/template/characters.h"
#include "text/template/failure.h"

namespace skald::jinja {
namespace {

using Kind = Token::Kind;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Line ends become \n, and one at the end is dropped.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalized(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) root();
    add(Kind::end, {});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail_here(const std::string& message) {
    const Place place = place_at(at_);
    throw SyntaxFailure(message, place.line, place.column);
  }

  // Places are asked for in ascending order.
  Place place_at(std::size_t at) {
    for (; placed_ < at; ++placed_) {
      if (source_[placed_] == '\n') {
        ++place_.line;
        place_.column = 1;
      } else if ((source_[placed_] & 0xc0) != 0x80) {
        ++place_.column;
      }
    }
    return place_;
  }

  void add(Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), place_at(at_)}); }

  [[nodiscard]] bool sees(std::string_view text) const { return source_.compare(at_, text.size(), text) == 0; }

  [[nodiscard]] std::size_t after_spaces(std::size_t at) const {
    while (at < source_.size()) {
      const std::size_t length = space_length(std::string_view(source_).substr(at));
      if (length == 0) break;
      at += length;
    }
    return at;
  }

  // Where the next tag begins, or the end of the source.
  [[nodiscard]] std::size_t next_tag(std::size_t at) const {
    for (; (at = source_.find('{', at)) != std::string::npos; ++at) {
      const char next = at + 1 < source_.size() ? source_[at + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') return at;
    }
    return source_.size();
  }

  // The text up to the tag at `tag`, whose whitespace before it `sign` and the tag's kind decide on.
  void data(std::size_t tag, char sign, bool is_variable) {
    std::string_view text = std::string_view(source_).substr(at_, tag - at_);
    if (sign == '-') {
      text = strip_right(text);
    } else if (sign != '+' && !is_variable) {
      const std::size_t line = text.rfind('\n') + 1;  // 0 where there is none
      if ((line > 0 || line_starting_) && strip_right(text.substr(line)).empty()) text = text.substr(0, line);
    }
    if (!text.empty()) add(Kind::data, std::string(text));
  }

  void root() {
    const std::size_t tag = next_tag(at_);
    if (tag == source_.size()) {
      add(Kind::data, source_.substr(at_));
      at_ = source_.size();
      return;
    }
    const char type = source_[tag + 1];
    const char next = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    const char sign = next == '-' || next == '+' ? next : '\0';
    data(tag, sign, type == '{');
    at_ = tag;
    const std::size_t inside = tag + (sign != '\0' ? 3 : 2);
    if (type == '%' && raw(inside)) return;
    line_starting_ = false;
    if (type == '#') return comment(inside);
    add(type == '{' ? Kind::variable_begin : Kind::block_begin, {});
    at_ = inside;
    code(type == '{' ? Kind::variable_end : Kind::block_end);
  }

  void comment(std::size_t inside) {
    const std::size_t end = source_.find("#}", inside);
    if (end == std::string::npos) fail_here("Missing end of comment tag");
    const char sign = end > inside ? source_[end - 1] : '\0';
    at_ = end + 2;
    finish_tag(sign);
  }

  // After a block's or comment's end tag: -%} takes all whitespace along, %} one line end.
  void finish_tag(char sign) {
    const std::size_t begin = at_;
    if (sign == '-') {
      at_ = after_spaces(at_);
    } else if (sign != '+' && at_ < source_.size() && source_[at_] == '\n') {
      ++at_;
    }
    line_starting_ = at_ > begin && source_[at_ - 1] == '\n';
  }

  // {% name %} from `at`, behind {% and its sign: where it ends and with which sign; nothing where it is another tag.
  struct Named {
    std::size_t end;
    char sign;
  };
  [[nodiscard]] std::optional<Named> named_tag(std::size_t at, std::string_view name) const {
    at = after_spaces(at);
    if (source_.compare(at, name.size(), name) != 0) return std::nullopt;
    at = after_spaces(at + name.size());
    const char sign = at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
    if (sign != '\0') ++at;
    if (source_.compare(at, 2, "%}") != 0) return std::nullopt;
    return Named{at + 2, sign};
  }

  bool raw(std::size_t inside) {
    const auto begin = named_tag(inside, "raw");
    if (!begin || begin->sign == '+') return false;
    const std::size_t tag = at_;
    at_ = begin->sign == '-' ? after_spaces(begin->end) : begin->end;
    line_starting_ = source_[at_ - 1] == '\n';
    for (std::size_t end = at_; (end = source_.find("{%", end)) != std::string::npos; ++end) {
      const char next = end + 2 < source_.size() ? source_[end + 2] : '\0';
      const char sign = next == '-' || next == '+' ? next : '\0';
      const auto last = named_tag(end + (sign != '\0' ? 3 : 2), "endraw");
      if (!last) continue;
      data(end, sign, false);
      at_ = last->end;
      finish_tag(last->sign);
      return true;
    }
    at_ = tag;
    fail_here("Missing end of raw directive");
  }

  // Tokens up to the end of the tag.
  void code(Kind end) {
    while (at_ < source_.size()) {
      if (const std::size_t spaces = after_spaces(at_); spaces > at_) {
        at_ = spaces;
        continue;
      }
      if (open_.empty() && ends_tag(end)) return;
      if (number() || name() || string()) continue;
      symbol();
    }
  }

  bool ends_tag(Kind end) {
    const std::string_view mark = end == Kind::block_end ? "%}" : "}}";
    const bool may_keep = end == Kind::block_end && source_[at_] == '+';  // "+}}" is no end
    const char sign = source_[at_] == '-' || may_keep ? source_[at_] : '\0';
    const std::size_t begin = at_ + (sign != '\0' ? 1 : 0);
    if (source_.compare(begin, 2, mark) != 0) return false;
    add(end, {});
    at_ = begin + 2;
    if (end == Kind::block_end) {
      finish_tag(sign);
    } else {
      const std::size_t behind = at_;
      if (sign == '-') at_ = after_spaces(at_);
      line_starting_ = at_ > behind && source_[at_ - 1] == '\n';
    }
    return true;
  }

  // End of digits from `at`, single underscores between them.
  template <typename IsDigit>
  [[nodiscard]] std::size_t after_digits(std::size_t at, IsDigit is_one) const {
    while (at < source_.size()) {
      if (is_one(source_[at])) {
        ++at;
      } else if (source_[at] == '_' && at + 1 < source_.size() && is_one(source_[at + 1])) {
        at += 2;
      } else {
        break;
      }
    }
    return at;
  }

  bool number() {
    if (!is_digit(source_[at_])) return false;
    const std::size_t whole = after_digits(at_, is_digit);
    std::size_t end = whole;
    const auto digit_at = [this](std::size_t at) { return at < source_.size() && is_digit(source_[at]); };
    if (digit_at(end + 1) && source_[end] == '.') end = after_digits(end + 1, is_digit);
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const std::size_t sign = end + 1 < source_.size() && (source_[end + 1] == '+' || source_[end + 1] == '-') ? 1 : 0;
      if (digit_at(end + 1 + sign)) end = after_digits(end + 1 + sign, is_digit);
    }
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';  // x.0.5 are two subscripts
    if (end > whole && !after_dot) {
      take_number(Kind::real, at_, end, 10);
      return true;
    }
    return integer();
  }

  bool integer() {
    if (source_[at_] != '0') {
      take_number(Kind::integer, at_, after_digits(at_, is_digit), 10);
      return true;
    }
    const char letter = at_ + 1 < source_.size() ? static_cast<char>(source_[at_ + 1] | 0x20) : '\0';
    const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    const auto is_one = [base](char c) {
      const int value = is_digit(c) ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
      return value < base;
    };
    if (base != 10) {
      if (const std::size_t end = after_digits(at_ + 2, is_one); end > at_ + 2) {
        take_number(Kind::integer, at_ + 2, end, base);
        return true;
      }
    }
    take_number(Kind::integer, at_, after_digits(at_, [](char c) { return c == '0'; }), 10);
    return true;
  }

  void take_number(Kind kind, std::size_t begin, std::size_t end, int base) {
    std::string digits;
    std::copy_if(source_.begin() + static_cast<std::ptrdiff_t>(begin),
                 source_.begin() + static_cast<std::ptrdiff_t>(end), std::back_inserter(digits),
                 [](char c) { return c != '_'; });
    if (kind == Kind::integer) {
      std::int64_t value = 0;
      const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
      if (error != std::errc()) fail_here("the integer " + digits.substr(0, 32) + " has more than 64 bits");
      digits = std::to_string(value);
    }
    add(kind, std::move(digits));
    at_ = end;
  }

  bool name() {
    std::size_t end = at_;
    while (end < source_.size()) {
      const std::size_t length = word_length(std::string_view(source_).substr(end));
      if (length == 0) break;
      end += length;
    }
    if (end == at_) return false;
    if (!begins_identifier(std::string_view(source_).substr(at_))) fail_here("Invalid character in identifier");
    add(Kind::name, source_.substr(at_, end - at_));
    at_ = end;
    return true;
  }

  bool string() {
    const char quote = source_[at_];
    if (quote != '\'' && quote != '"') return false;
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail_here("a string begins here and does not end");
    add(Kind::string, unescaped(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    at_ = end + 1;
    return true;
  }

  // As Python reads a string: unknown escapes stay as they are.
  std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      if (text[i] != '\\') {
        out += text[i++];
        continue;
      }
      constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeanings = "\\'\"\a\b\f\n\r\t\v";
      const char c = text[i + 1];
      if (const std::size_t known = kLetters.find(c); known != std::string_view::npos) {
        out += kMeanings[known];
        i += 2;
      } else if (c == '\n') {
        i += 2;
      } else if (c >= '0' && c <= '7') {
        const std::size_t length = std::min(text.find_first_not_of("01234567", i + 1), text.size()) - (i + 1);
        append_code(out, text.substr(i + 1, std::min<std::size_t>(length, 3)), 8);
        i += 1 + std::min<std::size_t>(length, 3);
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const std::size_t length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        if (text.size() - (i + 2) < length) fail_here("an escape in the string is truncated");
        append_code(out, text.substr(i + 2, length), 16);
        i += 2 + length;
      } else if (c == 'N') {
        fail_here("\\N{...} in a string is not supported: write the character");
      } else {
        out += '\\';
        ++i;
        if ((c & 0x80) != 0) i += append_as_ascii(out, text.substr(i));
      }
    }
    return out;
  }

  void append_code(std::string& out, std::string_view digits, int base) {
    std::uint32_t code = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
    if (error != std::errc() || end != digits.data() + digits.size())
      fail_here("an escape in the string has no digits");
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) fail_here("an escape in the string is no character");
    append_utf8(out, code);
  }

  // Behind a backslash a character outside ASCII reads as jinja2 writes it on its way: \é is \ and xe9.
  static std::size_t append_as_ascii(std::string& out, std::string_view text) {
    const std::size_t length = utf8_sequence_length(text);
    const char32_t code = decode_utf8(text, length);
    const std::size_t digits = code <= 0xff ? 2 : code <= 0xffff ? 4 : 8;
    out += digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
    for (std::size_t i = digits; i-- > 0;) out += "0123456789abcdef"[code >> (4 * i) & 15];
    return length;
  }

  void symbol() {
    constexpr std::array<std::string_view, 6> kPairs = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kSingles = "+-/*%~[](){}><=.:|,;";
    std::string text;
    for (const std::string_view pair : kPairs) {
      if (sees(pair)) text = pair;
    }
    if (text.empty()) {
      if (kSingles.find(source_[at_]) == std::string_view::npos) fail_here("unexpected character in a tag");
      text = source_[at_];
    }
    balance(text[0]);
    at_ += text.size();
    tokens_.push_back({Kind::symbol, text, place_at(at_ - text.size())});
  }

  void balance(char c) {
    if (c == '{') open_ += '}';
    if (c == '(') open_ += ')';
    if (c == '[') open_ += ']';
    if (c != '}' && c != ')' && c != ']') return;
    if (open_.empty()) fail_here(std::string("unexpected '") + c + "'");
    if (open_.back() != c) fail_here(std::string("unexpected '") + c + "', expected '" + open_.back() + "'");
    open_.pop_back();
  }

  std::string source_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t placed_ = 0;
  Place place_;
  std::string open_;  // closing brackets that are owed, innermost last
  bool line_starting_ = true;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace skald::jinja
