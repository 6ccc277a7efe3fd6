#include "decode/processors/mirostat.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace skald::decode {

void Mirostat::apply(const StepContext& /*step*/, Candidates& candidates) {
  constexpr std::size_t kConsidered = 100;
  if (settings_.version == 1) {
    const std::size_t k = estimated_k(candidates.best(kConsidered));
    candidates.keep_best(candidates.best(k).size());
  } else {
    const Distribution now = candidates.distribution();
    const float best = candidates.max();
    const auto least = static_cast<float>(-mu_.back() * std::numbers::ln2);
    candidates.keep_if([&](float logit) { return now.log_p(logit) >= least || logit == best; });
    if (now.log_p(best) < least) candidates.keep_best(candidates.best(1).size());
  }
  offered_.clear();
  candidates.for_each([this](TokenId token, float logit) { offered_.push_back({token, logit}); });
  log_sum_ = candidates.distribution().log_sum;
}

// How many tokens have the bound as their surprise, were the distribution Zipf's with the exponent that the best show.
std::size_t Mirostat::estimated_k(std::span<const Candidate> best) const {
  double products = 0, squares = 0;
  for (std::size_t i = 0; i + 1 < best.size(); ++i) {
    const double t = std::log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
    products += t * (static_cast<double>(best[i].logit) - best[i + 1].logit);
    squares += t * t;
  }
  const double s = products / squares;
  const double epsilon = s - 1;
  const auto n = static_cast<double>(settings_.vocab_size);
  const double k = std::pow(epsilon * std::exp2(mu_.back()) / (1 - std::pow(n, -epsilon)), 1 / s);
  return k >= 1 ? static_cast<std::size_t>(std::min(k, n)) : 1;
}

void Mirostat::accept(TokenId token) {
  double mu = mu_.back();
  const auto chosen = std::ranges::find(offered_, token, &Candidate::token);
  if (chosen != offered_.end()) {  // a token from elsewhere says nothing
    const double surprise = (log_sum_ - chosen->logit) / std::numbers::ln2;
    mu -= settings_.eta * (surprise - settings_.tau);
  }
  mu_.push_back(mu);
  offered_.clear();
}

}  // namespace skald::decode
