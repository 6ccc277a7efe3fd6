// What the five stage kinds share: objects with a "type", made by a table of factories, and sequences of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/fields.h"
#include "skald/error.h"

namespace skald::text {

inline constexpr std::size_t kMaxStages = 256;  // in all sequences of one kind together
inline constexpr int kMaxNesting = 32;          // of Sequence in Sequence

/// One row of a factory table.
template <typename Stage>
struct StageType {
  std::string_view name;  // as tokenizer.json spells it
  std::unique_ptr<Stage> (*make)(const json::Fields& fields);
};

template <typename Stage, typename Base>
std::unique_ptr<Base> make_as(const json::Fields& fields) {
  return std::make_unique<Stage>(fields);
}

/// Makes the stage that `fields` describes. UnsupportedError names an unknown type and lists the known ones.
template <typename Stage>
std::unique_ptr<Stage> make_stage(const json::Fields& fields, std::span<const StageType<Stage>> known) {
  const std::string type = fields.need_string("type");
  std::string names;
  for (const StageType<Stage>& row : known) {
    if (row.name == type) return row.make(fields);
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  throw UnsupportedError(ErrorFields{.file = fields.file(),
                                     .field = fields.name("type"),
                                     .value = quoted(type),
                                     .rule = "is not supported; known types: " + names});
}

/// Appends the stages of `fields`: one, or in order those of a Sequence (its member `list` is an array), however
/// nested. Throws LimitError for more than kMaxStages or deeper than kMaxNesting.
template <typename Stage>
void append_stages(const json::Fields& fields, std::string_view list, std::span<const StageType<Stage>> known,
                   std::vector<std::unique_ptr<Stage>>& out, int depth = 0) {
  if (fields.get_string("type") != "Sequence") {
    if (out.size() == kMaxStages) {
      throw LimitError(ErrorFields{.file = fields.file(),
                                   .field = fields.name("type"),
                                   .value = {},
                                   .rule = "more than " + std::to_string(kMaxStages) + " stages"});
    }
    out.push_back(make_stage<Stage>(fields, known));
    return;
  }
  if (depth == kMaxNesting) {
    throw LimitError(ErrorFields{.file = fields.file(),
                                 .field = fields.name("type"),
                                 .value = {},
                                 .rule = "Sequence nested deeper than " + std::to_string(kMaxNesting)});
  }
  const json::Value* const items = fields.find(list);
  if (items == nullptr || !items->is_array()) fields.fail(list, "must be an array");
  std::size_t number = 0;
  for (const json::Value& item : items->as_array()) {
    const std::string where = fields.name(list) + "[" + std::to_string(number++) + "]";
    append_stages<Stage>(json::Fields(item, fields.file(), where), list, known, out, depth + 1);
  }
}

/// Member `key` that must be one character.
char32_t need_char(const json::Fields& fields, std::string_view key);

}  // namespace skald::text
