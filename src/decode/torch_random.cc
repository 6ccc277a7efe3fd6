#include "skald/torch_random.h"

#include <mutex>
#include <string>

#include "base/torch_random.h"
#include "skald/error.h"

namespace skald {

struct TorchRandom::Impl {
  mutable std::mutex mutex;
  TorchGenerator generator;
};

TorchRandom::TorchRandom(std::uint64_t seed) : impl_(new Impl{.mutex = {}, .generator = TorchGenerator(seed)}) {}
TorchRandom::~TorchRandom() = default;

TorchGenerator TorchRandom::take() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->generator;
}

void TorchRandom::put_back(const TorchGenerator& generator) {
  const std::lock_guard lock(impl_->mutex);
  impl_->generator = generator;
}

TorchRandom::State TorchRandom::state() const {
  State state;
  state.next = take().state(state.words);
  return state;
}

void TorchRandom::set_state(const State& state) {
  if (state.next > state.words.size()) {
    throw OptionError({.field = "next", .value = std::to_string(state.next), .rule = "must be in [0, 624]"});
  }
  TorchGenerator generator(0);
  generator.set_state(state.words, state.next);
  put_back(generator);
}

}  // namespace skald
