// What recurrent layers share: where the parts of a layer's state lie, and how workers divide its channels.
#pragma once

#include <cstddef>

#include "nn/context.h"

namespace skald::nn {

inline constexpr std::size_t kChannelBlock = 64;  // channels that a worker takes at a time, at least

/// A part of one layer's recurrent state, in floats: before a pass and after it.
struct StatePart {
  const float* before = nullptr;  // nullptr: zeros
  float* after = nullptr;
};

/// The part that begins `offset` floats behind the beginning of the state. `layer` is one of a recurrent group.
inline StatePart state_part(const SequenceRun& run, int layer, std::size_t offset, const Context& context) {
  const RecurrentState state = context.state->recurrent(run.sequence, layer);
  const auto* const before = reinterpret_cast<const float*>(state.before);
  return {before == nullptr ? nullptr : before + offset, reinterpret_cast<float*>(state.after) + offset};
}

/// StateGroup::bytes of a state of so many floats: whole cache lines.
constexpr std::size_t state_bytes_of(std::size_t floats) { return (floats * sizeof(float) + 63) / 64 * 64; }

}  // namespace skald::nn
