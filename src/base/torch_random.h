// The numbers that torch's generator on the CPU gives for the same seed: for draws and watermarks that equal those of
// transformers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace skald {

/// torch.Generator(device="cpu"), bit for bit: mt19937 and, per kind of number, how many of its words are read and how.
class TorchGenerator {
 public:
  /// torch.Generator().manual_seed(seed). Of the seed the low 32 bits count.
  explicit TorchGenerator(std::uint64_t seed) : engine_(static_cast<std::uint32_t>(seed)) {}

  /// The next 32 bits.
  std::uint32_t word() { return static_cast<std::uint32_t>(engine_()); }

  /// torch.rand(1): in [0, 1), one word.
  float rand() { return static_cast<float>(word() & 0xffffff) * 0x1p-24F; }

  /// torch.randint(0, bound, (1,)) for 1 <= bound < 2^28: one word.
  std::uint32_t randint(std::uint32_t bound) { return word() % bound; }

  /// torch.empty(1).exponential_(1): in [0, inf), two words. A multinomial draw is argmax p / exponential().
  float exponential() { return exponential_of(long_word()); }

  /// Two words: what an exponential variate is made of.
  std::uint64_t long_word() {
    const std::uint64_t high = word();
    return high << 32 | word();
  }
  static float exponential_of(std::uint64_t long_word);

  /// torch.randperm(out.size()): n - 1 words. Only its first `n_wanted` values are made, from as many words; the rest
  /// of `out` is in no order that torch has.
  void randperm(std::span<std::int32_t> out, std::size_t n_wanted);
  void randperm(std::span<std::int32_t> out) { randperm(out, out.size()); }

  /// Passes over `n_words` words.
  void discard(std::uint64_t n_words) { engine_.discard(n_words); }

  /// mt19937's words [624]; returns which of them comes next.
  std::uint32_t state(std::span<std::uint32_t> words) const;
  void set_state(std::span<const std::uint32_t> words, std::uint32_t next);

 private:
  std::mt19937 engine_;
};

}  // namespace skald
