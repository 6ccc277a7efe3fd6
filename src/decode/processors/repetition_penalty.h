// repetition_penalty: l of every token seen in prompt or output becomes l * r where negative, l / r else; each token
// once, however often it was seen. Keskar et al. 2019, https://arxiv.org/abs/1909.05858
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class RepetitionPenalty final : public LogitsProcessor {
 public:
  RepetitionPenalty(double penalty, std::size_t vocab_size)
      : penalty_(static_cast<float>(penalty)), seen_(vocab_size, false) {}

  void apply(const StepContext& step, Candidates& candidates) override;
  void accept(TokenId /*token*/) override { ++length_; }
  void rewind(std::int64_t n_tokens) override;
  [[nodiscard]] std::string_view name() const override { return "repetition_penalty"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<RepetitionPenalty>(*this);
  }

 private:
  struct FirstUse {
    TokenId token;
    std::size_t position;
  };
  float penalty_;
  std::vector<bool> seen_;            // [vocab_size]
  std::vector<FirstUse> first_uses_;  // the seen tokens, positions ascending: a rewind takes from the end
  std::size_t marked_ = 0;            // positions of the history that are in `seen_`
  std::size_t length_ = 0;            // of the history after the last accept
};

}  // namespace skald::decode
