// Typed access to the members of an object from a file: every error names file, key, value and rule.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"

namespace skald::json {

/// A view of one object in `file`. `where` is its path in the file ("rope_scaling"; empty at the top).
/// The `get_...` forms return nothing where the key is absent or null; the `need_...` forms throw FormatError.
/// A member of the wrong type or out of range always throws: "config.json: hidden_size = '4096': must be an integer in
/// [1, 1048576]".
class Fields {
 public:
  /// Throws FormatError where `value` is not an object.
  Fields(const Value& value, std::string file, std::string where = {});

  [[nodiscard]] const Value* find(std::string_view key) const { return object_->find(key); }
  [[nodiscard]] bool has(std::string_view key) const;  // present and not null
  [[nodiscard]] std::optional<std::int64_t> get_integer(std::string_view key, std::int64_t low,
                                                        std::int64_t high) const;
  [[nodiscard]] std::int64_t need_integer(std::string_view key, std::int64_t low, std::int64_t high) const;
  [[nodiscard]] std::optional<double> get_number(std::string_view key, double low, double high) const;
  [[nodiscard]] double need_number(std::string_view key, double low, double high) const;
  [[nodiscard]] std::optional<bool> get_bool(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> get_string(std::string_view key) const;
  [[nodiscard]] std::string need_string(std::string_view key) const;
  [[nodiscard]] std::optional<Fields> get_object(std::string_view key) const;
  /// An integer or an array of integers (eos_token_id); empty where absent.
  [[nodiscard]] std::vector<std::int64_t> get_integers(std::string_view key, std::int64_t low, std::int64_t high) const;
  /// An array of numbers; empty where absent.
  [[nodiscard]] std::vector<double> get_numbers(std::string_view key, double low, double high) const;

  [[nodiscard]] const Value& value() const { return *object_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  /// "rope_scaling.factor": the key with the path of this object before it.
  [[nodiscard]] std::string name(std::string_view key) const;
  /// Throws FormatError about member `key`, showing what it holds.
  [[noreturn]] void fail(std::string_view key, std::string rule) const;

 private:
  [[noreturn]] void fail_item(std::string_view key, std::size_t index, const Value& item, std::string rule) const;

  const Value* object_;  // outlives this view
  std::string file_;
  std::string where_;
};

}  // namespace skald::json
