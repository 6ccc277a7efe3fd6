// watermarking_config: the green tokens of Kirchenbauer et al. 2023, https://arxiv.org/abs/2306.04634 . Reference:
// WatermarkLogitsProcessor.
#pragma once

#include <memory>
#include <vector>

#include "decode/processor.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// Which tokens are green after which: a permutation of the vocabulary by torch's generator, seeded by a hash.
class GreenList {
 public:
  GreenList(const GreenListWatermark& settings, std::size_t vocab_size);

  /// The green tokens that `context` chooses; with selfhash its last token is the one in question. Not empty, and at
  /// least context_width tokens long. Valid until the next call.
  std::span<const TokenId> after(std::span<const TokenId> context);
  /// Whether `token` is green after `context`, or with selfhash as its last token.
  bool is_green(std::span<const TokenId> context, TokenId token);

  [[nodiscard]] const GreenListWatermark& settings() const { return settings_; }

 private:
  [[nodiscard]] std::uint64_t seed_of(std::span<const TokenId> context) const;

  GreenListWatermark settings_;
  std::shared_ptr<const std::vector<TokenId>> table_;  // selfhash: [kTableSize]
  std::size_t n_green_;
  std::vector<TokenId> permutation_;  // [vocab_size]
};

class GreenListBias final : public LogitsProcessor {
 public:
  GreenListBias(const GreenListWatermark& settings, std::size_t vocab_size)
      : list_(settings, vocab_size), is_green_(vocab_size) {}
  void apply(const StepContext& step, Candidates& candidates) override;
  [[nodiscard]] std::string_view name() const override { return "watermarking_config"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override {
    return std::make_unique<GreenListBias>(*this);
  }

 private:
  GreenList list_;
  std::vector<std::uint8_t> is_green_;  // [vocab_size]
};

}  // namespace skald::decode
