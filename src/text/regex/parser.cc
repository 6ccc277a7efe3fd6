#include "text/regex/parser.h"

#include <algorithm>

#include "base/utf8.h"
#include "skald/error.h"
#include "text/regex/code_set.h"

namespace skald::text {
namespace {

constexpr std::size_t kMaxBytes = 1U << 16;
constexpr std::size_t kMaxGroups = 200;
constexpr int kMaxClassDepth = 16;
constexpr int kMaxRepeat = 1000;

CodeSet one(char32_t c) { return {{c, c}}; }
bool is_one(const CodeSet& set) { return set.size() == 1 && set[0].first == set[0].last; }

class RegexParser {
 public:
  RegexParser(std::string_view regex, const std::string& file, const std::string& field)
      : regex_(regex), file_(file), field_(field) {}

  std::vector<RegexItem> parse() {
    if (regex_.size() > kMaxBytes) {
      throw LimitError(fields("regex too complex: at most " + std::to_string(kMaxBytes) + " bytes"));
    }
    if (first_invalid_utf8(regex_) != regex_.size()) fail("is not UTF-8");
    while (at_ < regex_.size()) parse_item();
    if (!groups_.empty()) fail("has an open group");
    return std::move(items_);
  }

 private:
  struct Group {
    std::size_t item;           // where it begins
    bool ignore_case, dot_all;  // outside it
  };

  [[nodiscard]] ErrorFields fields(std::string rule) const {
    return {.file = file_, .offset = {}, .field = field_, .value = quoted(regex_), .rule = std::move(rule)};
  }
  [[noreturn]] void fail(std::string_view rule) const {
    throw FormatError(fields("malformed regex at byte " + std::to_string(at_) + ": " + std::string(rule)));
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    throw UnsupportedError(fields(quoted(what) + " at byte " + std::to_string(at_) + " is not supported in a regex"));
  }

  [[nodiscard]] bool looking_at(std::string_view text) const { return regex_.substr(at_).starts_with(text); }
  bool skip(std::string_view text) {
    if (!looking_at(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t next_char() {
    if (at_ >= regex_.size()) fail("ends too early");
    const std::size_t length = utf8_sequence_length(regex_.substr(at_));
    const char32_t c = decode_utf8(regex_.substr(at_), length);
    at_ += length;
    return c;
  }

  void put_syntax(std::string syntax) { items_.push_back({std::move(syntax), {}}); }
  // An item that a quantifier may follow.
  void put_atom(CodeSet set) {
    atom_ = items_.size();
    items_.push_back({{}, std::move(set)});
  }
  void put_char(char32_t c) { put_atom(ignore_case_ ? fold_case(one(c)) : one(c)); }
  void put_newline_class() { items_.push_back({{}, one('\n')}); }

  void parse_item() {
    const char c = regex_[at_];
    switch (c) {
      case '\\': return parse_escape();
      case '[': ++at_; return put_atom(parse_class(0));
      case '(': return parse_group();
      case ')': return close_group();
      case '|': ++at_; return put_syntax("|");
      case '.': ++at_; return put_atom(dot_all_ ? complement({}) : complement(one('\n')));
      case '^': ++at_; return put_line_begin();
      case '$': ++at_; return put_line_end();
      case '*':
      case '+':
      case '?': return parse_quantifier();
      case '{':
        if (parse_counted()) return;
        [[fallthrough]];
      default: put_char(next_char());
    }
  }

  // Lines end at \n; ^ is not true behind the last newline of the text.
  void put_line_begin() {
    put_syntax("(?:\\A|(?<=");
    put_newline_class();
    put_syntax(")(?!\\z))");
  }
  void put_line_end() {
    put_syntax("(?=");
    put_newline_class();
    put_syntax("|\\z)");
  }

  void parse_quantifier() {
    std::string text(1, regex_[at_++]);
    if (at_ < regex_.size() && (regex_[at_] == '?' || regex_[at_] == '+')) text += regex_[at_++];
    put_syntax(std::move(text));
  }

  // {n}, {n,}, {n,m}, {,m}; false where '{' is a plain character.
  bool parse_counted() {
    std::size_t end = at_ + 1;
    std::string numbers[2];
    bool comma = false;
    for (; end < regex_.size() && regex_[end] != '}'; ++end) {
      if (regex_[end] == ',' && !comma) {
        comma = true;
      } else if (regex_[end] >= '0' && regex_[end] <= '9') {
        numbers[comma ? 1 : 0] += regex_[end];
      } else {
        return false;
      }
    }
    if (end == regex_.size() || (numbers[0].empty() && numbers[1].empty())) return false;
    for (const std::string& number : numbers) {
      if (number.size() > 6 || (!number.empty() && std::stoi(number) > kMaxRepeat)) {
        throw LimitError(fields("regex too complex: repeats more than " + std::to_string(kMaxRepeat) + " times"));
      }
    }
    at_ = end + 1;
    // In this syntax {n}? and {...}+ repeat the repetition; only {n,m}? is lazy.
    const bool lazy = comma && skip("?");
    const std::string most = comma ? "," + numbers[1] : "";
    put_syntax("{" + (numbers[0].empty() ? "0" : numbers[0]) + most + (lazy ? "}?" : "}"));
    if (!lazy && (looking_at("?") || looking_at("+"))) {
      items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(atom_), {"(?:", {}});
      put_syntax(std::string(")") + regex_[at_++]);
    }
    return true;
  }

  void parse_group() {
    if (groups_.size() == kMaxGroups) throw LimitError(fields("regex too complex: groups nested too deep"));
    if (skip("(?#")) {
      while (!looking_at(")")) next_char();
      ++at_;
      return;
    }
    const Group group{items_.size(), ignore_case_, dot_all_};
    for (const std::string_view opening : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"}) {
      if (!skip(opening)) continue;
      put_syntax(std::string(opening));
      groups_.push_back(group);
      return;
    }
    if (looking_at("(?")) return parse_flags(group);
    ++at_;
    put_syntax("(?:");  // captures are not used
    groups_.push_back(group);
  }

  // (?i) (?i:...) (?m-i:...): i ignores case, m lets the dot match newlines.
  void parse_flags(const Group& group) {
    at_ += 2;
    bool on = true;
    for (; !looking_at(":") && !looking_at(")"); ++at_) {
      if (looking_at("-")) {
        on = false;
      } else if (looking_at("i")) {
        ignore_case_ = on;
      } else if (looking_at("m")) {
        dot_all_ = on;
      } else {
        unsupported(regex_.substr(at_ - 2, 4));
      }
    }
    if (skip(")")) return;  // holds to the end of the group around it
    ++at_;
    put_syntax("(?:");
    groups_.push_back(group);
  }

  void close_group() {
    if (groups_.empty()) fail("')' without '('");
    ++at_;
    put_syntax(")");
    atom_ = groups_.back().item;
    ignore_case_ = groups_.back().ignore_case;
    dot_all_ = groups_.back().dot_all;
    groups_.pop_back();
  }

  void parse_escape() {
    for (const std::string_view anchor : {"\\A", "\\z"}) {
      if (skip(anchor)) return put_syntax(std::string(anchor));
    }
    if (skip("\\Z")) {
      put_syntax("(?=");
      put_newline_class();
      return put_syntax("?\\z)");
    }
    if (looking_at("\\b") || looking_at("\\B")) return parse_word_boundary();
    CodeSet set = parse_escaped_set(/*in_class=*/false);
    is_one(set) ? put_char(set[0].first) : put_atom(std::move(set));  // \p{Lu} is no other in any case
  }

  void parse_word_boundary() {
    const bool at_boundary = regex_[at_ + 1] == 'b';
    at_ += 2;
    const CodeSet word = flag_set(kIsWord);
    const auto put_word = [&](std::string before) {
      put_syntax(std::move(before));
      items_.push_back({{}, word});
    };
    put_word("(?:(?<=");
    put_word(at_boundary ? ")(?!" : ")(?=");
    put_word(")|(?<!");
    put_word(at_boundary ? ")(?=" : ")(?!");
    put_syntax("))");
  }

  // What \w means. In a class, the numbers of Latin-1 that are no digits are not among it (of the reference's regex
  // engine, Oniguruma, one way asks a table of Latin-1 for bytes and the other the properties of code points).
  static CodeSet word_set(bool in_class) {
    const CodeSet word = flag_set(kIsWord);
    return in_class ? intersect(word, complement(make_set({{0xb2, 0xb3}, {0xb9, 0xb9}, {0xbc, 0xbe}}))) : word;
  }

  // A backslash and what follows, as the set of characters that it means.
  CodeSet parse_escaped_set(bool in_class) {
    ++at_;
    const char32_t c = next_char();
    switch (c) {
      case 's': return flag_set(kIsSpace);
      case 'S': return complement(flag_set(kIsSpace));
      case 'w': return word_set(in_class);
      case 'W': return complement(word_set(in_class));
      case 'd': return *property_set("Nd");
      case 'D': return complement(*property_set("Nd"));
      case 'h': return make_set({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
      case 'H': return complement(make_set({{'0', '9'}, {'a', 'f'}, {'A', 'F'}}));
      case 'p': return parse_property(false);
      case 'P': return parse_property(true);
      default: return one(parse_escaped_char(c));
    }
  }

  char32_t parse_escaped_char(char32_t c) {
    switch (c) {
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case 'f': return '\f';
      case 'v': return '\v';
      case 'a': return '\a';
      case 'e': return 0x1b;
      case '0': return 0;
      case 'x': return skip("{") ? parse_hex(8, "}") : parse_hex(2, "");
      case 'u': return parse_hex(4, "");
      default: break;
    }
    const bool letter = c < 0x80 && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'));
    if (letter) unsupported("\\" + std::string(1, static_cast<char>(c)));  // back-references, \R, \X, ...
    return c;
  }

  char32_t parse_hex(int limit, std::string_view end) {
    char32_t value = 0;
    int digits = 0;
    for (; digits < limit && at_ < regex_.size(); ++digits, ++at_) {
      const char c = regex_[at_];
      const bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'f', upper = c >= 'A' && c <= 'F';
      if (!digit && !lower && !upper) break;
      value = value * 16 + static_cast<char32_t>(digit ? c - '0' : (lower ? c - 'a' : c - 'A') + 10);
    }
    if (digits == 0 || !skip(end) || value > 0x10ffff) fail("bad code point");
    return value;
  }

  // {Name}, {^Name}
  CodeSet parse_property(bool negated) {
    const std::size_t end = regex_.find('}', at_);
    if (!looking_at("{") || end == std::string_view::npos) fail("\\p needs {name}");
    std::string_view name = regex_.substr(at_ + 1, end - at_ - 1);
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    const auto set = property_set(name);
    if (!set) unsupported("\\p{" + std::string(name) + "}");
    at_ = end + 1;
    return negated ? complement(*set) : *set;
  }

  // After '[': [^a-z\s[0-9]&&[^b]]
  CodeSet parse_class(int depth) {
    if (depth == kMaxClassDepth) throw LimitError(fields("regex too complex: classes nested too deep"));
    const bool negated = skip("^");
    CodeSet all = complement({}), current;
    bool first = true;
    for (; first || !looking_at("]"); first = false) {
      if (parse_posix_class(current)) continue;
      if (skip("&&")) {
        all = intersect(all, current);
        current.clear();
      } else if (skip("[")) {
        current = unite(current, parse_class(depth + 1));
      } else {
        current = unite(current, parse_class_range());
      }
    }
    ++at_;
    all = intersect(all, current);
    if (ignore_case_) all = fold_case(all);
    return negated ? complement(all) : all;
  }

  // [:name:] or [:^name:], added to `set`; false where "[:" begins a class like any other.
  bool parse_posix_class(CodeSet& set) {
    const std::size_t end = regex_.find(']', at_);
    if (!looking_at("[:") || end == std::string_view::npos || end < at_ + 4 || regex_[end - 1] != ':') return false;
    std::string_view name = regex_.substr(at_ + 2, end - at_ - 3);
    const bool negated = name.starts_with('^');
    if (negated) name.remove_prefix(1);
    const std::optional<CodeSet> members = name == "word" ? word_set(/*in_class=*/true) : posix_set(name);
    if (!members) fail("[:" + std::string(name) + ":] is no POSIX class");
    at_ = end + 1;
    set = unite(set, negated ? complement(*members) : *members);
    return true;
  }

  CodeSet parse_class_range() {
    CodeSet low = looking_at("\\") ? parse_escaped_set(/*in_class=*/true) : one(next_char());
    if (!is_one(low) || !looking_at("-") || regex_.substr(at_ + 1).starts_with("]")) return low;
    ++at_;
    const CodeSet high = looking_at("\\") ? parse_escaped_set(/*in_class=*/true) : one(next_char());
    if (!is_one(high) || high[0].first < low[0].first) fail("bad range in a class");
    return {{low[0].first, high[0].first}};
  }

  std::string_view regex_;
  const std::string& file_;
  const std::string& field_;
  std::size_t at_ = 0;
  std::size_t atom_ = 0;  // item where the last atom begins
  bool ignore_case_ = false, dot_all_ = false;
  std::vector<Group> groups_;  // open ones
  std::vector<RegexItem> items_;
};

}  // namespace

std::vector<RegexItem> parse_regex(std::string_view regex, const std::string& file, const std::string& field) {
  return RegexParser(regex, file, field).parse();
}

}  // namespace skald::text
