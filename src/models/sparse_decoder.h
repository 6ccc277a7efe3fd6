// Decoders of the Llama kind in which experts take the place of MLPs, in some layers or all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/function_ref.h"
#include "models/config.h"
#include "models/decoder_model.h"
#include "nn/experts.h"
#include "nn/rope.h"
#include "nn/weight_source.h"

namespace skald::models {

/// Sizes of the experts of a layer.
struct ExpertSizes {
  std::size_t n = 0;
  std::size_t per_row = 0;  // in [1, n]
  std::size_t hidden = 0;
  std::size_t inner = 0;
};

/// A config's numbers of experts: `n_key`, and num_experts_per_tok of them for a row. Throws FormatError where they are
/// out of range.
ExpertSizes read_expert_sizes(const json::Fields& fields, std::string_view n_key, std::int64_t n_unsaid,
                              std::int64_t per_row_unsaid);

/// What a checkpoint calls the three weights of an expert.
struct ExpertNames {
  std::string gate = "gate_proj";
  std::string up = "up_proj";
  std::string down = "down_proj";
};

/// The experts under `prefix` ("model.layers.0.mlp.experts."): one by one, or, where the file has gate_up_proj there,
/// stored as gate_up_proj [n, 2 * inner, hidden] and down_proj [n, hidden, inner].
std::vector<nn::Expert> routed_experts(const ExpertSizes& sizes, const std::string& prefix, const ExpertNames& names,
                                       nn::WeightSource& weights);

struct SparseLayer {
  nn::Norm input_layernorm;
  nn::SelfAttention self_attn;
  nn::Norm post_attention_layernorm;
  std::variant<nn::Mlp, nn::Experts> mlp;
};

/// Norms and attention are those of Llama; a family gives each layer its MLP or its experts.
class SparseDecoder final : public DecoderModel {
 public:
  /// Called with every layer, whose norms and attention are there, and its prefix, "model.layers.0.".
  using FinishLayer = FunctionRef<void(std::int64_t i, const std::string& prefix, SparseLayer& layer)>;

  SparseDecoder(DecoderConfig config, nn::WeightSource& w, FinishLayer finish);
  [[nodiscard]] StateLayout state_layout() const override;

 private:
  void embed(float* x, nn::Context& context) const override;
  void layer(int i, float* x, const nn::Context& context) const override;
  [[nodiscard]] const nn::Norm* final_norm() const override { return &norm_; }
  [[nodiscard]] const nn::Linear& head() const override { return lm_head_; }

  DecoderConfig config_;
  nn::Rope rope_;
  std::shared_ptr<const nn::PackedMatrix> embed_tokens_;
  std::vector<SparseLayer> layers_;
  nn::Norm norm_;
  nn::Linear lm_head_;
};

}  // namespace skald::models
