// The shape that most decoders share: a family reads its config and weights into parts, and make_decoder runs them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/function_ref.h"
#include "models/config.h"
#include "models/decoder_model.h"
#include "models/rotary_parts.h"
#include "nn/blocks.h"
#include "nn/experts.h"
#include "nn/rope.h"

namespace skald::models {

struct DecoderParts {
  /// x += attention(x), x += mlp(x), each with a norm before it, after it, or both.
  struct Layer {
    std::optional<nn::Norm> self_norm, self_end_norm;
    nn::SelfAttention self;
    std::optional<nn::Norm> mlp_norm, mlp_end_norm;
    std::variant<nn::Mlp, nn::Experts> mlp;
  };
  ModelShape shape;
  std::shared_ptr<const nn::PackedMatrix> embed_tokens;  // [vocab, hidden], or less with `widen`
  float embed_scale = 1;
  std::shared_ptr<const nn::PackedMatrix> embed_positions;  // [max_positions + position_offset, hidden]; null: none
  std::int64_t position_offset = 0;
  std::optional<nn::Norm> embed_norm;
  std::optional<nn::Linear> widen, narrow;  // from the embedding's width to hidden, and back before the head
  std::vector<nn::Rope> ropes;              // at most nn::kRopes, by SelfAttention::angles
  std::vector<Layer> layers;
  bool parallel = false;     // x += attention(x) + mlp(x)
  bool norms_after = false;  // x = norm(x + block(x)), with the norms of the blocks
  float residual_scale = 1;  // of what every block adds
  std::optional<nn::Norm> final_norm;
  nn::Linear head;
  float logits_scale = 1;
  std::vector<float> logit_scales;  // [vocab] that logits are multiplied by too; empty: none
  float logits_softcap = 0;         // 0: none
};

/// The embedding `embedding`.weight [vocab, width] (0: hidden_size), the shape, room for all layers, and config.rope
/// where it was read.
DecoderParts begin_decoder(const DecoderConfig& config, nn::WeightSource& weights,
                           const std::string& embedding = "model.embed_tokens", std::int64_t width = 0);

/// `name`.weight [max_positions + offset, hidden] is added to the embeddings: a hard limit.
void add_position_table(DecoderParts& parts, const std::string& name, std::int64_t offset, nn::WeightSource& weights);

/// Llama's decoder by Llama's names; `finish` gives each layer, whose norms and attention are there, its MLP. `prefix`
/// is "model.layers.0.".
using FinishLayer = FunctionRef<void(std::int64_t i, const std::string& prefix, DecoderParts::Layer& layer)>;
DecoderParts llama_parts(const DecoderConfig& config, nn::WeightSource& weights, FinishLayer finish);
DecoderParts llama_parts(const DecoderConfig& config, nn::WeightSource& weights);

/// One more set of rotary positions; returns its number.
std::size_t add_rope(DecoderParts& parts, const nn::RopeSettings& settings);

std::unique_ptr<DecoderModel> make_decoder(DecoderParts parts);

/// `prefix` + `layer` + ".": "model.layers.0."
std::string layer_prefix(const std::string& prefix, std::int64_t layer);

/// A norm of `n` with gains of 1 that no file holds.
nn::Norm bare_layer_norm(std::int64_t n, float eps);

}  // namespace skald::models
