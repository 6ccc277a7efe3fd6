// mirostat: keeps the surprise of the chosen tokens near `tau` bits. A bound mu, at first 2 tau, cuts the distribution;
// after a token with surprise S it becomes mu - eta * (S - tau). Version 1 turns mu into a top-k by the Zipf exponent
// of the best 100 tokens, version 2 drops tokens with more surprise than mu. Basu et al. 2020,
// https://arxiv.org/abs/2007.14966 . Reference: llama.cpp, llama_sampler_init_mirostat, llama_sampler_init_mirostat_v2.
#pragma once

#include <memory>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class Mirostat final : public LogitsProcessor {
 public:
  struct Settings {
    int version;  // 1 or 2
    double tau, eta;
    std::size_t vocab_size;
  };
  explicit Mirostat(const Settings& settings) : settings_(settings), mu_{2 * settings.tau} {}

  void apply(const StepContext& step, Candidates& candidates) override;
  void accept(TokenId token) override;
  void rewind(std::int64_t n_tokens) override { mu_.resize(mu_.size() - static_cast<std::size_t>(n_tokens)); }
  [[nodiscard]] std::string_view name() const override { return "mirostat"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<Mirostat>(*this); }
  [[nodiscard]] bool keeps_argmax() const override { return true; }

 private:
  [[nodiscard]] std::size_t estimated_k(std::span<const Candidate> best) const;

  Settings settings_;
  std::vector<double> mu_;          // after each accepted token; the last one counts
  std::vector<Candidate> offered_;  // what the last apply() left
  double log_sum_ = 0;              // of `offered_`
};

}  // namespace skald::decode
