// What decoding knows of models: handles of sequences that fork, rewind and end. The engine implements it.
#pragma once

#include <cstdint>

#include "skald/generation_config.h"

namespace skald::decode {

using ModelIndex = std::int32_t;  // 0: the main model; then draft, expert, ...
using SequenceHandle = std::int32_t;

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;
  [[nodiscard]] virtual std::int64_t vocab_size(ModelIndex model) const = 0;
  /// Positions after which generation stops (a position table); 0: none.
  [[nodiscard]] virtual std::int64_t position_limit(ModelIndex model) const = 0;
  [[nodiscard]] virtual std::int32_t n_layers(ModelIndex model) const = 0;
  /// Whether the head is the embedding matrix.
  [[nodiscard]] virtual bool tied_embeddings(ModelIndex model) const = 0;
  /// Whether rewind() works; not where layers are recurrent.
  [[nodiscard]] virtual bool rewinds(ModelIndex model) const = 0;
  /// A sequence that crosses this length is computed anew (longrope): no draft may cross it. 0: none.
  [[nodiscard]] virtual std::int64_t restart_length(ModelIndex model) const = 0;
  /// A sequence whose first `prompt_length` tokens are its prompt.
  virtual SequenceHandle create(ModelIndex model, std::int64_t prompt_length) = 0;
  virtual SequenceHandle fork(ModelIndex model, SequenceHandle parent) = 0;
  virtual void rewind(ModelIndex model, SequenceHandle sequence, std::int64_t n) = 0;
  virtual void drop(ModelIndex model, SequenceHandle sequence) = 0;
};

}  // namespace skald::decode
