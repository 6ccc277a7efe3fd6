// xtc_probability, xtc_threshold ("exclude top choices"): where at least two tokens have a probability of the threshold
// or more, all of those but the least probable go; at a step, with the given probability. Weidmann 2024,
// https://github.com/oobabooga/text-generation-webui/pull/6335 . Reference: llama.cpp, llama_sampler_init_xtc.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>

#include "base/random.h"
#include "decode/processor.h"

namespace skald::decode {

class Xtc final : public LogitsProcessor {
 public:
  struct Settings {
    double probability;
    double threshold;
    std::uint64_t seed;          // of the request: whether it acts is a function of seed, completion and step
    std::int64_t n_completions;  // of a prompt
    std::size_t keep;            // tokens that stay at least
  };
  explicit Xtc(const Settings& settings) : settings_(settings) {}

  void apply(const StepContext& step, Candidates& candidates) override {
    const DrawKey key{.seed = settings_.seed,
                      .completion = static_cast<std::uint32_t>(step.row % settings_.n_completions),
                      .step = static_cast<std::uint32_t>(step.step)};
    if (uniform(key) >= settings_.probability) return;
    const Distribution now = candidates.distribution();
    std::size_t n_top = 0, n_left = 0;
    candidates.for_each([&](TokenId, float logit) {
      const float p = std::exp(now.log_p(logit));
      n_top += static_cast<std::size_t>(p >= settings_.threshold);
      n_left += static_cast<std::size_t>(p > 0);
    });
    if (n_top < 2 || n_left < settings_.keep + n_top - 1) return;
    candidates.drop_best(n_top - 1);
  }
  [[nodiscard]] std::string_view name() const override { return "xtc_probability"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<Xtc>(*this); }

 private:
  Settings settings_;
};

}  // namespace skald::decode
