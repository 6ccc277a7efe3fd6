// Between two tokenizers: what a draft model with other tokens is told, and what its draft means. transformers,
// AssistedCandidateGeneratorDifferentTokenizers: by way of the text, with some tokens before the new ones cut anew.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "skald/generation_config.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace skald::decode {

class DraftTranslator {
 public:
  /// `lookbehind`: draft tokens before new text that are cut anew; `target_lookbehind`: own tokens before a draft.
  /// Both tokenizers must outlive it.
  DraftTranslator(const text::Tokenizer& own, const text::Tokenizer& draft, std::int64_t lookbehind,
                  std::int64_t target_lookbehind);

  struct Change {  // of the draft model's tokens
    std::size_t n_dropped = 0;
    std::vector<TokenId> added = {};
  };
  /// What `generated` (all of the completion's tokens) changes in the draft model's tokens, of which `seen` are known
  /// to it behind its prompt. Nothing where tokens were taken back: then the draft model stays as it is.
  Change follow(std::span<const TokenId> generated, std::span<const TokenId> seen);

  /// The draft in tokens of the own tokenizer, where it can be cut behind `history` without changing it; else nothing.
  [[nodiscard]] std::vector<TokenId> to_own(std::span<const TokenId> history, std::span<const TokenId> draft) const;

 private:
  const text::Tokenizer& own_;
  const text::Tokenizer& draft_;
  std::size_t lookbehind_;
  std::size_t target_lookbehind_;
  text::Detokenizer detokenizer_;  // of the completion
  std::size_t n_followed_ = 0;
};

}  // namespace skald::decode
