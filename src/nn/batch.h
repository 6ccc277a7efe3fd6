// The ragged batch: one prompt, sixteen clients, five beams, a draft of eight tokens to verify are all just rows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skald::nn {

using TokenId = std::int32_t;
using SequenceId = std::int32_t;  // a handle of a StatePool

/// What a row asks for. Several may be asked at once.
struct Wants {
  bool logits = false;
  bool score = false;       // log-probability of `score_token` and the best `score_top` tokens
  bool attentions = false;  // probabilities of every layer, [layers, n_heads, keys]
  TokenId score_token = -1;
  std::int32_t score_top = 0;
  std::span<const std::int32_t> hidden_at =
      {};  // hidden states after these layers; 0 = embeddings, n_layers = after final norm
  std::span<const std::int32_t> logits_at =
      {};  // head applied to the hidden state after these layers, without final norm
};

/// Vectors that are added to the residual stream after layers.
struct ControlVectors {
  std::vector<std::vector<float>> after_layer;  // [n_layers][hidden], empty where a layer has none
};

/// One position of one sequence.
struct Row {
  SequenceId sequence = 0;
  std::int64_t position = 0;
  std::int64_t rope_length = 0;              // the length that length-dependent rotary scaling sees
  TokenId token = -1;                        // -1: `embedding` is given instead
  const float* embedding = nullptr;          // [hidden]
  std::int32_t adapter = 0;                  // number of an adapter of the model; 0: none
  float adapter_scale = 1;                   // times the adapter's own
  const ControlVectors* controls = nullptr;  // nullptr: none
  Wants wants = {};
};

/// Rows of one forward pass. Rows of one sequence stand together, positions ascending without gaps, and begin where
/// the sequence's state ends.
struct Batch {
  std::vector<Row> rows;
  std::int32_t n_layers = 0;  // the first so many, then the final norm and the head; 0: all
};

}  // namespace skald::nn
