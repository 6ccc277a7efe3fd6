#include "decode/processors/token_window.h"

#include <algorithm>

namespace skald::decode {

std::span<const TokenWindow::Count> TokenWindow::follow(std::span<const TokenId> history) {
  length_ = history.size();
  tokens_.insert(tokens_.end(), history.begin() + static_cast<std::ptrdiff_t>(tokens_.size()), history.end());
  move_to(length_);
  return counts_;
}

void TokenWindow::rewind(std::int64_t n_tokens) {
  length_ -= static_cast<std::size_t>(n_tokens);
  if (length_ >= tokens_.size()) return;
  move_to(std::min(counted_, length_));
  tokens_.resize(length_);
}

std::size_t TokenWindow::begin_of(std::size_t length) const {
  const std::size_t first = std::min(first_, length);
  if (last_n_ < 0 || length - first <= static_cast<std::size_t>(last_n_)) return first;
  return length - static_cast<std::size_t>(last_n_);
}

// Makes `counts_` those of the first `length` of `tokens_`.
void TokenWindow::move_to(std::size_t length) {
  constexpr std::size_t kFewTokens = 32;  // more are counted anew: adding one moves all that come after it
  if (std::max(counted_, length) - std::min(counted_, length) > kFewTokens) {
    counted_ = length;
    return recount();
  }
  while (counted_ != length) {
    const bool grows = counted_ < length;
    const std::size_t last = grows ? counted_ : counted_ - 1;
    const std::size_t shorter = begin_of(last), longer = begin_of(last + 1);
    if (longer <= last) add(tokens_[last], grows ? 1 : -1);
    if (shorter < last && longer != shorter) add(tokens_[shorter], grows ? -1 : 1);
    counted_ = grows ? counted_ + 1 : counted_ - 1;
  }
}

void TokenWindow::recount() {
  const auto begin = tokens_.begin() + static_cast<std::ptrdiff_t>(begin_of(counted_));
  std::vector<TokenId> sorted(begin, tokens_.begin() + static_cast<std::ptrdiff_t>(counted_));
  std::ranges::sort(sorted);
  counts_.clear();
  for (const TokenId token : sorted) {
    if (exempt_ && std::ranges::find(*exempt_, token) != exempt_->end()) continue;
    if (counts_.empty() || counts_.back().token != token) counts_.push_back({token, 0});
    ++counts_.back().n;
  }
}

void TokenWindow::add(TokenId token, std::int32_t n) {
  if (exempt_ && std::ranges::find(*exempt_, token) != exempt_->end()) return;
  const auto it = std::ranges::lower_bound(counts_, token, {}, &Count::token);
  if (it == counts_.end() || it->token != token) {
    counts_.insert(it, {token, n});
  } else if ((it->n += n) == 0) {
    counts_.erase(it);
  }
}

}  // namespace skald::decode
