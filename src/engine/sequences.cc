#include "engine/sequences.h"

#include <algorithm>
#include <utility>

#include "kernels/kernels.h"  // kBlock

namespace skald::engine {

using decode::ModelIndex;
using decode::SequenceHandle;

namespace {

// Of a pool's blocks, what may be kept for later requests.
constexpr std::size_t kKeptPart = 4;

bool has_kind(const nn::StateLayout& layout, nn::StateGroup::Kind kind) {
  return std::ranges::any_of(layout.groups, [kind](const nn::StateGroup& group) { return group.kind == kind; });
}

// Whether `other` begins with the prompt of `past` too.
bool has_prompt_of(const Past& other, const Past& past) {
  const auto n = static_cast<std::size_t>(std::min(past.asked_length, past.length()));
  return other.tokens.size() >= n &&
         std::ranges::equal(std::span(other.tokens).first(n), std::span(past.tokens).first(n));
}

}  // namespace

Sequences::Sequences(std::vector<ModelSlot> slots)
    : slots_(std::move(slots)), pasts_(slots_.size()), vacant_(slots_.size()) {
  for (const ModelSlot& slot : slots_) {
    nn::StatePool& pool = *slot.state;
    rewinds_.push_back(!has_kind(pool.layout(), nn::StateGroup::Kind::recurrent));
    has_cross_.push_back(has_kind(pool.layout(), nn::StateGroup::Kind::cross));
    const auto index = static_cast<ModelIndex>(caches_.size());
    caches_.emplace_back(index, slot.model->shape(), pool, pool.blocks_free() / kKeptPart);
  }
}

std::int64_t Sequences::vocab_size(ModelIndex model) const { return this->model(model).shape().vocab_size; }

std::int64_t Sequences::position_limit(ModelIndex model) const {
  const models::ModelShape& shape = this->model(model).shape();
  return shape.hard_limit ? shape.max_positions : 0;
}

SequenceHandle Sequences::store(ModelIndex model) {
  auto& vacant = vacant_[at(model)];
  if (vacant.empty()) {
    pasts_[at(model)].emplace_back();
    return static_cast<SequenceHandle>(pasts_[at(model)].size() - 1);
  }
  const SequenceHandle handle = vacant.back();
  vacant.pop_back();
  return handle;
}

SequenceHandle Sequences::create(ModelIndex model, std::int64_t prompt_length) {
  const SequenceHandle handle = store(model);
  Past& past = pasts_[at(model)][at(handle)];
  past.prompt_length = past.asked_length = prompt_length;
  return handle;
}

SequenceHandle Sequences::fork(ModelIndex model, SequenceHandle parent) {
  const SequenceHandle handle = store(model);
  const Past& from = pasts_[at(model)][at(parent)];
  Past& past = pasts_[at(model)][at(handle)];
  past = from;
  if (from.id >= 0) past.id = state(model).fork(from.id);
  return handle;
}

void Sequences::claim(ModelIndex model, SequenceHandle sequence, const Request& owner,
                      const std::shared_ptr<const Conditions>& conditions) {
  Past& past = pasts_[at(model)][at(sequence)];
  past.owner = &owner;
  past.conditions = conditions;
}

void Sequences::rewind(ModelIndex model, SequenceHandle sequence, std::int64_t n) {
  Past& past = pasts_[at(model)][at(sequence)];
  past.tokens.resize(past.tokens.size() - static_cast<std::size_t>(n));
  if (past.prompt_length != past.asked_length && past.length() <= restart_length(model)) {
    past.prompt_length = past.asked_length;  // short again
    return release(model, past);
  }
  if (past.id < 0) return;
  if (state(model).rewindable(past.id, past.length()) != past.length()) return release(model, past);
  state(model).rewind(past.id, n);
}

void Sequences::restart(ModelIndex model, SequenceHandle sequence, std::int64_t prompt_length) {
  Past& past = pasts_[at(model)][at(sequence)];
  past.prompt_length = prompt_length;
  release(model, past);
}

void Sequences::release(ModelIndex model, Past& past) {
  if (past.id >= 0) state(model).drop(std::exchange(past.id, -1));
  past.shallow = false;
}

void Sequences::drop(ModelIndex model, SequenceHandle sequence) {
  Past& past = pasts_[at(model)][at(sequence)];
  if (is_kept(model, past)) keep(model, past);
  release(model, past);
  past.tokens.clear();  // its memory is used again
  past.owner = nullptr;
  past.conditions.reset();
  vacant_[at(model)].push_back(sequence);
}

// The last of a request's sequences that begin with one prompt is.
bool Sequences::is_kept(ModelIndex model, const Past& past) const {
  const auto block = static_cast<std::int64_t>(kernels::kBlock);
  if (past.id < 0 || past.shallow || has_cross_[at(model)] || past.length() < block) return false;
  if (past.owner == nullptr || !past.conditions->shares) return false;
  return std::ranges::none_of(pasts_[at(model)], [&](const Past& other) {
    return &other != &past && other.owner == past.owner && has_prompt_of(other, past);
  });
}

void Sequences::keep(ModelIndex model, Past& past) {
  nn::StatePool& pool = state(model);
  const std::int64_t rest = past.length() % static_cast<std::int64_t>(kernels::kBlock);
  if (rest > 0 && reaches_back(pool.layout())) {
    pool.rewind(past.id, rest);
    past.tokens.resize(past.tokens.size() - static_cast<std::size_t>(rest));
  }
  caches_[at(model)].keep(past);
  past.id = -1;
}

std::size_t Sequences::n_kept() const {
  std::size_t n = 0;
  for (const PrefixCache& cache : caches_) n += cache.pasts().size();
  return n;
}

// Among sequences of other requests whole blocks only; and none of those that have an encoder's output.
std::int64_t Sequences::shareable(ModelIndex model, const Past& from, std::span<const TokenId> theirs,
                                  const Past& wanted, std::span<const TokenId> tokens) const {
  const bool own = from.owner != nullptr && from.owner == wanted.owner;
  if (from.shallow) return 0;
  if (!own && (has_cross_[at(model)] || !may_share(*from.conditions, *wanted.conditions, model))) return 0;
  const std::int64_t n = common_length(from, theirs, wanted, tokens, this->model(model).shape());
  return own || !rewinds(model) ? n : n - n % static_cast<std::int64_t>(kernels::kBlock);
}

Sequences::Source Sequences::find(ModelIndex model, const Past& wanted, std::span<const TokenId> tokens) const {
  Source best;
  const auto consider = [&](const Past& past, bool kept) {
    if (past.id < 0) return;
    std::int64_t n = shareable(model, past, past.tokens, wanted, tokens);
    const bool encoded = past.owner == wanted.owner && has_cross_[at(model)] && best.past == nullptr;
    if (n <= best.length && !encoded) return;
    n = state(model).rewindable(past.id, n);
    if (n > best.length || encoded) best = {.past = &past, .length = n, .kept = kept};
  };
  for (const Past& past : pasts_[at(model)]) consider(past, false);
  for (const Past& past : caches_[at(model)].pasts()) consider(past, true);
  return best;
}

std::int64_t Sequences::begin(ModelIndex model, SequenceHandle sequence, std::span<const TokenId> tokens) {
  Past& past = pasts_[at(model)][at(sequence)];
  nn::StatePool& pool = state(model);
  const Source source = find(model, past, tokens);
  past.id = source.past != nullptr ? pool.fork(source.past->id) : pool.create();
  if (source.past != nullptr) pool.rewind(past.id, pool.length(past.id) - source.length);
  if (source.kept) caches_[at(model)].touch(*source.past);
  past.tokens.assign(tokens.begin(), tokens.begin() + source.length);
  return source.length;
}

void Sequences::extend(ModelIndex model, SequenceHandle sequence, std::span<const TokenId> tokens, bool shallow) {
  Past& past = pasts_[at(model)][at(sequence)];
  state(model).commit(past.id, std::ssize(tokens));
  past.tokens.insert(past.tokens.end(), tokens.begin(), tokens.end());
  past.shallow = past.shallow || shallow;
}

std::int64_t Sequences::take_state(const Request& owner) {
  std::int64_t beyond = 0;
  for (std::size_t m = 0; m < pasts_.size(); ++m) {
    for (Past& past : pasts_[m]) {
      if (past.owner != &owner) continue;
      beyond = std::max(beyond, past.length() - past.asked_length);
      release(static_cast<ModelIndex>(m), past);
    }
  }
  return beyond;
}

}  // namespace skald::engine
