// sequence_bias: adds a number to the logit of the token that would complete a sequence. bad_words_ids is the same with
// -inf, logit_bias with sequences of one token. Reference: SequenceBiasLogitsProcessor.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

class SequenceBiases final : public LogitsProcessor {
 public:
  /// Sequences are not empty. Of equal sequences the last one counts.
  explicit SequenceBiases(std::vector<SequenceBias> biases) {
    for (SequenceBias& bias : biases) {
      std::erase_if(biases_, [&](const SequenceBias& other) { return other.ids == bias.ids; });
      biases_.push_back(std::move(bias));
    }
    std::ranges::stable_sort(biases_, {}, [](const SequenceBias& bias) { return bias.ids.size(); });
  }

  void apply(const StepContext& step, Candidates& candidates) override {
    for (const SequenceBias& bias : biases_) {
      const std::size_t n = bias.ids.size() - 1;  // tokens that must have come before
      if (n > step.history.size() || !std::equal(bias.ids.begin(), bias.ids.end() - 1, step.history.end() - n))
        continue;
      candidates.update(bias.ids.back(), [&](float logit) { return logit + static_cast<float>(bias.bias); });
    }
  }
  [[nodiscard]] std::string_view name() const override { return "sequence_bias"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<SequenceBiases>(*this);
  }

 private:
  std::vector<SequenceBias> biases_;  // shorter ones first
};

}  // namespace skald::decode
