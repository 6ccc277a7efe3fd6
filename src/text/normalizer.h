// The normalizer stage: changes text before it is cut.
#pragma once

#include <memory>
#include <vector>

#include "json/fields.h"
#include "text/piece.h"

namespace skald::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  /// Writes the normal form of `in`, which is not empty, to `out`, which is; false where it equals `in` (`out` may then
  /// hold anything).
  virtual bool normalize(const Piece& in, AlignedText& out) const = 0;
};

/// All normalizers of a tokenizer, in order.
class NormalizerChain {
 public:
  NormalizerChain() = default;
  explicit NormalizerChain(const json::Fields& fields);

  /// The normal form of `in`: `in` itself, or a text that is kept in one of `buffers`.
  [[nodiscard]] Piece normalize(const Piece& in, AlignedText (&buffers)[2]) const;

 private:
  std::vector<std::unique_ptr<Normalizer>> stages_;
};

}  // namespace skald::text
