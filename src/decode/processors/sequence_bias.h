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
    // By the token that they act on; of each, sequences of one token come first, as in the reference's sums.
    std::ranges::stable_sort(biases_, {},
                             [](const SequenceBias& b) { return std::pair(b.ids.back(), b.ids.size() > 1); });
  }

  void apply(const StepContext& step, Candidates& candidates) override {
    for (std::size_t i = 0; i < biases_.size();) {
      const TokenId token = biases_[i].ids.back();
      float sum = 0;
      for (; i < biases_.size() && biases_[i].ids.back() == token; ++i) {
        if (is_begun(biases_[i], step.history)) sum += static_cast<float>(biases_[i].bias);
      }
      if (sum != 0) candidates.update(token, [sum](float logit) { return logit + sum; });
    }
  }
  [[nodiscard]] std::string_view name() const override { return "sequence_bias"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<SequenceBiases>(*this);
  }

 private:
  // Whether all but the last token of `bias` come right before.
  static bool is_begun(const SequenceBias& bias, std::span<const TokenId> history) {
    const std::size_t n = bias.ids.size() - 1;
    return n <= history.size() && std::equal(bias.ids.begin(), bias.ids.end() - 1, history.end() - n);
  }

  std::vector<SequenceBias> biases_;
};

}  // namespace skald::decode
