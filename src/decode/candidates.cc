#include "decode/candidates.h"

#include <array>
#include <cmath>

namespace skald::decode {
namespace {

constexpr float kOut = -std::numeric_limits<float>::infinity();

// H = ln(sum) - sum(l * exp(l)) / sum, with every logit l relative to the largest.
template <typename ForEachLogit>
void add_up(ForEachLogit for_each_logit, Distribution& d) {
  if (!(d.max > kOut)) return;
  double sum = 0, weighted = 0;
  for_each_logit([&](float logit) {
    if (logit == kOut) return;
    const double l = static_cast<double>(logit) - d.max;
    const double e = std::exp(l);
    sum += e;
    weighted += e * l;
  });
  d.log_sum = d.max + std::log(sum);
  d.entropy = std::log(sum) - weighted / sum;
}

constexpr bool better(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

}  // namespace

float max_of(std::span<const float> values) {
  // Eight running maxima, so that the loop becomes vector code: the order of a maximum does not matter.
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> best;
  best.fill(kOut);
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      best[lane] = values[i + lane] > best[lane] ? values[i + lane] : best[lane];
    }
  }
  for (; i < values.size(); ++i) best[0] = values[i] > best[0] ? values[i] : best[0];
  return *std::max_element(best.begin(), best.end());
}

double log_sum_exp(std::span<const float> values) {
  const float max = max_of(values);
  if (!(max > kOut)) return kOut;
  double sum = 0;
  for (const float value : values) sum += std::exp(value - max);
  return max + std::log(sum);
}

void best_logprobs(std::span<const float> logits, std::int64_t n, double log_sum,
                   std::vector<std::pair<TokenId, float>>& out) {
  const auto better = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  out.clear();
  for (std::size_t t = 0; t < logits.size(); ++t) {
    const std::pair candidate(static_cast<TokenId>(t), logits[t]);
    if (static_cast<std::int64_t>(out.size()) == n) {
      if (n == 0 || !better(candidate, out.back())) continue;
      out.pop_back();
    }
    out.insert(std::upper_bound(out.begin(), out.end(), candidate, better), candidate);
  }
  for (auto& [token, logit] : out) logit = static_cast<float>(logit - log_sum);
}

Candidates::Candidates(std::size_t vocab_size) {
  entries_.reserve(vocab_size);
  scratch_.reserve(vocab_size);
}

void Candidates::reset(std::span<float> logits) {
  logits_ = logits;
  entries_.clear();
  dense_ = true;
  sorted_ = false;
}

void Candidates::force(std::span<const TokenId> tokens) {
  std::ranges::fill(logits_, kOut);
  for (const TokenId token : tokens) logits_[static_cast<std::size_t>(token)] = 0;
  reset(logits_);
}

float Candidates::logit(TokenId token) const {
  if (dense_) return logits_[static_cast<std::size_t>(token)];
  const auto found = std::ranges::find(entries_, token, &Candidate::token);
  return found == entries_.end() ? -std::numeric_limits<float>::infinity() : found->logit;
}

float* Candidates::find(TokenId token) {
  if (dense_) return static_cast<std::size_t>(token) < logits_.size() ? &logits_[token] : nullptr;
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Candidate& c) { return c.token == token; });
  return it != entries_.end() ? &it->logit : nullptr;
}

float Candidates::kth_largest(std::size_t k) {
  // Keeps a heap of the k best. Past the first few thousand tokens almost none gets in, so a scan costs little more
  // than its comparisons; where k is large, one selection over a copy is cheaper.
  constexpr std::size_t kLargestHeap = 256;
  scratch_.clear();
  k = std::min(k, size());
  if (k == 1) return max();
  if (k > kLargestHeap) {
    for_each([&](TokenId, float logit) { scratch_.push_back(logit); });
    const auto kth = scratch_.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(scratch_.begin(), kth, scratch_.end(), std::greater<>());
    return *kth;
  }
  for_each([&](TokenId, float logit) {
    if (scratch_.size() == k) {
      if (logit <= scratch_.front()) return;
      std::pop_heap(scratch_.begin(), scratch_.end(), std::greater<>());
      scratch_.pop_back();
    }
    scratch_.push_back(logit);
    std::push_heap(scratch_.begin(), scratch_.end(), std::greater<>());
  });
  return scratch_.front();
}

void Candidates::top_k(std::size_t k) {
  if (k == 0 || k >= size()) return;
  keep_if([least = kth_largest(k)](float logit) { return logit >= least; });
}

void Candidates::top_p(double p, std::size_t keep, TopPEnd end) {
  const float max = this->max();
  if (p >= 1 || !(max > kOut)) return;
  keep_if([](float) { return true; });
  double total = 0;
  for (const Candidate& c : entries_) total += std::exp(static_cast<double>(c.logit) - max);
  // Only the best are put in order, in growing portions: mostly few tokens hold the mass.
  const auto least = static_cast<float>(1 - p);
  std::size_t kept = 0, ordered = sorted_ ? entries_.size() : 0;
  double above = 0;  // probability of the candidates better than number `kept`
  for (;; ++kept) {
    if (kept == ordered) {
      if (ordered == entries_.size()) break;
      const std::size_t next = std::min(entries_.size(), std::max<std::size_t>(64, 4 * ordered));
      const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(ordered);
      const auto last = entries_.begin() + static_cast<std::ptrdiff_t>(next);
      if (last != entries_.end()) std::nth_element(begin, last - 1, entries_.end(), better);
      std::sort(begin, last, better);
      ordered = next;
    }
    const double here = std::exp(static_cast<double>(entries_[kept].logit) - max) / total;
    // Compared in f32, as the reference does: 1 - 0.9 and the sum of the tail then meet on the same value.
    const bool past = end == TopPEnd::reaches ? static_cast<float>(1 - above) <= least
                                              : static_cast<float>(above + here) > static_cast<float>(p);
    if (kept >= keep && past) break;
    above += here;
  }
  entries_.resize(kept);
  sorted_ = true;
}

std::span<const Candidate> Candidates::best(std::size_t n) {
  keep_if([](float) { return true; });
  n = std::min(n, entries_.size());
  if (sorted_ || n == 0) return std::span(entries_).first(n);
  // The heap of kth_largest() passes over most of a large set; a selection would move it.
  auto end = entries_.end();
  if (n < entries_.size()) {
    const float least = kth_largest(n);
    end = std::partition(entries_.begin(), end, [least](const Candidate& c) { return c.logit >= least; });
  }
  std::sort(entries_.begin(), end, better);
  sorted_ = end == entries_.end();
  return std::span(entries_).first(n);
}

Distribution Candidates::distribution() const {
  Distribution d{.max = max()};
  add_up([this](auto visit) { for_each([&](TokenId, float logit) { visit(logit); }); }, d);
  return d;
}

Distribution distribution_of(std::span<const Candidate> candidates) {
  Distribution d;
  for (const Candidate& c : candidates) d.max = std::max(d.max, c.logit);
  add_up(
      [&](auto visit) {
        for (const Candidate& c : candidates) visit(c.logit);
      },
      d);
  return d;
}

float Candidates::max() const {
  if (dense_) return max_of(logits_);
  if (sorted_) return entries_.empty() ? kOut : entries_.front().logit;
  float best = kOut;
  for (const Candidate& c : entries_) best = std::max(best, c.logit);
  return best;
}

TokenId Candidates::argmax() const {
  const float best = max();
  if (!(best > kOut)) return -1;
  if (dense_) {
    return static_cast<TokenId>(std::find(logits_.begin(), logits_.end(), best) - logits_.begin());
  }
  TokenId token = std::numeric_limits<TokenId>::max();
  for (const Candidate& c : entries_) {
    if (c.logit == best) token = std::min(token, c.token);
  }
  return token;
}

}  // namespace skald::decode
