#include "json_object.h"

#include <array>
#include <charconv>
#include <cmath>

#include "skald/text.h"

namespace skald::cli {

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return {digits.data(), end};
}

JsonObject& JsonObject::add(std::string_view key, std::string_view text) { return add_raw(key, json_quote(text)); }

JsonObject& JsonObject::add_raw(std::string_view key, std::string_view json) {
  if (text_.size() > 1) text_ += ", ";
  text_ += json_quote(key) + ": " + std::string(json);
  return *this;
}

}  // namespace skald::cli
