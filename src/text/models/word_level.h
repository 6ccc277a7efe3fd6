// One token for a whole word. Reference: `tokenizers` models/wordlevel.
#pragma once

#include "text/model.h"
#include "text/models/unknown.h"

namespace skald::text {

class WordLevel final : public Model {
 public:
  explicit WordLevel(const json::Fields& fields);

  [[nodiscard]] std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }
  void tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  [[nodiscard]] TokenId unknown_id() const override { return unknown_.id(); }
  Vocabulary vocabulary_;
  UnknownToken unknown_;
};

}  // namespace skald::text
