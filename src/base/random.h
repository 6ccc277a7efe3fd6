// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace skald {

/// One block of Philox4x32-10: a function of key and counter, with no state.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// Names one draw: the request's seed, which completion of it, which fork of that (0 outside beams), which step.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint32_t completion = 0;
  std::uint32_t fork = 0;
  std::uint32_t step = 0;
};

/// e_t = Exp(1) variate of token `token` in the draw `key`: in (0, inf), the same on every machine, thread and batch.
/// The token drawn from p is argmax_t p_t / e_t.
float exponential(const DrawKey& key, std::uint32_t token);

/// exponential() of out.size() tokens from `first_token` on: the same values, at a quarter of the cost each.
void exponentials(const DrawKey& key, std::uint32_t first_token, std::span<float> out);

/// A number in [0, 1) that belongs to the draw `key` and is independent of its variates: a coin that a step tosses.
double uniform(const DrawKey& key);

/// A fresh seed from the operating system, below 2^53: every JSON reader keeps it exact.
std::uint64_t random_seed();

}  // namespace skald
