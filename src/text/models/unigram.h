// The most likely tokens. References: `tokenizers` models/unigram; unigram_model.cc of SentencePiece; Kudo,
// https://arxiv.org/abs/1804.10959
#pragma once

#include <optional>
#include <string>

#include "text/model.h"
#include "text/models/byte_fallback.h"
#include "text/models/unknown.h"
#include "text/trie.h"

namespace skald::text {

/// `vocab` is an array of [token, score]. With `piece_types`, which tokenizer.json does not have, the rules are those
/// of SentencePiece itself: scores are added up as floats, only some pieces are looked for, those of the user always
/// win.
class Unigram final : public Model {
 public:
  explicit Unigram(const json::Fields& fields);

  [[nodiscard]] std::unique_ptr<Scratch> make_scratch() const override;
  void tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  [[nodiscard]] TokenId unknown_id() const override { return unknown_.id(); }
  template <typename Score>
  void find_best(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const;
  void put_unknown(std::string_view word, ByteRange place, bool plain, std::vector<WordToken>& out) const;

  Vocabulary vocabulary_;
  UnknownToken unknown_;
  std::optional<ByteFallback> bytes_;
  bool single_precision_ = false;
  ByteTrie trie_;               // of what is looked for
  std::vector<double> scores_;  // [tokens]
  double unknown_score_ = 0;
};

}  // namespace skald::text
