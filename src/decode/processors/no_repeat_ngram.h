// no_repeat_ngram_size: no n tokens in a row twice. encoder_no_repeat_ngram_size: none that stand in the encoder's
// input (of a decoder alone: in the prompt). Reference: NoRepeatNGramLogitsProcessor. Paulus et al. 2017,
// https://arxiv.org/abs/1705.04304
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "decode/processor.h"

namespace skald::decode {

/// Takes out every token that follows, somewhere in `text`, the last n - 1 tokens of `history`.
inline void ban_repeats(std::span<const TokenId> text, std::span<const TokenId> history, std::size_t n,
                        Candidates& candidates) {
  if (history.size() + 1 < n || text.size() < n) return;
  const auto begun = history.last(n - 1);
  for (std::size_t i = 0; i + n <= text.size(); ++i) {
    if (std::ranges::equal(text.subspan(i, n - 1), begun)) candidates.remove(text[i + n - 1]);
  }
}

class NoRepeatNGram final : public LogitsProcessor {
 public:
  explicit NoRepeatNGram(std::size_t n) : n_(n) {}
  void apply(const StepContext& step, Candidates& candidates) override {
    ban_repeats(step.history, step.history, n_, candidates);
  }
  [[nodiscard]] std::string_view name() const override { return "no_repeat_ngram_size"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<NoRepeatNGram>(*this);
  }

 private:
  std::size_t n_;
};

class EncoderNoRepeatNGram final : public LogitsProcessor {
 public:
  EncoderNoRepeatNGram(std::size_t n, std::shared_ptr<const std::vector<TokenId>> input)
      : n_(n), input_(std::move(input)) {}
  void apply(const StepContext& step, Candidates& candidates) override {
    ban_repeats(*input_, step.history, n_, candidates);
  }
  [[nodiscard]] std::string_view name() const override { return "encoder_no_repeat_ngram_size"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<EncoderNoRepeatNGram>(*this);
  }

 private:
  std::size_t n_;
  std::shared_ptr<const std::vector<TokenId>> input_;
};

}  // namespace skald::decode
