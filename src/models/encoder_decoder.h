// The shape that encoder-decoder families share: they read a config and compose two stacks of layers.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/decoder_model.h"
#include "models/encoder.h"
#include "nn/blocks.h"
#include "nn/weight_source.h"

namespace skald::models {

/// Encoder or decoder: embedding, layers of self-attention, cross-attention (the decoder's) and an MLP.
struct Stack {
  struct Layer {
    nn::Norm self_norm, cross_norm, mlp_norm;
    nn::SelfAttention self;
    nn::CrossAttention cross;
    nn::Mlp mlp;
  };
  std::shared_ptr<const nn::PackedMatrix> embed_tokens;  // [vocab, hidden]
  float embed_scale = 1;
  std::shared_ptr<const nn::PackedMatrix> embed_positions;  // [max_positions + position_offset, hidden]; null: none
  std::int64_t position_offset = 0;
  nn::TokenId unplaced = -1;    // the token that has no position; -1: none
  bool counts_unplaced = true;  // whether it takes up one all the same
  std::optional<nn::Norm> embed_norm;
  std::vector<Layer> layers;
  std::optional<nn::Norm> final_norm;
  bool norms_after = false;  // x = norm(x + block(x)), else x += block(norm(x))

  void embed(float* x, nn::Context& context) const;
  /// Layer `i` updates x [rows, hidden]. Its keys and values go to layer `own` of the state; those of the encoder's
  /// output lie in layer `cross`, -1: there are none.
  void layer(std::size_t i, int own, int cross, float* x, const nn::Context& context) const;
};

/// What a family makes of its config and weights.
struct EncoderDecoderParts {
  ModelShape shape;  // of the decoder, and encoder_positions
  Stack encoder, decoder;
  nn::Linear head;
  float logits_scale = 1;
};

std::unique_ptr<DecoderModel> make_encoder_decoder(EncoderDecoderParts parts);

/// The name that holds the embedding `name` (without ".weight") where all embeddings are tied: its own if that is
/// stored, else the first of `tied` that is.
std::string stored_embedding(const nn::WeightSource& weights, const std::string& name,
                             std::span<const std::string> tied);

}  // namespace skald::models
