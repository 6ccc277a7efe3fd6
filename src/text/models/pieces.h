// The vocabulary of models of SentencePiece's kind: an array of [piece, score], and what kind of piece each is.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "json/fields.h"

namespace skald::text {

/// Numbers of sentencepiece_model.proto, and of tokenizer.ggml.token_type in GGUF.
enum class PieceType : std::uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

/// The texts and scores of "vocab". Throws FormatError, also for a score that is no finite number; LimitError for more
/// pieces than ids.
std::vector<std::string_view> piece_texts(const json::Fields& fields);
std::vector<double> piece_scores(const json::Fields& fields);

/// "piece_types", one for each of `count` pieces; all normal where there are none.
std::vector<PieceType> piece_types(const json::Fields& fields, std::size_t count);

}  // namespace skald::text
