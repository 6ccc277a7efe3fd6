// DoLa, Chuang et al. 2023, https://arxiv.org/abs/2309.03883 : the logits of the last layer against those of an earlier
// one, the layer that differs most. Reference: transformers 4.49, _dola_select_contrast.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
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
  /// How far each layer is from the final logits [vocab_size]: Jensen-Shannon, up to a factor.
  [[nodiscard]] std::vector<double> divergences(std::span<const float> logits) const;
  /// Replaces the final logits [vocab_size] by the contrast with layer number `which` of layers(); tokens below a tenth
  /// of the best probability are out.
  void contrast(std::size_t which, std::span<float> logits) const;

 private:
  std::vector<std::int32_t> layers_;
  std::vector<std::vector<float>> early_;  // by layer: log-probabilities [vocab_size]
};

/// The layer on which the rows of one call that step together agree: with the largest mean divergence. The reference
/// has one layer a batch.
class DolaVote {
 public:
  /// Of one row at `step`; put again, it replaces itself. Any thread.
  void add(std::int64_t step, std::int64_t row, std::vector<double> divergences);
  /// After all rows of the step were added.
  [[nodiscard]] std::size_t layer() const;

 private:
  std::mutex mutex_;
  std::int64_t step_ = -1;
  std::map<std::int64_t, std::vector<double>> rows_;
};

/// Number of the largest; the first of equal ones.
std::size_t largest_of(std::span<const double> numbers);

}  // namespace skald::decode
