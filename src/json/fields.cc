#include "json/fields.h"

#include <array>
#include <charconv>

#include "skald/error.h"

namespace skald::json {
namespace {

std::string show(double number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  return {digits.data(), end};
}

std::string integer_rule(std::int64_t low, std::int64_t high) {
  return "must be an integer in [" + std::to_string(low) + ", " + std::to_string(high) + "]";
}

std::string number_rule(double low, double high) {
  return "must be a number in [" + show(low) + ", " + show(high) + "]";
}

bool is_integer_in(const Value& value, std::int64_t low, std::int64_t high) {
  return value.is_integer() && value.as_integer() >= low && value.as_integer() <= high;
}

bool is_number_in(const Value& value, double low, double high) {
  return value.is_number() && value.as_number() >= low && value.as_number() <= high;
}

}  // namespace

Fields::Fields(const Value& value, std::string file, std::string where)
    : object_(&value), file_(std::move(file)), where_(std::move(where)) {
  if (value.is_object()) return;
  throw FormatError(
      ErrorFields{.file = file_, .field = where_, .value = value.describe(), .rule = "must be an object"});
}

bool Fields::has(std::string_view key) const {
  const Value* const value = find(key);
  return value != nullptr && !value->is_null();
}

std::optional<std::int64_t> Fields::get_integer(std::string_view key, std::int64_t low, std::int64_t high) const {
  if (!has(key)) return std::nullopt;
  return need_integer(key, low, high);
}

std::int64_t Fields::need_integer(std::string_view key, std::int64_t low, std::int64_t high) const {
  const Value* const value = find(key);
  if (value == nullptr || !is_integer_in(*value, low, high)) fail(key, integer_rule(low, high));
  return value->as_integer();
}

std::optional<double> Fields::get_number(std::string_view key, double low, double high) const {
  if (!has(key)) return std::nullopt;
  return need_number(key, low, high);
}

double Fields::need_number(std::string_view key, double low, double high) const {
  const Value* const value = find(key);
  if (value == nullptr || !is_number_in(*value, low, high)) fail(key, number_rule(low, high));
  return value->as_number();
}

std::optional<bool> Fields::get_bool(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  if (!find(key)->is_bool()) fail(key, "must be true or false");
  return find(key)->as_bool();
}

std::optional<std::string> Fields::get_string(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  return need_string(key);
}

std::string Fields::need_string(std::string_view key) const {
  const Value* const value = find(key);
  if (value == nullptr || !value->is_string()) fail(key, "must be a string");
  return value->as_string();
}

std::optional<Fields> Fields::get_object(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  return Fields(*find(key), file_, name(key));
}

std::vector<std::int64_t> Fields::get_integers(std::string_view key, std::int64_t low, std::int64_t high) const {
  if (!has(key)) return {};
  const Value& value = *find(key);
  if (!value.is_array()) return {need_integer(key, low, high)};
  std::vector<std::int64_t> out;
  out.reserve(value.as_array().size());
  for (const Value& item : value.as_array()) {
    if (!is_integer_in(item, low, high)) {
      fail_item(key, out.size(), item, integer_rule(low, high));
    }
    out.push_back(item.as_integer());
  }
  return out;
}

std::vector<double> Fields::get_numbers(std::string_view key, double low, double high) const {
  if (!has(key)) return {};
  const Value& value = *find(key);
  if (!value.is_array()) fail(key, "must be an array of numbers");
  std::vector<double> out;
  out.reserve(value.as_array().size());
  for (const Value& item : value.as_array()) {
    if (!is_number_in(item, low, high)) {
      fail_item(key, out.size(), item, number_rule(low, high));
    }
    out.push_back(item.as_number());
  }
  return out;
}

std::string Fields::name(std::string_view key) const {
  return where_.empty() ? std::string(key) : where_ + "." + std::string(key);
}

void Fields::fail(std::string_view key, std::string rule) const {
  const Value* const value = find(key);
  throw FormatError(ErrorFields{.file = file_,
                                .field = name(key),
                                .value = value != nullptr ? value->describe() : std::string(),
                                .rule = value != nullptr ? std::move(rule) : "is missing: " + rule});
}

void Fields::fail_item(std::string_view key, std::size_t index, const Value& item, std::string rule) const {
  throw FormatError(ErrorFields{.file = file_,
                                .field = name(key) + "[" + std::to_string(index) + "]",
                                .value = item.describe(),
                                .rule = std::move(rule)});
}

}  // namespace skald::json
