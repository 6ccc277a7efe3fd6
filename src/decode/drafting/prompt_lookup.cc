#include "decode/drafting/prompt_lookup.h"

#include <algorithm>

namespace skald::decode {
namespace {

using Tokens = std::span<const TokenId>;

// What follows the last place in `text` where `ngram` occurs with something after it; empty for none.
Tokens after_last(Tokens text, Tokens ngram) {
  if (text.size() <= ngram.size()) return {};
  for (std::size_t begin = text.size() - ngram.size(); begin-- > 0;) {
    if (std::ranges::equal(text.subspan(begin, ngram.size()), ngram)) return text.subspan(begin + ngram.size());
  }
  return {};
}

}  // namespace

void PromptLookup::begin(const DraftStart& start) {
  draft_.clear();
  const auto longest = static_cast<std::size_t>(std::min(start.longest, length_.next()));
  if (longest == 0) return;
  const auto n_most = std::min(static_cast<std::size_t>(longest_ngram_), start.history.size());
  for (std::size_t n = n_most; n > 0 && draft_.empty(); --n) {
    const Tokens ngram = start.history.last(n);
    Tokens found = after_last(start.history, ngram);
    if (found.empty()) found = after_last(elsewhere_, ngram);
    draft_.assign(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(std::min(longest, found.size())));
  }
}

}  // namespace skald::decode
