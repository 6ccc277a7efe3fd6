// Embeddings: one vector for a text, of a model's hidden states.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "skald/export.h"
#include "skald/model.h"

namespace skald {

/// Which hidden states of a text are taken: the mean over its tokens, or that of one token.
enum class Pooling { mean, last, first };

struct EmbedOptions {
  Pooling pooling = Pooling::mean;
  bool normalize = true;                   // to length 1; a vector of zeros stays one
  std::optional<std::int64_t> layer = {};  // after so many layers, in [0, layers]; default all, and the final norm
};

/// [texts][hidden_size]: one vector for each text, the same alone and among others. Text is encoded with the
/// tokenizer's special tokens. Throws OptionError for what is no text of this model, LimitError for one that is too
/// long, UnsupportedError for models with an encoder.
[[nodiscard]] SKALD_API std::vector<std::vector<float>> embed(const Model& model, const std::vector<Prompt>& texts,
                                                              const EmbedOptions& options = {});

}  // namespace skald
