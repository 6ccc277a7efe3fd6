#include "json/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "skald/error.h"

namespace skald::json {
namespace {

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    const char c = text[0];
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (length == 1 && c >= 0 && c < 0x20) {
      out += "\\u00";
      out += {kHex[static_cast<std::size_t>(c) >> 4], kHex[static_cast<std::size_t>(c) & 15]};
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += std::isnan(number) ? "null" : number < 0 ? "-Infinity" : "Infinity";
    return;
  }
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";  // reads back as a double, not as an integer
}

void append_value(std::string& out, const Value& value);

void append_array(std::string& out, const Array& array) {
  out += '[';
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out += ',';
    append_value(out, array[i]);
  }
  out += ']';
}

void append_object(std::string& out, const Object& object) {
  out += '{';
  for (std::size_t i = 0; i < object.size(); ++i) {
    if (i > 0) out += ',';
    append_string(out, object[i].key);
    out += ':';
    append_value(out, object[i].value);
  }
  out += '}';
}

void append_value(std::string& out, const Value& value) {
  if (value.is_array()) {
    append_array(out, value.as_array());
  } else if (value.is_object()) {
    append_object(out, value.as_object());
  } else if (value.is_string()) {
    append_string(out, value.as_string());
  } else if (value.is_integer()) {
    out += std::to_string(value.as_integer());
  } else if (value.is_number()) {
    append_number(out, value.as_number());
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else {
    out += "null";
  }
}

}  // namespace

Value::Value(std::nullptr_t) {}
Value::Value(bool value) : data_(value) {}
Value::Value(std::int64_t value) : data_(value) {}
Value::Value(int value) : data_(static_cast<std::int64_t>(value)) {}
Value::Value(double value) : data_(value) {}
Value::Value(std::string value) : data_(std::move(value)) {}
Value::Value(const char* value) : data_(std::string(value)) {}
Value::Value(Array value) : data_(std::move(value)) {}
Value::Value(Object value) : data_(std::move(value)) {}

double Value::as_number() const { return is_integer() ? static_cast<double>(as_integer()) : std::get<double>(data_); }

const Value* Value::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  for (const Member& member : as_object()) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::string Value::describe() const {
  if (is_string()) return quoted(as_string());
  if (is_array()) return "an array";
  if (is_object()) return "an object";
  return dump(*this);
}

std::string dump(const Value& value) {
  std::string out;
  append_value(out, value);
  return out;
}

}  // namespace skald::json
