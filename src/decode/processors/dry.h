// dry_multiplier, dry_base, dry_allowed_length, dry_penalty_last_n, dry_sequence_breakers ("don't repeat yourself"): a
// token that would continue a repetition of n >= allowed_length tokens loses multiplier * base^(n - allowed_length).
// Sequence breakers begin the count anew. Weidmann 2024,
// https://github.com/oobabooga/text-generation-webui/pull/5677 . Reference: llama.cpp, llama_sampler_init_dry.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "decode/processor.h"
#include "text/tokenizer.h"

namespace skald::decode {

/// Token sequences at which a repetition ends, by their first token; most have one token.
using SequenceBreakers = std::vector<std::vector<TokenId>>;

/// Every way in which a text may come up: a token that contains it, or one that ends with its beginning and then the
/// tokens of the rest.
SequenceBreakers sequence_breakers(const text::Tokenizer& tokenizer, const std::vector<std::string>& texts);

class Dry final : public LogitsProcessor {
 public:
  struct Settings {
    double multiplier = 0, base = 1.75;
    std::int64_t allowed_length = 2;
    std::int64_t last_n = -1;                               // tokens that are looked at; -1: all
    std::shared_ptr<const SequenceBreakers> breakers = {};  // null: none
  };
  explicit Dry(Settings settings) : settings_(std::move(settings)) {}

  void apply(const StepContext& step, Candidates& candidates) override;
  [[nodiscard]] std::string_view name() const override { return "dry_multiplier"; }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<Dry>(*this); }

 private:
  struct Repeat {
    TokenId token;
    std::int64_t length;  // of what it would continue
  };
  [[nodiscard]] std::int64_t tokens_since_breaker(std::span<const TokenId> window) const;
  void find_repeats(std::span<const TokenId> window, std::int64_t limit);

  Settings settings_;
  std::vector<std::int64_t> matches_;  // by distance from the end: tokens that repeat those at the end
  std::vector<Repeat> repeats_;
};

}  // namespace skald::decode
