// DoLa, Chuang et al. 2023, https://arxiv.org/abs/2309.03883 : the logits of the last layer against those of an earlier
// one, the layer that differs most. Reference: transformers 4.49, _dola_select_contrast.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/language_model.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// The layers that `choice` means for a model. Throws OptionError for layers that it does not have.
std::vector<std::int32_t> dola_layers(const DolaLayers& choice, std::int32_t n_layers, bool tied_embeddings);

/// The early logits of one row, and what they make of the final ones.
class Dola {
 public:
  explicit Dola(std::vector<std::int32_t> layers) : layers_(std::move(layers)), early_(layers_.size()) {}

  [[nodiscard]] std::span<const std::int32_t> layers() const { return layers_; }
  void take(std::int32_t layer, std::span<const float> logits);
  /// Replaces the final logits [vocab_size] by the contrast; tokens below a tenth of the best probability are out.
  void contrast(std::span<float> logits);

 private:
  [[nodiscard]] std::size_t most_different(std::span<const float> log_final) const;

  std::vector<std::int32_t> layers_;
  std::vector<std::vector<float>> early_;  // by layer: log-probabilities [vocab_size]
};

}  // namespace skald::decode
