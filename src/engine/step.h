// One step: the rows of all running requests in one batch, through the model, back to their strategies.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "engine/counters.h"
#include "engine/prompt_room.h"
#include "engine/request.h"
#include "engine/sequences.h"

namespace skald::engine {

/// Decides who gives way where the memory for state ends.
class Memory {
 public:
  virtual ~Memory() = default;
  /// Frees some of `model`'s pool for `request`. False: there is nothing to free, or `request` itself was preempted.
  virtual bool make_room(decode::ModelIndex model, Request& request) = 0;
};

class Stepper final : models::OutputSink {
 public:
  /// `chunk`: rows of one step, as far as prompts can wait. Those that go on are in every step.
  Stepper(Sequences& sequences, ThreadPool& threads, std::int64_t chunk, Memory& memory, Counters& counters);
  ~Stepper() override;

  /// Runs the encoder for requests that begin, then the next rows of every request's plan, and advances the strategies
  /// whose plan is complete. At most one forward pass a model, and one of its first layers where it drafts for itself.
  /// What goes wrong for one request is left in its `error`. Where every request that has rows is cancelled, the pass
  /// is given up and nothing is committed. `requests`: the oldest first.
  void run(std::span<Request* const> requests);

 private:
  struct RowOwner {
    Request* request;
    std::int32_t plan_row;  // -1: wants nothing
  };
  struct Part {  // rows of one segment in this pass
    Request* request;
    Segment* segment;
    std::int64_t n_rows;
  };
  struct Encoding {
    Request* request;
    models::EncoderInput input;
  };
  using Requests = std::span<Request* const>;

  [[nodiscard]] static bool runs(const Request& request) {
    return request.planned && !request.error && !request.preempted;
  }
  [[nodiscard]] bool has_state(const Segment& segment) const {
    return sequences_.past(segment.model, segment.sequence).id >= 0;
  }
  void plan(Request& request);
  void restart_where_needed(const Segment& segment);
  void begin(Requests requests);
  void replay(Segment& segment) const;
  void begin(Request& request, Segment& segment, Requests until);
  [[nodiscard]] bool comes_soon(const Segment& segment, std::span<const TokenId> tokens, Requests until) const;
  void encode(Requests requests);
  void encode(decode::ModelIndex model, Requests requests);
  void collect_encodings(decode::ModelIndex model, Requests requests);
  [[nodiscard]] bool awaits_encoder(const Request& request, const Segment& segment) const;
  void run_model(decode::ModelIndex model, Requests requests);
  void gather(decode::ModelIndex model, std::int32_t n_layers, Requests requests);
  void collect(decode::ModelIndex model, std::int32_t n_layers, Requests requests);
  void grant_rows();
  void reserve(const Part& part);
  template <typename HasRoom>
  void make_room(decode::ModelIndex model, Request& request, HasRoom has_room);
  void add_rows(const Part& part);
  void forward(decode::ModelIndex model);
  [[nodiscard]] bool all_cancelled() const;
  template <typename Take>
  void give(std::int32_t row, Take take);
  void on_logits(std::span<const std::int32_t> rows, float* logits) override;
  void on_hidden(std::int32_t row, std::int32_t layer, const float* hidden) override;
  void on_logits_at(std::int32_t row, std::int32_t layer, const float* logits) override;
  void on_attentions(std::int32_t row, std::int32_t layer, const float* probabilities, std::int64_t n_heads,
                     std::int64_t n_keys) override;

  Sequences& sequences_;
  ThreadPool& threads_;
  std::int64_t chunk_;
  Memory& memory_;
  Counters& counters_;
  nn::Batch batch_;
  std::vector<std::int32_t> depths_;  // layers that rows go through; 0: all
  std::vector<RowOwner> owners_;      // by row of batch_
  std::vector<Part> parts_;
  std::vector<PromptShare> shares_;             // by part that is of a prompt
  std::vector<Encoding> encodings_;             // of this step's encoder pass
  std::vector<models::EncoderInput> inputs_;    // the same
  std::int64_t encoder_rows_ = 0;               // of all models' in this step
  std::vector<decode::Scratch> scratch_;        // by worker
  std::vector<std::exception_ptr> row_errors_;  // by row of the tile
  std::int64_t vocab_size_ = 0;                 // of the model that runs
  std::int64_t hidden_size_ = 0;
  models::CancelPoll poll_;
};

}  // namespace skald::engine
