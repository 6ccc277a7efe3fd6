// Log-probabilities of given texts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "skald/export.h"
#include "skald/generation_config.h"
#include "skald/outputs.h"

namespace skald {

struct ScoreOptions {
  std::int64_t top = 0;      // most probable tokens to report at each place, in [0, 20]
  std::string adapter = {};  // as GenerationConfig::adapter
  double adapter_scale = 1;
  std::map<std::string, double> control_vectors = {};  // as GenerationConfig::control_vectors
  std::optional<LayerRange> control_layers = {};       // as GenerationConfig::control_layers
};

/// What a model thinks of one text.
struct TextScore {
  std::int64_t n_given = 0;            // tokens that stood before and are not scored
  std::vector<TokenId> token_ids;      // that are scored
  std::vector<TokenLogprob> logprobs;  // of each, given all before it; natural logarithms

  /// ln of the probability of all of them.
  [[nodiscard]] SKALD_API double total() const;
  /// exp(-total / tokens).
  [[nodiscard]] SKALD_API double perplexity() const;
};

}  // namespace skald
