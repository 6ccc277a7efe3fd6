// watermarking_config: SynthID-Text, Dathathri et al. 2024, https://doi.org/10.1038/s41586-024-08025-4 . Reference:
// SynthIDTextWatermarkLogitsProcessor.
#pragma once

#include <memory>
#include <vector>

#include "decode/processor.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// The hash that decides the tournament's rounds.
class SynthIdHash {
 public:
  explicit SynthIdHash(const SynthIdWatermark& settings);

  /// Of the tokens before the one in question.
  [[nodiscard]] static std::uint64_t of_context(std::span<const TokenId> context) {
    std::uint64_t hash = 1;
    for (const TokenId token : context) hash = next(hash, token);
    return hash;
  }
  /// `token` wins (1) or loses (0) round `round` after that context.
  [[nodiscard]] std::uint8_t wins(std::uint64_t context_hash, TokenId token, std::size_t round) const {
    return table_[index_of(next(next(context_hash, token), keys_[round]))];
  }
  [[nodiscard]] std::size_t n_rounds() const { return keys_.size(); }

 private:
  // A linear congruential generator, with the numbers of newlib and musl.
  static std::uint64_t next(std::uint64_t hash, std::int64_t data) {
    return (hash + static_cast<std::uint64_t>(data)) * 6364136223846793005U + 1;
  }
  [[nodiscard]] std::size_t index_of(std::uint64_t hash) const;

  std::vector<std::int64_t> keys_;
  std::vector<std::uint8_t> table_;
};

/// The contexts that came before, as far back as `settings` says.
class ContextHistory {
 public:
  explicit ContextHistory(std::int64_t size) : size_(static_cast<std::size_t>(size)) {}
  /// Whether `hashes`, of all contexts so far, hold `hash`. Until it is full the memory holds zeros, as the
  /// reference's.
  [[nodiscard]] bool holds(std::span<const std::uint64_t> hashes, std::uint64_t hash) const;

 private:
  std::size_t size_;
};

class SynthId final : public LogitsProcessor {
 public:
  explicit SynthId(const SynthIdWatermark& settings)
      : settings_(settings),
        hash_(std::make_shared<const SynthIdHash>(settings)),
        history_(settings.context_history_size) {}

  void apply(const StepContext& step, Candidates& candidates) override;
  void accept(TokenId /*token*/) override { ++n_generated_; }
  void rewind(std::int64_t n_tokens) override;
  [[nodiscard]] std::string_view name() const override { return "watermarking_config"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<SynthId>(*this); }

 private:
  void follow(std::span<const TokenId> generated);
  void hold_tournament(std::uint64_t context_hash, Candidates& candidates);

  SynthIdWatermark settings_;
  std::shared_ptr<const SynthIdHash> hash_;
  ContextHistory history_;
  std::vector<std::uint64_t> contexts_;  // hashes, by step
  std::size_t n_generated_ = 0;          // after the last accept
  std::vector<double> p_;                // by place among the candidates
  std::vector<std::uint8_t> wins_;       // the same
};

}  // namespace skald::decode
