#include "engine/sequences.h"

#include <algorithm>
#include <utility>

namespace skald::engine {

using decode::ModelIndex;
using decode::SequenceHandle;

Sequences::Sequences(std::vector<ModelSlot> slots)
    : slots_(std::move(slots)), entries_(slots_.size()), vacant_(slots_.size()) {
  for (const ModelSlot& slot : slots_) {
    rewinds_.push_back(std::ranges::none_of(slot.state->layout().groups, [](const nn::StateGroup& group) {
      return group.kind == nn::StateGroup::Kind::recurrent;
    }));
  }
}

std::int64_t Sequences::vocab_size(ModelIndex model) const { return this->model(model).shape().vocab_size; }

std::int64_t Sequences::position_limit(ModelIndex model) const {
  const models::ModelShape& shape = this->model(model).shape();
  return shape.hard_limit ? shape.max_positions : 0;
}

SequenceHandle Sequences::store(ModelIndex model, Entry entry) {
  auto& entries = entries_[at(model)];
  auto& vacant = vacant_[at(model)];
  if (vacant.empty()) {
    entries.push_back(std::move(entry));
    return static_cast<SequenceHandle>(entries.size() - 1);
  }
  const SequenceHandle handle = vacant.back();
  vacant.pop_back();
  entries[at(handle)] = std::move(entry);
  return handle;
}

SequenceHandle Sequences::create(ModelIndex model, std::int64_t prompt_length) {
  return store(model, {.id = state(model).create(), .prompt_length = prompt_length, .tokens = {}});
}

SequenceHandle Sequences::fork(ModelIndex model, SequenceHandle parent) {
  const Entry& from = entries_[at(model)][at(parent)];
  return store(model, {.id = state(model).fork(from.id), .prompt_length = from.prompt_length, .tokens = from.tokens});
}

void Sequences::rewind(ModelIndex model, SequenceHandle sequence, std::int64_t n) {
  Entry& entry = entries_[at(model)][at(sequence)];
  state(model).rewind(entry.id, n);
  if (!entry.tokens.empty()) entry.tokens.resize(entry.tokens.size() - static_cast<std::size_t>(n));
}

void Sequences::drop(ModelIndex model, SequenceHandle sequence) {
  Entry& entry = entries_[at(model)][at(sequence)];
  state(model).drop(entry.id);
  entry = {};
  vacant_[at(model)].push_back(sequence);
}

void Sequences::extend(ModelIndex model, SequenceHandle sequence, std::span<const TokenId> tokens) {
  Entry& entry = entries_[at(model)][at(sequence)];
  state(model).commit(entry.id, static_cast<std::int64_t>(tokens.size()));
  if (this->model(model).shape().long_rope_from == 0) return;
  entry.tokens.insert(entry.tokens.end(), tokens.begin(), tokens.end());
}

std::vector<TokenId> Sequences::restart(ModelIndex model, SequenceHandle sequence) {
  Entry& entry = entries_[at(model)][at(sequence)];
  state(model).drop(entry.id);
  entry.id = state(model).create();
  return std::exchange(entry.tokens, {});
}

}  // namespace skald::engine
