// The sequences of all running requests in all models, and the pools that hold their state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "decode/language_model.h"
#include "models/decoder_model.h"

namespace skald::engine {

/// What the engine knows of one of its models.
struct ModelSlot {
  std::shared_ptr<const models::DecoderModel> model;
  std::unique_ptr<nn::StatePool> state;
};

/// Hands sequences to the strategies. The engine's thread alone uses it.
class Sequences final : public decode::LanguageModel {
 public:
  explicit Sequences(std::vector<ModelSlot> slots);

  [[nodiscard]] std::int64_t vocab_size(decode::ModelIndex model) const override;
  [[nodiscard]] std::int64_t position_limit(decode::ModelIndex model) const override;
  [[nodiscard]] std::int32_t n_layers(decode::ModelIndex model) const override {
    return static_cast<std::int32_t>(this->model(model).shape().n_layers);
  }
  [[nodiscard]] bool tied_embeddings(decode::ModelIndex model) const override {
    return this->model(model).shape().tied_embeddings;
  }
  [[nodiscard]] bool rewinds(decode::ModelIndex model) const override { return rewinds_[at(model)]; }
  [[nodiscard]] std::int64_t restart_length(decode::ModelIndex model) const override {
    return this->model(model).shape().long_rope_from;
  }
  decode::SequenceHandle create(decode::ModelIndex model, std::int64_t prompt_length) override;
  decode::SequenceHandle fork(decode::ModelIndex model, decode::SequenceHandle parent) override;
  void rewind(decode::ModelIndex model, decode::SequenceHandle sequence, std::int64_t n) override;
  void drop(decode::ModelIndex model, decode::SequenceHandle sequence) override;

  [[nodiscard]] std::size_t n_models() const { return slots_.size(); }
  [[nodiscard]] const models::DecoderModel& model(decode::ModelIndex model) const { return *slots_[at(model)].model; }
  [[nodiscard]] nn::StatePool& state(decode::ModelIndex model) { return *slots_[at(model)].state; }

  /// Handle of the sequence in its model's pool.
  [[nodiscard]] nn::SequenceId id(decode::ModelIndex model, decode::SequenceHandle sequence) const {
    return entries_[at(model)][at(sequence)].id;
  }
  [[nodiscard]] std::int64_t prompt_length(decode::ModelIndex model, decode::SequenceHandle sequence) const {
    return entries_[at(model)][at(sequence)].prompt_length;
  }
  /// `tokens` were computed and committed.
  void extend(decode::ModelIndex model, decode::SequenceHandle sequence, std::span<const TokenId> tokens);
  /// Empties the state of a sequence and returns the tokens that it held: to be computed again.
  std::vector<TokenId> restart(decode::ModelIndex model, decode::SequenceHandle sequence);

 private:
  struct Entry {
    nn::SequenceId id = -1;
    std::int64_t prompt_length = 0;
    std::vector<TokenId> tokens;  // kept for models that compute a sequence again (longrope)
  };
  static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }
  decode::SequenceHandle store(decode::ModelIndex model, Entry entry);

  std::vector<ModelSlot> slots_;
  std::vector<bool> rewinds_;                                // by model
  std::vector<std::vector<Entry>> entries_;                  // by model and handle
  std::vector<std::vector<decode::SequenceHandle>> vacant_;  // handles to use again
};

}  // namespace skald::engine
