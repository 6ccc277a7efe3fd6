// The sequences of all running requests in all models, and the pools that hold their state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/language_model.h"
#include "engine/past.h"
#include "engine/prefix_cache.h"
#include "models/decoder_model.h"

namespace skald::engine {

/// What the engine knows of one of its models.
struct ModelSlot {
  std::shared_ptr<const models::DecoderModel> model;
  std::unique_ptr<nn::StatePool> state;
};

/// Hands sequences to the strategies. A sequence is its tokens: it gets state when its rows are to be computed, and may
/// lose it again at any time between two passes. The engine's thread alone uses it.
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
  [[nodiscard]] const nn::StatePool& state(decode::ModelIndex model) const { return *slots_[at(model)].state; }

  /// What `sequence` has computed, whether or not its state is there.
  [[nodiscard]] const Past& past(decode::ModelIndex model, decode::SequenceHandle sequence) const {
    return pasts_[at(model)][at(sequence)];
  }
  /// `sequence` and its forks belong to `owner`, which must outlive them.
  void claim(decode::ModelIndex model, decode::SequenceHandle sequence, const Request& owner,
             const std::shared_ptr<const Conditions>& conditions);
  /// longrope: the sequence is computed again as if its prompt had `prompt_length` tokens.
  void restart(decode::ModelIndex model, decode::SequenceHandle sequence, std::int64_t prompt_length);

  /// Gives state to a sequence that has none: as many of `tokens` as another one has computed. Returns how many.
  std::int64_t begin(decode::ModelIndex model, decode::SequenceHandle sequence, std::span<const TokenId> tokens);
  /// What begin() would return now.
  [[nodiscard]] std::int64_t available(decode::ModelIndex model, decode::SequenceHandle sequence,
                                       std::span<const TokenId> tokens) const {
    return find(model, past(model, sequence), tokens).length;
  }
  /// How many of the first `tokens` of `wanted` another sequence could give that has or will have `theirs`.
  [[nodiscard]] std::int64_t shareable(decode::ModelIndex model, const Past& from, std::span<const TokenId> theirs,
                                       const Past& wanted, std::span<const TokenId> tokens) const;
  /// `tokens` were computed and committed; `shallow`: in the first layers alone.
  void extend(decode::ModelIndex model, decode::SequenceHandle sequence, std::span<const TokenId> tokens, bool shallow);

  /// Takes the state of all sequences of `owner`. Returns how many tokens the longest had beyond its prompt.
  std::int64_t take_state(const Request& owner);
  /// Gives up a sequence of `model` that is kept for later requests; false: there is none.
  bool drop_kept(decode::ModelIndex model) { return caches_[at(model)].drop_oldest(); }
  [[nodiscard]] std::size_t n_kept() const;

 private:
  struct Source {  // where a sequence may begin
    const Past* past = nullptr;
    std::int64_t length = 0;
    bool kept = false;
  };
  static std::size_t at(std::int32_t index) { return static_cast<std::size_t>(index); }
  decode::SequenceHandle store(decode::ModelIndex model);
  void release(decode::ModelIndex model, Past& past);
  [[nodiscard]] Source find(decode::ModelIndex model, const Past& wanted, std::span<const TokenId> tokens) const;
  [[nodiscard]] bool is_kept(decode::ModelIndex model, const Past& past) const;
  void keep(decode::ModelIndex model, Past& past);

  std::vector<ModelSlot> slots_;
  std::vector<bool> rewinds_;                                // by model
  std::vector<bool> has_cross_;                              // by model
  std::vector<std::vector<Past>> pasts_;                     // by model and handle
  std::vector<std::vector<decode::SequenceHandle>> vacant_;  // handles to use again
  std::vector<PrefixCache> caches_;                          // by model
};

}  // namespace skald::engine
