#include "decode/dola.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "decode/candidates.h"
#include "skald/error.h"

namespace skald::decode {
namespace {

void normalize(std::span<float> logits) {
  const double log_sum = log_sum_exp(logits);
  for (float& logit : logits) logit = static_cast<float>(logit - log_sum);
}

std::vector<std::int32_t> every_second(std::int32_t begin, std::int32_t end) {
  std::vector<std::int32_t> layers;
  for (std::int32_t layer = begin; layer < end; layer += 2) layers.push_back(layer);
  return layers;
}

// What the names mean; the list as it is.
std::vector<std::int32_t> chosen_layers(const DolaLayers& choice, std::int32_t n_layers, bool tied_embeddings) {
  constexpr std::int32_t kDeep = 40;  // models beyond it look at 20 layers of one end
  if (choice.kind == DolaLayers::Kind::high) {
    return every_second(n_layers <= kDeep ? n_layers / 2 : n_layers - 20, n_layers);
  }
  if (choice.kind == DolaLayers::Kind::low) {
    // With tied embeddings the head on layer 0 gives the token that was read.
    std::int32_t start = 0;
    if (tied_embeddings && n_layers > 2) start = 2;
    if (tied_embeddings && n_layers == 2) start = 1;
    if (start == n_layers / 2) return {start};
    return every_second(start, n_layers <= kDeep ? n_layers / 2 : 20);
  }
  return choice.layers;
}

}  // namespace

std::vector<std::int32_t> dola_layers(const DolaLayers& choice, std::int32_t n_layers, bool tied_embeddings) {
  std::vector<std::int32_t> layers = chosen_layers(choice, n_layers, tied_embeddings);
  const auto beyond = std::ranges::find_if(layers, [&](std::int32_t layer) { return layer >= n_layers; });
  if (!layers.empty() && beyond == layers.end()) return layers;
  throw OptionError({.field = "dola_layers",
                     .value = layers.empty() ? "low" : std::to_string(*beyond),
                     .rule = "must be layers before the last of " + std::to_string(n_layers) +
                             (layers.empty() ? "; with tied embeddings there are none at this end" : "")});
}

void Dola::take(std::int32_t layer, std::span<const float> logits) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i] != layer) continue;
    early_[i].assign(logits.begin(), logits.end());
    normalize(early_[i]);
  }
}

// The reference's divergence, a mean over tokens of m * (2 ln m - ln p - ln q) / 2 with m = (p + q) / 2.
std::vector<double> Dola::divergences(std::span<const float> logits) const {
  std::vector<float> log_final(logits.begin(), logits.end());
  normalize(log_final);
  std::vector<double> divergences(early_.size());
  for (std::size_t i = 0; i < early_.size(); ++i) {
    for (std::size_t t = 0; t < log_final.size(); ++t) {
      const double m = 0.5 * (std::exp(log_final[t]) + std::exp(early_[i][t]));
      if (m > 0) divergences[i] += 0.5 * m * (2 * std::log(m) - log_final[t] - early_[i][t]);
    }
  }
  return divergences;
}

void Dola::contrast(std::size_t which, std::span<float> logits) const {
  constexpr float kRelativeTop = 0.1F;
  normalize(logits);
  const auto& early = early_[which];
  const float least = max_of(logits) + std::log(kRelativeTop);
  for (std::size_t t = 0; t < logits.size(); ++t) {
    logits[t] = logits[t] < least ? -std::numeric_limits<float>::infinity() : logits[t] - early[t];
  }
}

std::size_t largest_of(std::span<const double> numbers) {
  return static_cast<std::size_t>(std::ranges::max_element(numbers) - numbers.begin());
}

void DolaVote::add(std::int64_t step, std::int64_t row, std::vector<double> divergences) {
  const std::lock_guard lock(mutex_);
  if (step != step_) rows_.clear();
  step_ = step;
  rows_[row] = std::move(divergences);
}

std::size_t DolaVote::layer() const {
  std::vector<double> sums(rows_.begin()->second.size());
  for (const auto& [row, divergences] : rows_) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += divergences[i];
  }
  return largest_of(sums);
}

}  // namespace skald::decode
