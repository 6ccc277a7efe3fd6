// One token for a whole word. Reference: `tokenizers` models/wordlevel.
#pragma once

#include "text/model.h"
#include "text/models/excluded_words.h"
#include "text/models/unknown.h"

namespace skald::text {

class WordLevel final : public Model {
 public:
  explicit WordLevel(const json::Fields& fields);

  [[nodiscard]] std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }
  void tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }
  void exclude_words(const std::vector<TokenId>& special) override {
    excluded_.set(special, vocabulary_.id_limit(), unknown_.id());
  }

 private:
  Vocabulary vocabulary_;
  UnknownToken unknown_;
  ExcludedWords excluded_;
};

}  // namespace skald::text
