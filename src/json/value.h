// JSON as a small value type: what config files, tokenizers and requests are read into.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace skald::json {

class Value;
using Array = std::vector<Value>;
struct Member;
using Object = std::vector<Member>;  // in file order; keys are unique (the parser refuses duplicates)

/// One JSON value. Integers that fit int64 are integers; every other number is a double.
class Value {
 public:
  Value() = default;  // null
  // Implicit, so that values are written as they are meant. Defined where Member is complete.
  // NOLINTBEGIN(google-explicit-constructor)
  Value(std::nullptr_t);
  Value(bool value);
  Value(std::int64_t value);
  Value(int value);
  Value(double value);
  Value(std::string value);
  Value(const char* value);
  Value(Array value);
  Value(Object value);
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(data_); }
  [[nodiscard]] bool is_integer() const { return std::holds_alternative<std::int64_t>(data_); }
  [[nodiscard]] bool is_number() const { return is_integer() || std::holds_alternative<double>(data_); }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::string>(data_); }
  [[nodiscard]] bool is_array() const { return std::holds_alternative<Array>(data_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<Object>(data_); }

  // Each requires the matching is_...(): a wrong call is a defect of the program, not of the input.
  [[nodiscard]] bool as_bool() const { return std::get<bool>(data_); }
  [[nodiscard]] std::int64_t as_integer() const { return std::get<std::int64_t>(data_); }
  [[nodiscard]] double as_number() const;  // integer or double
  [[nodiscard]] const std::string& as_string() const { return std::get<std::string>(data_); }
  [[nodiscard]] const Array& as_array() const { return std::get<Array>(data_); }
  [[nodiscard]] const Object& as_object() const { return std::get<Object>(data_); }

  /// Member `key` of an object; nullptr where this is no object or has none.
  [[nodiscard]] const Value* find(std::string_view key) const;

  /// "'abc'", "4096.5", "true", "null", "an array", "an object": for error messages.
  [[nodiscard]] std::string describe() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> data_;
};

struct Member {
  std::string key;
  Value value;
};

/// What a text may hold at most; over it is a LimitError that names the limit.
struct Limits {
  std::uint64_t bytes = 128U << 20;
  int depth = 128;                 // at most 1024
  std::uint64_t nodes = 3U << 20;  // values and keys; the largest tokenizers have 2.2 M
  bool infinity = false;           // take Infinity and -Infinity, which Python writes, for 1.7e308 and -1.7e308
};

/// For a model's config.json and generation_config.json.
inline constexpr Limits kConfigLimits{.bytes = std::uint64_t{16} << 20, .infinity = true};

/// Parses one JSON text. `file` names it in errors, which carry line and column. Refuses duplicate keys, invalid UTF-8,
/// a byte-order mark, unpaired surrogates, NaN and (unasked) Infinity literals, numbers out of double's range, and
/// anything but whitespace after the value (FormatError). Reading does not recurse; destroying and dumping do, over the
/// limited depth.
Value parse(std::string_view text, const std::string& file, const Limits& limits = {});

/// As parse(), for a text that lies at byte `offset` of a binary file: errors carry the byte in that file.
Value parse_at(std::string_view text, const std::string& file, std::uint64_t offset, const Limits& limits = {});

/// Reads and parses a file of at most limits.bytes.
Value parse_file(const std::string& path, const Limits& limits = {});

/// Compact JSON text; strings are escaped as RFC 8259 asks, non-ASCII stays UTF-8, bytes that are no UTF-8 become
/// U+FFFD. Doubles print shortest round-trip, with a point or exponent; NaN prints as null, infinities as Python writes
/// them.
std::string dump(const Value& value);

}  // namespace skald::json
