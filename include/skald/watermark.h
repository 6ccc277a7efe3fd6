// Whether a text was generated with a watermark (GenerationConfig::watermarking_config).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "skald/export.h"
#include "skald/generation_config.h"

namespace skald {

/// Reads watermarking_config as JSON, with the fields of transformers' WatermarkingConfig, or (where it has `keys`) of
/// SynthIDTextWatermarkingConfig. Throws OptionError that names the field.
SKALD_API WatermarkingConfig parse_watermarking_config(std::string_view json,
                                                       const std::string& file = "watermarking config");

/// What a detector found.
struct WatermarkScore {
  std::int64_t n_scored = 0;  // tokens (SynthID: n-grams that count)
  std::int64_t n_green = 0;   // of those, green ones (0 with SynthID)
  /// Share of green tokens. SynthID: share of the tournament's rounds that tokens won; 0.5 without a watermark.
  double mean = 0;
  double weighted_mean = 0;  // SynthID: with weights that fall from 10 in the first round to 1 in the last; else mean
  double z_score = 0;        // standard deviations above what a text without a watermark has
  double p_value = 1;        // probability that such a text scores as high
  bool watermarked = false;  // z_score > z_threshold
};

/// Looks for a watermark: with the same settings and the same vocabulary as the text was generated with, on the same
/// tokens. Green lists as transformers' WatermarkDetector; SynthID by the mean and the weighted mean of its g-values,
/// as in the reference implementation. SynthID's Bayesian detector is a model of its own, that has to be trained: it is
/// not offered.
class SKALD_API WatermarkDetector {
 public:
  struct Options {
    double z_threshold = 3;
    bool ignore_repeated_ngrams = false;       // green lists: every n-gram counts once
    std::optional<TokenId> bos_token_id = {};  // passed over at the beginning
    std::optional<TokenId> eos_token_id = {};  // SynthID: what comes from it on does not count
  };

  /// `vocab_size`: of the model (ModelInfo::vocab_size), which may be larger than the tokenizer's. Throws OptionError
  /// for settings out of their range.
  WatermarkDetector(const WatermarkingConfig& settings, std::int64_t vocab_size, const Options& options);
  WatermarkDetector(const WatermarkingConfig& settings, std::int64_t vocab_size)
      : WatermarkDetector(settings, vocab_size, Options()) {}
  ~WatermarkDetector();
  WatermarkDetector(WatermarkDetector&&) noexcept;
  WatermarkDetector& operator=(WatermarkDetector&&) noexcept;

  /// `ids`: of the generated text, best without its prompt. Throws OptionError where they are too few to score one, or
  /// out of the vocabulary.
  [[nodiscard]] WatermarkScore detect(std::span<const TokenId> ids) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skald
