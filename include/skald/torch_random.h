// Torch's random numbers from call to call.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "skald/export.h"

namespace skald {

class TorchGenerator;

/// torch.Generator(device="cpu"): calls that are given one (Hooks::torch_random) draw the numbers that torch would, one
/// call after the other. Any thread; calls that run at once begin with the same numbers.
class SKALD_API TorchRandom {
 public:
  /// As torch.manual_seed(seed).
  explicit TorchRandom(std::uint64_t seed);
  ~TorchRandom();
  TorchRandom(const TorchRandom&) = delete;
  TorchRandom& operator=(const TorchRandom&) = delete;

  /// Of its mt19937: the words, and which of them comes next, in [0, 624]; with 624 all are used up.
  struct State {
    std::array<std::uint32_t, 624> words = {};
    std::uint32_t next = 624;
  };
  [[nodiscard]] State state() const;
  /// Throws OptionError where `next` is more than 624.
  void set_state(const State& state);

  /// The library's own way in: a call takes the generator, and puts back where it has come to.
  [[nodiscard]] TorchGenerator take() const;
  void put_back(const TorchGenerator& generator);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skald
