// Prompt lookup: what followed the last tokens when they last occurred. Saxena 2023,
// https://github.com/apoorvumang/prompt-lookup-decoding ; transformers, PromptLookupCandidateGenerator.
#pragma once

#include "decode/drafting/draft_length.h"
#include "decode/drafting/drafter.h"

namespace skald::decode {

class PromptLookup final : public Drafter {
 public:
  /// Looks for the last `longest_ngram` tokens, then for fewer; in `elsewhere` (an encoder's input) where the history
  /// has none.
  PromptLookup(std::int64_t longest_ngram, DraftLength length, std::vector<TokenId> elsewhere)
      : longest_ngram_(longest_ngram), length_(length), elsewhere_(std::move(elsewhere)) {}

  void begin(const DraftStart& start) override;
  [[nodiscard]] std::span<const TokenId> draft() const override { return draft_; }
  void learn(std::int64_t n_kept) override { length_.learn(static_cast<std::int64_t>(draft_.size()), n_kept); }

 private:
  std::int64_t longest_ngram_;
  DraftLength length_;
  std::vector<TokenId> elsewhere_;
  std::vector<TokenId> draft_;
};

}  // namespace skald::decode
