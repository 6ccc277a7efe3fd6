// The pre-tokenizer stage: cuts text into words.
#pragma once

#include <memory>
#include <vector>

#include "json/fields.h"
#include "text/piece.h"

namespace skald::text {

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Cuts `piece`, which is not empty, into pieces; empty ones may be among them and are dropped by the caller. A text
  /// that is made of `piece` on the way goes to `buffer`.
  virtual void split(const Piece& piece, AlignedText& buffer, PieceSink out) const = 0;
  /// Whether the stage puts a byte-level character in the place of each byte.
  [[nodiscard]] virtual bool maps_bytes() const { return false; }
  /// Lets such a stage leave the bytes as they are.
  virtual void keep_bytes() {}
};

/// All pre-tokenizers of a tokenizer, in order. Pieces are handed on one by one; nothing is collected.
class PreTokenizerChain {
 public:
  PreTokenizerChain() = default;
  explicit PreTokenizerChain(const json::Fields& fields);

  /// `buffers` are reused from call to call.
  void split(const Piece& piece, std::vector<AlignedText>& buffers, PieceSink out) const;
  /// Whether the last stage maps bytes, so that only the model would see it if it did not.
  [[nodiscard]] bool maps_bytes() const { return !stages_.empty() && stages_.back()->maps_bytes(); }
  void keep_bytes() { stages_.back()->keep_bytes(); }

 private:
  void split_from(std::size_t stage, const Piece& piece, std::vector<AlignedText>& buffers, PieceSink out) const;
  std::vector<std::unique_ptr<PreTokenizer>> stages_;
};

}  // namespace skald::text
