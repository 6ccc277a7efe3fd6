// Control vectors: directions in a model's hidden states, made of texts that differ in one respect.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "skald/export.h"
#include "skald/model.h"

namespace skald {

/// Two texts that differ in what the vector shall lead to, and away from.
struct TextPair {
  std::string positive;
  std::string negative;
};

struct ControlVectorOptions {
  /// What is made of the differences d_i (positive less negative) at one layer: their mean, or their first principal
  /// component c (not centred), as long as the mean is along it: c (c . mean). Either way strength 1 moves a state by
  /// as much as the two texts differ on average.
  enum class Method { mean, pca };
  Method method = Method::mean;
  /// Each stands behind both texts of each pair: what is compared are the states at its end.
  std::vector<std::string> openings = {};
  std::function<void(double fraction)> progress = {};
};

/// What GenerationConfig::control_vectors adds.
struct ControlVector {
  std::string model_type;  // "llama"
  /// [layers][hidden_size], empty where there is none: direction N is added to the hidden state after layer N. GGUF has
  /// none for layer 0, and behind the last layer there is nothing left to steer.
  std::vector<std::vector<float>> directions;

  /// Writes a GGUF file as llama.cpp reads it. The file is whole or not there. Throws PathError.
  SKALD_API void save(const std::string& path) const;
};

/// Computes one from the hidden states of the last token of each text (Zou et al. 2023,
/// https://arxiv.org/abs/2310.01405 ). Throws OptionError where there are no pairs, a text is empty, or the texts of
/// all pairs are the same; LimitError for texts that do not fit the model; UnsupportedError for models with an encoder,
/// without a tokenizer, or with fewer than three layers.
[[nodiscard]] SKALD_API ControlVector make_control_vector(const Model& model, std::span<const TextPair> pairs,
                                                          const ControlVectorOptions& options = {});

}  // namespace skald
