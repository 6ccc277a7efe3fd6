#include "decode/drafting/draft_translator.h"

#include <algorithm>
#include <string>

namespace skald::decode {

DraftTranslator::DraftTranslator(const text::Tokenizer& own, const text::Tokenizer& draft, std::int64_t lookbehind,
                                 std::int64_t target_lookbehind)
    : own_(own),
      draft_(draft),
      lookbehind_(static_cast<std::size_t>(lookbehind)),
      target_lookbehind_(static_cast<std::size_t>(target_lookbehind)),
      detokenizer_(own, /*skip_special_tokens=*/true) {}

DraftTranslator::Change DraftTranslator::follow(std::span<const TokenId> generated, std::span<const TokenId> seen) {
  std::string text;
  for (; n_followed_ < generated.size(); ++n_followed_) text += detokenizer_.push(generated[n_followed_]);
  if (text.empty()) return {};
  const std::size_t n = std::min(lookbehind_, seen.size());
  const std::string before = draft_.decode(seen.last(n), /*skip_special_tokens=*/true);
  return {.n_dropped = n, .added = draft_.encode(before + text, {.add_special_tokens = false}).ids};
}

std::vector<TokenId> DraftTranslator::to_own(std::span<const TokenId> history, std::span<const TokenId> draft) const {
  const auto tail = history.last(std::min(target_lookbehind_, history.size()));
  const std::string before = own_.decode(tail, /*skip_special_tokens=*/true);
  const std::string after = draft_.decode(draft, /*skip_special_tokens=*/true);
  const std::vector<TokenId> ids = own_.encode(before + after, {.add_special_tokens = false}).ids;
  // The tail may be cut in another way than it was generated: its end must lie between two tokens of the new cut.
  std::size_t n_before = 0;
  std::string text;
  while (n_before < ids.size() && text.size() < before.size()) {
    ++n_before;
    text = own_.decode(std::span(ids).first(n_before), /*skip_special_tokens=*/true);
  }
  if (text != before) return {};
  return {ids.begin() + static_cast<std::ptrdiff_t>(n_before), ids.end()};
}

}  // namespace skald::decode
