// What tests of processors share.
#pragma once

#include <cmath>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "decode/chain.h"

namespace skald::decode {

constexpr float kOut = -std::numeric_limits<float>::infinity();

// What is left of the candidates, densely: [vocab], -inf where a token is out.
inline std::vector<float> dense(const Candidates& candidates, std::size_t vocab) {
  std::vector<float> logits(vocab, kOut);
  candidates.for_each([&](TokenId token, float logit) { logits[static_cast<std::size_t>(token)] = logit; });
  return logits;
}

inline std::vector<float> random_logits(std::mt19937& rng, std::size_t n, bool tied) {
  std::vector<float> logits(n);
  std::normal_distribution<float> normal(0, 3);
  for (float& logit : logits) logit = tied ? std::round(normal(rng)) : normal(rng);
  return logits;
}

inline std::vector<double> softmax(const std::vector<float>& logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double sum = 0;
  for (const float logit : logits) sum += p.emplace_back(std::exp(logit - max));
  for (double& value : p) value /= sum;
  return p;
}

// `logits` after one processor, or the chain of a configuration.
template <typename Processor>
std::vector<float> after(Processor&& processor, std::vector<float> logits, const StepContext& step = {}) {
  Candidates candidates(logits.size());
  candidates.reset(logits);
  processor.apply(step, candidates);
  return dense(candidates, logits.size());
}

}  // namespace skald::decode
