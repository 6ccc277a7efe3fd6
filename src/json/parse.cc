// The grammar is nlohmann's SAX parser, which is iterative; limits, duplicate keys, positions and messages are ours.
#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/file.h"
#include "base/file_kind.h"
#include "base/utf8.h"
#include "json/value.h"
#include "skald/error.h"

namespace skald::json {
namespace {

constexpr int kMaxDepth = 1024;  // destroying a value recurses this deep at most

// A text with a name, and errors at places in it.
struct Source {
  std::string_view text;
  const std::string& file;
  std::optional<std::uint64_t> base = {};  // of the text in a binary file

  // "line 3 column 7" of the byte at `offset`; columns count bytes.
  [[nodiscard]] std::string place(std::size_t offset) const {
    const std::string_view before = text.substr(0, offset);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n') + 1;  // 0 where there is none
    return "line " + std::to_string(lines + 1) + " column " + std::to_string(before.size() - line_start + 1);
  }

  template <typename E>
  [[noreturn]] void fail(std::size_t offset, std::string rule) const {
    if (base) throw E(ErrorFields{.file = file, .offset = *base + offset, .rule = std::move(rule)});
    throw E(ErrorFields{.file = file, .field = place(offset), .rule = std::move(rule)});
  }
};

// Walks the text for nlohmann's lexer and tells us how far it has come.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }
  bool operator!=(const Cursor& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// Builds the value from the parser's events. Containers that are still open lie on a stack of our own.
class Builder {
 public:
  Builder(const Source& source, const Limits& limits)
      : source_(source), limits_(limits), max_depth_(std::min(limits.depth, kMaxDepth)), reached_(source.text.data()) {}

  Value build() {
    const char* const begin = source_.text.data();
    nlohmann::json::sax_parse(Cursor(begin, &reached_), Cursor(begin + source_.text.size(), &reached_), this);
    return std::move(root_);
  }

  // The events, named as nlohmann asks. All return true: what must stop the parser is thrown.
  bool null() { return add(Value()); }
  bool boolean(bool value) { return add(Value(value)); }
  bool number_integer(std::int64_t value) { return add(Value(value)); }
  bool number_unsigned(std::uint64_t value) {
    constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
    return add(value <= kLargest ? Value(static_cast<std::int64_t>(value)) : Value(static_cast<double>(value)));
  }
  bool number_float(double value, const std::string& /*text*/) { return add(Value(value)); }
  bool string(std::string& value) { return add(Value(std::move(value))); }
  bool binary(nlohmann::json::binary_t& /*bytes*/) { return true; }  // JSON text has none
  bool start_array(std::size_t /*unknown*/) { return open(Frame{}); }
  bool start_object(std::size_t /*unknown*/) { return open(Frame{.is_object = true}); }

  bool key(std::string& name) {
    count_node();
    open_.back().object.push_back({std::move(name), Value()});
    open_.back().key_ends.push_back(offset());
    return true;
  }

  bool end_array() {
    Frame done = close();
    return place(Value(std::move(done.array)));
  }

  bool end_object() {
    Frame done = close();
    refuse_duplicate_keys(done);
    return place(Value(std::move(done.object)));
  }

  // `position` counts the bytes read, the offending one included.
  bool parse_error(std::size_t position, const std::string& /*token*/, const std::exception& error) {
    const std::size_t offset = std::min(std::max<std::size_t>(position, 1) - 1, source_.text.size());
    source_.fail<FormatError>(offset, describe_error(offset, error.what()));
  }

 private:
  struct Frame {
    bool is_object = false;
    Array array = {};
    Object object = {};
    std::vector<std::size_t> key_ends = {};  // offset behind each key of `object`
  };

  [[nodiscard]] std::size_t offset() const { return static_cast<std::size_t>(reached_ - source_.text.data()); }

  void count_node() {
    if (++nodes_ > limits_.nodes) {
      source_.fail<LimitError>(offset(), "more than " + std::to_string(limits_.nodes) + " values and keys");
    }
  }

  bool add(Value value) {
    count_node();
    return place(std::move(value));
  }

  // Puts a finished value into the container around it.
  bool place(Value value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().object.back().value = std::move(value);
    } else {
      open_.back().array.push_back(std::move(value));
    }
    return true;
  }

  bool open(Frame frame) {
    count_node();
    if (static_cast<int>(open_.size()) >= max_depth_) {
      source_.fail<LimitError>(offset() - 1, "nested deeper than " + std::to_string(max_depth_));
    }
    open_.push_back(std::move(frame));
    return true;
  }

  Frame close() {
    Frame done = std::move(open_.back());
    open_.pop_back();
    return done;
  }

  // By sorting: no choice of keys makes it slow, as it could make a hash table.
  void refuse_duplicate_keys(const Frame& frame) const {
    struct Key {
      std::size_t hash;
      std::size_t index;
    };
    std::vector<Key> keys(frame.object.size());
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = {std::hash<std::string>()(frame.object[i].key), i};
    std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
      if (a.hash != b.hash) return a.hash < b.hash;
      const int order = frame.object[a.index].key.compare(frame.object[b.index].key);
      return order != 0 ? order < 0 : a.index < b.index;
    });
    for (std::size_t i = 1; i < keys.size(); ++i) {
      const std::string& key = frame.object[keys[i].index].key;
      if (keys[i].hash != keys[i - 1].hash || key != frame.object[keys[i - 1].index].key) continue;
      source_.fail<FormatError>(key_start(frame.key_ends[keys[i].index]), "duplicate key " + quoted(key));
    }
  }

  // Offset of the quote that opens the key that ends before `end`: inside a key, a backslash is before every quote.
  [[nodiscard]] std::size_t key_start(std::size_t end) const {
    std::size_t quote = source_.text.rfind('"', end - 2);
    while (source_.text[quote - 1] == '\\') quote = source_.text.rfind('"', quote - 1);
    return quote;
  }

  // Of nlohmann's "[json.exception...] parse error at line 1, column 2: syntax error while parsing value - REASON; last
  // read: 'TOKEN'; expected X" the reason; what was read is shown from the text itself.
  [[nodiscard]] std::string describe_error(std::size_t offset, std::string_view what) const {
    if (what.find("unexpected end of input") != std::string_view::npos) {
      return "the text ends here, before the value is complete (incomplete file?)";
    }
    std::string reason = "no JSON";
    if (const std::size_t dash = what.find(" - "); dash != std::string_view::npos) {
      reason = what.substr(dash + 3, what.find("; last read", dash) - dash - 3);
    } else if (what.find("number overflow") != std::string_view::npos) {
      reason = "the number is out of range";
    }
    return reason + " near " + quoted(around(offset));
  }

  // Some text on both sides of `offset`, cut between characters.
  [[nodiscard]] std::string_view around(std::size_t offset) const {
    constexpr std::size_t kBefore = 24;
    constexpr std::size_t kAfter = 8;
    const auto boundary = [&](std::size_t i) {
      while (i < source_.text.size() && (source_.text[i] & 0xc0) == 0x80) ++i;
      return i;
    };
    const std::size_t begin = boundary(offset - std::min(offset, kBefore));
    return source_.text.substr(begin, boundary(offset + kAfter) - begin);
  }

  Source source_;
  const Limits& limits_;
  int max_depth_;
  const char* reached_;
  Value root_;
  std::vector<Frame> open_;
  std::uint64_t nodes_ = 0;
};

void expect_text(const Source& source) {
  const std::string_view text = source.text;
  if (text.substr(0, 3) == "\xef\xbb\xbf") {
    source.fail<FormatError>(0, "begins with a byte-order mark: save the file as UTF-8 without one");
  }
  const std::string_view head = text.substr(0, 2);
  if (head == "\xff\xfe" || head == "\xfe\xff" || (head.size() == 2 && head.find('\0') != std::string_view::npos)) {
    source.fail<FormatError>(0, "is UTF-16: save the file as UTF-8");
  }
  // nlohmann's lexer would take a NUL for the end and never look at what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    source.fail<FormatError>(nul, "a NUL byte is no JSON");
  }
  if (const std::size_t bad = first_invalid_utf8(text); bad < text.size()) {
    source.fail<FormatError>(bad, "is no UTF-8: " + quoted(text.substr(bad, 4)));
  }
}

// The text with 1.7e+308 in the place of Infinity outside strings: places stay what they are.
std::string without_infinity(std::string_view text) {
  constexpr std::string_view kName = "Infinity";
  constexpr std::string_view kNumber = "1.7e+308";
  static_assert(kName.size() == kNumber.size());
  std::string out(text);
  bool in_string = false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (in_string && out[i] == '\\') {
      ++i;
    } else if (out[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && text.substr(i, kName.size()) == kName) {
      out.replace(i, kName.size(), kNumber);
    }
  }
  return out;
}

Value parse_source(const Source& source, const Limits& limits) {
  if (source.text.size() > limits.bytes) {
    throw LimitError(ErrorFields{.file = source.file,
                                 .rule = "text of " + std::to_string(source.text.size()) +
                                         " bytes is over the limit of " + std::to_string(limits.bytes) + " bytes"});
  }
  if (source.text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    source.fail<FormatError>(0, "the text is empty");
  }
  expect_text(source);
  if (!limits.infinity) return Builder(source, limits).build();
  const std::string text = without_infinity(source.text);
  return Builder({text, source.file, source.base}, limits).build();
}

}  // namespace

Value parse(std::string_view text, const std::string& file, const Limits& limits) {
  return parse_source({text, file}, limits);
}

Value parse_at(std::string_view text, const std::string& file, std::uint64_t offset, const Limits& limits) {
  return parse_source({text, file, offset}, limits);
}

Value parse_file(const std::string& path, const Limits& limits) {
  const std::string text = read_text_file(path, limits.bytes);
  if (const std::string_view kind = recognize_file_kind(text); !kind.empty()) {
    throw FormatError(
        ErrorFields{.file = path,
                    .rule = "not JSON: this is " + std::string(kind) + " (" + std::to_string(text.size()) + " bytes)"});
  }
  return parse(text, path, limits);
}

}  // namespace skald::json
