// The longest token first. Reference: `tokenizers` models/wordpiece; Wu et al., https://arxiv.org/abs/1609.08144
#pragma once

#include <string>

#include "text/model.h"
#include "text/models/unknown.h"
#include "text/trie.h"

namespace skald::text {

class WordPiece final : public Model {
 public:
  explicit WordPiece(const json::Fields& fields);

  [[nodiscard]] std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }
  void tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  [[nodiscard]] TokenId unknown_id() const override { return unknown_.id(); }
  Vocabulary vocabulary_;
  UnknownToken unknown_;
  std::size_t max_chars_;          // a longer word is unknown
  ByteTrie initial_, continuing_;  // tokens that begin a word, and those with the prefix, without it
};

}  // namespace skald::text
