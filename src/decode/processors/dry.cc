#include "decode/processors/dry.h"

#include <algorithm>
#include <cmath>

namespace skald::decode {
namespace {

constexpr std::size_t kLongestTail = 20;  // tokens

// The breakers that begin with `token`.
std::span<const std::vector<TokenId>> beginning_with(const SequenceBreakers& breakers, TokenId token) {
  const auto first = std::ranges::lower_bound(breakers, token, {}, [](const auto& breaker) { return breaker[0]; });
  const auto last = std::find_if(first, breakers.end(), [token](const auto& breaker) { return breaker[0] != token; });
  return {first, last};
}

}  // namespace

SequenceBreakers sequence_breakers(const text::Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  SequenceBreakers breakers;
  for (TokenId token = 0; token < tokenizer.id_limit(); ++token) {
    const std::string word = tokenizer.token_bytes(token);
    for (const std::string& text : texts) {
      if (word.find(text) != std::string::npos) {
        breakers.push_back({token});
        continue;
      }
      for (std::size_t n = std::min(word.size(), text.size() - 1); n > 0; --n) {  // bytes that the word has of the text
        if (!word.ends_with(text.substr(0, n))) continue;
        std::vector<TokenId> breaker = {token};
        const auto tail = tokenizer.encode(text.substr(n), {.add_special_tokens = false}).ids;
        const std::size_t n_tail = std::min(tail.size(), kLongestTail);
        breaker.insert(breaker.end(), tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(n_tail));
        breakers.push_back(std::move(breaker));
      }
    }
  }
  std::ranges::sort(breakers);
  breakers.erase(std::unique(breakers.begin(), breakers.end()), breakers.end());
  return breakers;
}

void Dry::apply(const StepContext& step, Candidates& candidates) {
  std::span<const TokenId> window = step.history;
  if (settings_.last_n >= 0) window = window.last(std::min(window.size(), static_cast<std::size_t>(settings_.last_n)));
  if (std::ssize(window) <= settings_.allowed_length) return;
  const std::int64_t limit = tokens_since_breaker(window);
  if (limit < settings_.allowed_length) return;
  find_repeats(window, limit);
  const double largest = std::log(static_cast<double>(std::numeric_limits<float>::max()));
  for (const Repeat& repeat : repeats_) {
    const double exponent = static_cast<double>(repeat.length - settings_.allowed_length) * std::log(settings_.base);
    const double penalty = settings_.multiplier * std::exp(std::min(exponent, largest));
    candidates.update(repeat.token, [penalty](float logit) { return static_cast<float>(logit - penalty); });
  }
}

// How many tokens came after the last breaker: no longer repetition counts.
std::int64_t Dry::tokens_since_breaker(std::span<const TokenId> window) const {
  if (!settings_.breakers) return std::ssize(window);
  for (std::size_t i = 0; i < window.size(); ++i) {
    const auto end = window.last(i + 1);
    std::size_t longest = 0;
    for (const auto& breaker : beginning_with(*settings_.breakers, end[0])) {
      if (breaker.size() > end.size() || !std::equal(breaker.begin(), breaker.end(), end.begin())) continue;
      longest = std::max(longest, breaker.size());
    }
    if (longest > 0) return static_cast<std::int64_t>(end.size() - longest);
  }
  return std::ssize(window);
}

// The Z-algorithm over the window from its end: matches_[k] is how many of the last tokens also end k tokens earlier.
void Dry::find_repeats(std::span<const TokenId> window, std::int64_t limit) {
  const auto n = std::ssize(window);
  const auto from_end = [&](std::int64_t i) { return window[static_cast<std::size_t>(n - 1 - i)]; };
  const auto match = [this](std::int64_t k) -> std::int64_t& { return matches_[static_cast<std::size_t>(k)]; };
  matches_.resize(window.size());  // grows ahead of the window; each is written before it is read
  repeats_.clear();
  std::int64_t left = 0, right = 0;  // tokens [left, right) are known to repeat [0, right - left)
  for (std::int64_t k = 1; k < n; ++k) {
    std::int64_t length = k < right ? std::min(match(k - left), right - k) : 0;
    while (k + length < n && from_end(length) == from_end(k + length)) ++length;
    match(k) = length;
    if (k + length > right) {
      left = k;
      right = k + length;
    }
    if (length >= settings_.allowed_length) repeats_.push_back({from_end(k - 1), std::min(length, limit)});
  }
  const auto breaks = [this](TokenId token) {
    if (!settings_.breakers) return false;
    return std::ranges::any_of(beginning_with(*settings_.breakers, token), [](const auto& b) { return b.size() == 1; });
  };
  std::erase_if(repeats_, [&](const Repeat& repeat) { return breaks(repeat.token); });
  // Of each token the longest.
  std::ranges::sort(repeats_, [](const Repeat& a, const Repeat& b) {
    return a.token != b.token ? a.token < b.token : a.length > b.length;
  });
  const auto same = [](const Repeat& a, const Repeat& b) { return a.token == b.token; };
  repeats_.erase(std::unique(repeats_.begin(), repeats_.end(), same), repeats_.end());
}

}  // namespace skald::decode
