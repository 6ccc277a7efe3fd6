#include "decode/processors/green_list.h"

#include <algorithm>
#include <limits>

#include "base/torch_random.h"

namespace skald::decode {
namespace {

constexpr std::int64_t kTableSize = 1'000'003;

// a * b mod 2^64 - 1, as the reference reduces its seeds.
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kModulus = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t product = 0;
  const auto add = [](std::uint64_t x, std::uint64_t y) {
    const std::uint64_t sum = x + y;
    return sum < x || sum == kModulus ? sum + 1 : sum;  // 2^64 is 1
  };
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) product = add(product, a);
    a = add(a, a);
  }
  return product;
}

}  // namespace

GreenList::GreenList(const GreenListWatermark& settings, std::size_t vocab_size)
    : settings_(settings),
      n_green_(static_cast<std::size_t>(static_cast<double>(vocab_size) * settings.greenlist_ratio)),
      permutation_(vocab_size) {
  if (settings.seeding_scheme != GreenListWatermark::Seeding::selfhash) return;
  auto table = std::make_shared<std::vector<TokenId>>(kTableSize);
  TorchGenerator(static_cast<std::uint64_t>(settings.hashing_key)).randperm(*table);
  table_ = std::move(table);
}

std::uint64_t GreenList::seed_of(std::span<const TokenId> context) const {
  const auto key = static_cast<std::uint64_t>(settings_.hashing_key);
  if (!table_) return times(key, static_cast<std::uint64_t>(context.back()));
  const auto hash = [this](TokenId token) { return static_cast<std::uint64_t>((*table_)[token % kTableSize]) + 1; };
  auto least = std::numeric_limits<std::int64_t>::max();
  for (const TokenId token : context.last(static_cast<std::size_t>(settings_.context_width))) {
    least = std::min(least, static_cast<std::int64_t>(key * hash(token) * hash(context.back())));  // it may wrap
  }
  const auto seed = static_cast<std::uint64_t>(least);
  return least < 0 ? seed - 1 : seed;  // mod 2^64 - 1
}

std::span<const TokenId> GreenList::after(std::span<const TokenId> context) {
  TorchGenerator(seed_of(context)).randperm(permutation_, n_green_);
  return std::span(permutation_).first(n_green_);
}

bool GreenList::is_green(std::span<const TokenId> context, TokenId token) {
  const std::span<const TokenId> green = after(context);
  return std::ranges::find(green, token) != green.end();
}

void GreenListBias::apply(const StepContext& step, Candidates& candidates) {
  constexpr std::size_t kTried = 40;  // selfhash: of the best tokens
  const GreenListWatermark& settings = list_.settings();
  if (std::ssize(step.history) < settings.context_width) return;
  const auto bias = static_cast<float>(settings.bias);
  if (settings.seeding_scheme == GreenListWatermark::Seeding::lefthash) {
    is_green_.assign(is_green_.size(), 0);
    for (const TokenId token : list_.after(step.history)) is_green_[static_cast<std::size_t>(token)] = 1;
    return candidates.change_each([&](TokenId token, float logit) {
      return is_green_[static_cast<std::size_t>(token)] != 0 ? logit + bias : logit;
    });
  }
  const auto before = step.history.last(static_cast<std::size_t>(settings.context_width - 1));
  std::vector<TokenId> context(before.begin(), before.end());
  context.push_back(0);
  std::vector<TokenId> green;
  for (const Candidate& candidate : candidates.best(kTried)) {
    context.back() = candidate.token;
    if (list_.is_green(context, candidate.token)) green.push_back(candidate.token);
  }
  for (const TokenId token : green) candidates.update(token, [bias](float logit) { return logit + bias; });
}

}  // namespace skald::decode
