#include "text/models/pieces.h"

#include <cmath>

#include "skald/error.h"
#include "text/vocabulary.h"

namespace skald::text {
namespace {

const json::Array& entries(const json::Fields& fields) {
  const json::Value* const value = fields.find("vocab");
  if (value == nullptr || !value->is_array()) fields.fail("vocab", "must be an array of [token, score]");
  if (value->as_array().size() > static_cast<std::size_t>(kMaxTokenId)) {
    throw LimitError(ErrorFields{.file = fields.file(),
                                 .field = fields.name("vocab"),
                                 .value = std::to_string(value->as_array().size()) + " entries",
                                 .rule = "at most " + std::to_string(kMaxTokenId) + " are read"});
  }
  return value->as_array();
}

[[noreturn]] void fail_entry(const json::Fields& fields, std::size_t number, std::string value, std::string rule) {
  throw FormatError(ErrorFields{.file = fields.file(),
                                .field = fields.name("vocab") + "[" + std::to_string(number) + "]",
                                .value = std::move(value),
                                .rule = std::move(rule)});
}

}  // namespace

std::vector<std::string_view> piece_texts(const json::Fields& fields) {
  const json::Array& items = entries(fields);
  std::vector<std::string_view> texts;
  texts.reserve(items.size());
  for (const json::Value& item : items) {
    if (!item.is_array() || item.as_array().size() != 2 || !item.as_array()[0].is_string()) {
      fail_entry(fields, texts.size(), item.describe(), "must be [token, score]");
    }
    texts.push_back(item.as_array()[0].as_string());
  }
  return texts;
}

std::vector<double> piece_scores(const json::Fields& fields) {
  std::vector<double> scores;
  for (const json::Value& item : entries(fields)) {
    const json::Value& score = item.as_array()[1];
    if (!score.is_number() || !std::isfinite(score.as_number())) {
      fail_entry(fields, scores.size(), score.describe(), "the score must be a finite number");
    }
    scores.push_back(score.as_number());
  }
  return scores;
}

std::vector<PieceType> piece_types(const json::Fields& fields, std::size_t count) {
  std::vector<PieceType> types;
  if (!fields.has("piece_types")) return std::vector<PieceType>(count, PieceType::normal);
  for (const std::int64_t type : fields.get_integers("piece_types", 1, 6)) {
    types.push_back(static_cast<PieceType>(type));
  }
  if (types.size() != count) fields.fail("piece_types", "must have one for each of " + std::to_string(count));
  return types;
}

}  // namespace skald::text
