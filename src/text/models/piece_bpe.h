// Byte-pair encoding as SentencePiece does it: of all neighbours whose texts together are a piece, those with the best
// score are merged first. Reference: bpe_model.cc of SentencePiece.
#pragma once

#include <optional>
#include <string>

#include "text/model.h"
#include "text/models/bpe.h"
#include "text/models/byte_fallback.h"
#include "text/models/pieces.h"
#include "text/models/unknown.h"
#include "text/trie.h"

namespace skald::text {

/// A model of a `.model` file; `vocab` and `piece_types` are those of models/pieces.h. Where `merge` is false every
/// character stays alone, as in SentencePiece's models of the type "char".
class PieceBpe final : public Model {
 public:
  explicit PieceBpe(const json::Fields& fields);

  [[nodiscard]] std::unique_ptr<Scratch> make_scratch() const override;
  void tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  void add_merges(TokenId id, std::uint32_t rank);
  void index_characters(const std::vector<PieceType>& types);
  [[nodiscard]] TokenId character(std::string_view text) const;
  void split(std::string_view word, std::vector<WordToken>& symbols) const;
  void put_chunk(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const;
  void put(std::string_view word, const WordToken& symbol, std::vector<WordToken>& out) const;

  Vocabulary vocabulary_;
  UnknownToken unknown_;
  std::optional<ByteFallback> bytes_;
  std::vector<PieceType> types_;
  /// While a text is merged, symbols have numbers: pieces their ids, then come the characters that are no piece but
  /// part of one, then one for all other characters.
  StringMap characters_;
  TokenId other_ = 0;
  MergeTable merges_;  // between symbols
  MergeTable joins_;   // pairs of characters that are neighbours in some piece: between others nothing is ever merged
  ByteTrie of_user_;   // pieces that are found in the text before anything is merged
};

}  // namespace skald::text
