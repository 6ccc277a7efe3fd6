#include "decode/processors/synthid.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/torch_random.h"

namespace skald::decode {

SynthIdHash::SynthIdHash(const SynthIdWatermark& settings)
    : keys_(settings.keys), table_(static_cast<std::size_t>(settings.sampling_table_size)) {
  TorchGenerator generator(static_cast<std::uint64_t>(settings.sampling_table_seed));
  for (std::uint8_t& entry : table_) entry = static_cast<std::uint8_t>(generator.randint(2));
}

std::size_t SynthIdHash::index_of(std::uint64_t hash) const {
  if (std::has_single_bit(table_.size())) return hash & (table_.size() - 1);
  const auto size = static_cast<std::int64_t>(table_.size());
  const std::int64_t rest = static_cast<std::int64_t>(hash) % size;  // hashes are signed in the reference
  return static_cast<std::size_t>(rest < 0 ? rest + size : rest);
}

bool ContextHistory::holds(std::span<const std::uint64_t> hashes, std::uint64_t hash) const {
  const auto remembered = hashes.last(std::min(hashes.size(), size_));
  if (remembered.size() < size_ && hash == 0) return true;
  return std::ranges::find(remembered, hash) != remembered.end();
}

void SynthId::rewind(std::int64_t n_tokens) {
  n_generated_ -= static_cast<std::size_t>(n_tokens);
  contexts_.resize(std::min(contexts_.size(), n_generated_ + 1));
}

// The hash of what stood before each token: the last ngram_len - 1 generated ones, zeros before the first.
void SynthId::follow(std::span<const TokenId> generated) {
  n_generated_ = generated.size();
  const auto n_context = static_cast<std::size_t>(settings_.ngram_len - 1);
  std::vector<TokenId> context(n_context);
  while (contexts_.size() <= n_generated_) {
    const auto before = generated.first(contexts_.size());
    const std::size_t n = std::min(before.size(), n_context);
    std::fill(context.begin(), context.end(), 0);
    std::ranges::copy(before.last(n), context.end() - static_cast<std::ptrdiff_t>(n));
    contexts_.push_back(SynthIdHash::of_context(context));
  }
}

void SynthId::apply(const StepContext& step, Candidates& candidates) {
  if (settings_.debug_mode) candidates.change_each([](TokenId, float) { return 1.0F; });
  follow(step.history.subspan(static_cast<std::size_t>(step.prompt_length)));
  const std::size_t first = settings_.skip_first_ngram_calls ? static_cast<std::size_t>(settings_.ngram_len - 1) : 0;
  if (n_generated_ < first) return;
  const std::uint64_t now = contexts_[n_generated_];
  if (history_.holds(std::span(contexts_).subspan(first, n_generated_ - first), now)) return;
  hold_tournament(now, candidates);
}

// In each round a token that wins takes from those that lose: p becomes p (1 + win - probability of winning).
void SynthId::hold_tournament(std::uint64_t context_hash, Candidates& candidates) {
  const Distribution now = candidates.distribution();
  p_.clear();
  candidates.for_each([&](TokenId, float logit) { p_.push_back(std::exp(static_cast<double>(logit) - now.log_sum)); });
  for (std::size_t round = 0; round < hash_->n_rounds(); ++round) {
    double won = 0;
    std::size_t i = 0;
    wins_.resize(p_.size());
    candidates.for_each([&](TokenId token, float) {
      wins_[i] = p_[i] > 0 ? hash_->wins(context_hash, token, round) : 0;
      won += wins_[i] * p_[i];
      ++i;
    });
    for (i = 0; i < p_.size(); ++i) p_[i] *= 1 + wins_[i] - won;
  }
  std::size_t i = 0;
  candidates.change_each([&](TokenId, float) { return static_cast<float>(std::log(p_[i++])); });
}

}  // namespace skald::decode
