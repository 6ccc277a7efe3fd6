// The longest token at each place, in bytes: RWKV's "world" vocabularies. Reference: llama.cpp, llm_tokenizer_rwkv.
#pragma once

#include "text/model.h"
#include "text/models/unknown.h"
#include "text/trie.h"

namespace skald::text {

/// Tokens of `vocab` are spelled as text/escaped_bytes.h says. Not a type of tokenizer.json.
class Rwkv final : public Model {
 public:
  explicit Rwkv(const json::Fields& fields);

  [[nodiscard]] std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }
  void tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  [[nodiscard]] TokenId unknown_id() const override { return unknown_.id(); }
  Vocabulary vocabulary_;
  UnknownToken unknown_;  // none: what no token begins with cannot be encoded
  ByteTrie trie_;
};

}  // namespace skald::text
