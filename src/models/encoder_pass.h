// One pass of an encoder over the inputs of several sequences.
#pragma once

#include <functional>
#include <vector>

#include "models/encoder.h"

namespace skald::models {

class EncoderPass {
 public:
  EncoderPass(const Encoder& encoder, kernels::KvType kv_type);

  /// Throws UsageError for a token that is not in [0, vocab_size) or an empty input, LimitError for one that is longer
  /// than the encoder's positions.
  void add(const EncoderInput& input, std::int64_t vocab_size);
  /// Encodes what was added; `context` then describes the rows. Returns the output [rows, hidden_size], which lies in
  /// context.work; nullptr where `cancelled` said so.
  float* run(nn::Context& context, ThreadPool& pool, nn::Workspace& work, const std::function<bool()>& cancelled);
  /// The decoder's sequences, one for each run of the context.
  [[nodiscard]] const std::vector<nn::SequenceId>& targets() const { return targets_; }

 private:
  const Encoder& encoder_;
  nn::StatePool state_;  // keys and values of this pass alone
  nn::Batch batch_;
  std::vector<nn::SequenceId> targets_;
};

}  // namespace skald::models
