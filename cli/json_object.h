// One JSON object as text, member by member: the machine-readable forms of the command.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace skald::cli {

/// Shortest text that reads back as `value`; null where it is not finite, since JSON has no such numbers.
std::string json_number(double value);

class JsonObject {
 public:
  JsonObject& add(std::string_view key, std::string_view text);
  JsonObject& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
  JsonObject& add(std::string_view key, bool value) { return add_raw(key, value ? "true" : "false"); }
  JsonObject& add(std::string_view key, double value) { return add_raw(key, json_number(value)); }
  JsonObject& add(std::string_view key, std::integral auto value) { return add_raw(key, std::to_string(value)); }
  /// `json` is JSON already.
  JsonObject& add_raw(std::string_view key, std::string_view json);

  [[nodiscard]] std::string text() const { return text_ + "}"; }
  [[nodiscard]] std::string line() const { return text_ + "}\n"; }

 private:
  std::string text_ = "{";
};

/// "[a, b]" of the elements' JSON.
template <class Range, class ToJson>
std::string json_array(const Range& range, ToJson to_json) {
  std::string out = "[";
  for (const auto& element : range) {
    if (out.size() > 1) out += ", ";
    out += to_json(element);
  }
  return out + "]";
}

/// "[1, 2, 3]"
template <class Integer>
std::string json_integers(const std::vector<Integer>& values) {
  return json_array(values, [](Integer value) { return std::to_string(value); });
}

}  // namespace skald::cli
