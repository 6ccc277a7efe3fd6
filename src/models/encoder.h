// The encoder of an encoder-decoder model: a layer loop of its own, whose output the decoder's cross-attention reads.
#pragma once

#include <cstdint>
#include <span>

#include "nn/context.h"
#include "nn/norm.h"
#include "nn/state.h"

namespace skald::models {

/// Whole inputs at once, never chunked: every position sees all others. A family that has an encoder derives from it.
class Encoder {
 public:
  virtual ~Encoder() = default;

  [[nodiscard]] virtual int n_layers() const = 0;
  [[nodiscard]] virtual std::size_t hidden_size() const = 0;
  /// Positions that an input may have; 0: any number.
  [[nodiscard]] virtual std::int64_t max_positions() const = 0;
  /// Where a pass keeps its keys and values: paged groups without windows.
  [[nodiscard]] virtual nn::StateLayout state_layout() const = 0;

  /// x [rows, hidden_size] from the rows of the pass.
  virtual void embed(float* x, nn::Context& context) const = 0;
  /// Layer `i` updates x [rows, hidden_size] in place.
  virtual void layer(int i, float* x, const nn::Context& context) const = 0;
  /// After the last layer; nullptr: none.
  [[nodiscard]] virtual const nn::Norm* final_norm() const = 0;
  /// Stores what the decoder's cross-attention reads of `encoded` [rows, hidden_size]: run i of `context` goes to
  /// sequence targets[i] of `state`, whose cross groups have room.
  virtual void store(const float* encoded, std::span<const nn::SequenceId> targets, nn::StatePool& state,
                     const nn::Context& context) const = 0;
};

/// One input, for the sequence that will be decoded from it.
struct EncoderInput {
  nn::SequenceId sequence = 0;          // of the decoder's pool, still without an encoder output
  std::span<const nn::TokenId> tokens;  // not empty
  std::int32_t adapter = 0;             // as of nn::Row
  float adapter_scale = 1;
};

}  // namespace skald::models
