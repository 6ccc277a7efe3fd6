// The one forward pass of the program: embed, layers [first, last), final norm, head.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "models/encoder.h"
#include "nn/batch.h"
#include "nn/context.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/state.h"

namespace skald::models {

using nn::Batch;
using nn::StateLayout;
using nn::StatePool;
using nn::TokenId;

/// Sizes and limits that the rest of the program needs to know of a model.
struct ModelShape {
  std::string model_type;  // "llama"
  std::int64_t n_layers = 0;
  std::int64_t hidden_size = 0;
  std::int64_t n_heads = 0;            // of attention; 0: none
  std::int64_t vocab_size = 0;         // rows of the head: logits per row
  std::int64_t max_positions = 0;      // trained length (max_position_embeddings); 0: none
  bool hard_limit = false;             // a position table: generation stops at max_positions
  bool last_row_predicts = true;       // with hard_limit: the logits of the last position give one more token
  std::int64_t long_rope_from = 0;     // longrope: recompute once when a sequence first exceeds this; 0: never
  bool tied_embeddings = false;        // the head is the embedding matrix
  bool length_dependent_rope = false;  // dynamic NTK, longrope: rope_length is part of what identifies a state
  std::int64_t same_rope_to = 0;       // dynamic NTK: rope_lengths up to this one have the same frequencies
  bool encodes = false;                // an encoder-decoder: a prompt is the encoder's input
  std::int64_t encoder_positions = 0;  // that the input may have; 0: any number
  std::int64_t n_parameters = 0;
  std::size_t weight_bytes = 0;                    // of the matrices that a step reads whole
  int weight_bits = 0;                             // of most weights, as they are held
  kernels::KvType kv_type = kernels::KvType::f32;  // for StatePoolOptions
  // Of the encoder's own keys and values, which live for one pass: f32 with f32 weights, else bf16.
  kernels::KvType encoder_kv_type = kernels::KvType::f32;

  /// Equal for rope_lengths with which a row has the same state.
  [[nodiscard]] std::int64_t rope_class(std::int64_t rope_length) const {
    if (!length_dependent_rope) return 0;
    return long_rope_from > 0 ? (rope_length > long_rope_from ? 1 : 0) : std::max(rope_length, same_rope_to);
  }
};

/// The best tokens of one row that wanted a score.
struct RowScore {
  float log_prob = 0;                          // of wants.score_token
  std::vector<std::pair<TokenId, float>> top;  // wants.score_top, best first
};

/// Receives what rows wanted. Called on the thread that called forward(), rows ascending. Pointers are valid during
/// the call.
class OutputSink {
 public:
  virtual ~OutputSink() = default;
  /// Logits of the rows with indices `rows` (at most 64 a call). logits [rows.size(), vocab_size]; may be changed.
  virtual void on_logits(std::span<const std::int32_t> rows, float* logits) = 0;
  virtual void on_score(std::int32_t /*row*/, RowScore /*score*/) {}  // NOLINT(performance-unnecessary-value-param)
  /// hidden [hidden_size] after `layer`.
  virtual void on_hidden(std::int32_t /*row*/, std::int32_t /*layer*/, const float* /*hidden*/) {}
  virtual void on_logits_at(std::int32_t /*row*/, std::int32_t /*layer*/, const float* /*logits*/) {}
  /// probabilities [n_heads, n_keys] of the row at `layer`.
  virtual void on_attentions(std::int32_t /*row*/, std::int32_t /*layer*/, const float* /*probabilities*/,
                             std::int64_t /*n_heads*/, std::int64_t /*n_keys*/) {}
};

/// Polled between layers; true abandons the pass.
using CancelPoll = std::function<bool()>;

/// A loaded model. Families derive from it and supply embed, layer, final_norm, head and the state layout; weights are
/// immutable after construction. One forward pass at a time: the workspace is the model's.
class DecoderModel {
 public:
  DecoderModel();
  virtual ~DecoderModel();
  DecoderModel(const DecoderModel&) = delete;
  DecoderModel& operator=(const DecoderModel&) = delete;

  [[nodiscard]] const ModelShape& shape() const { return shape_; }
  [[nodiscard]] virtual StateLayout state_layout() const = 0;

  /// Runs all rows of `batch`, whose room in `state` has been reserved; the caller commits it. Returns false where
  /// `cancelled` said so: nothing was delivered for the layers not reached and nothing may be committed. Throws
  /// UsageError for rows that do not continue their sequences, tokens out of range, an unknown adapter, or control
  /// vectors of other sizes.
  bool forward(const Batch& batch, StatePool& state, OutputSink& out, ThreadPool& pool,
               const CancelPoll& cancelled = {}) const;

  /// The encoder of an encoder-decoder model; nullptr: a decoder alone.
  [[nodiscard]] virtual const Encoder* encoder() const { return nullptr; }
  /// Encodes all `inputs` in one pass and stores what the cross-attention of their sequences reads, whose room it
  /// reserves. Returns false where `cancelled` said so: nothing is stored. Throws UsageError for tokens out of range or
  /// a model without an encoder, LimitError for inputs that are too long or where `state` has no room.
  bool encode(std::span<const EncoderInput> inputs, StatePool& state, ThreadPool& pool,
              const CancelPoll& cancelled = {}) const;

  /// Whether the weight called `name` (in the checkpoint, without ".weight") takes low-rank deltas.
  [[nodiscard]] bool adapts(const std::string& name) const { return adapter_slots_.contains(name); }
  /// Adds an adapter, its deltas by the names of their weights, and returns its number for Row::adapter. Throws
  /// OptionError for a weight that the model does not have, or wrong sizes. Not while a pass runs.
  std::int32_t add_adapter(const std::map<std::string, nn::LowRankDelta>& deltas);

 protected:
  /// x [rows, hidden] from the rows of the pass; also the place to prepare what layers share (rotary angles).
  virtual void embed(float* x, nn::Context& context) const = 0;
  /// Layer `i` updates x [rows, hidden] in place.
  virtual void layer(int i, float* x, const nn::Context& context) const = 0;
  /// Before the head; nullptr: none.
  [[nodiscard]] virtual const nn::Norm* final_norm() const = 0;
  /// Between the two, to the head's width; nullptr: there is none.
  [[nodiscard]] virtual const nn::Linear* before_head() const { return nullptr; }
  [[nodiscard]] virtual const nn::Linear& head() const = 0;

  ModelShape shape_;
  float logits_scale_ = 1;
  std::vector<float> logit_scales_;  // [vocab] that logits are multiplied by too; empty: none
  float logits_softcap_ = 0;         // after the scale: cap * tanh(logit / cap); 0: none

 private:
  friend std::unique_ptr<DecoderModel> load_model(const std::string&, const struct LoadOptions&, ThreadPool&,
                                                  std::span<const struct Architecture>);
  class Pass;
  std::map<std::string, std::shared_ptr<nn::AdapterSlot>> adapter_slots_;
  std::int32_t n_adapters_ = 0;
  std::unique_ptr<nn::Workspace> work_;
  std::unique_ptr<nn::Context> context_;
};

/// What a person asks of loading.
struct LoadOptions {
  int bits = 0;         // 32, 16, 8 or 4; 0: the stored type if it fits in 70 % of free memory, else the next smaller
  int kv_bits = 0;      // of keys and values: 32, 16 or 8; 0: 32 with f32 weights, else 16
  bool strict = false;  // an unread tensor is an error
  bool check_weights = false;                          // report NaN and Inf in weights
  std::function<void(double fraction)> progress = {};  // called now and then while weights are read
};

/// Loads the model in `folder` (config.json and weights). Throws skald::Error; nothing half-loaded is returned.
std::unique_ptr<DecoderModel> load_model(const std::string& folder, const LoadOptions& options, ThreadPool& pool);

}  // namespace skald::models
