#include "base/random.h"

#include <bit>
#include <random>

namespace skald {
namespace {

// log(x) of a normal x > 0 to about 1e-12: only IEEE additions, multiplications and one division, so that every machine
// gets the same bits (libm's log differs between versions).
double portable_log(double x) {
  constexpr double kLn2 = 0.69314718055994530942;
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e00000000;  // bits of about sqrt(1/2)
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x) - kSqrtHalf;
  const auto exponent = static_cast<double>(static_cast<std::int64_t>(bits) >> 52);
  const double m = std::bit_cast<double>((bits & 0x000fffffffffffff) + kSqrtHalf);  // [sqrt(1/2), sqrt(2))
  const double s = (m - 1.0) / (m + 1.0);  // log m = 2 atanh(s) = 2s (1 + s²/3 + s⁴/5 + ...), |s| < 0.172
  const double z = s * s;
  double series = 1.0 / 15;
  for (const double c : {1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0}) series = series * z + c;
  return exponent * kLn2 + 2.0 * s * series;
}

// -log(1 - v), v in (0, 1), with full relative accuracy down to the smallest v.
float exponential_from(double v) {
  const double w = 1.0 - v;
  const double lost = (1.0 - w) - v;  // what rounding took from w, exactly
  return static_cast<float>(-(portable_log(w) + lost / w));
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;  // golden ratio
    key[1] += 0xBB67AE85;  // sqrt(3) - 1
  }
  return counter;
}

namespace {

// Block `index` of a draw: the counter is the draw's three numbers and the index, so no two draws share a block.
std::array<std::uint32_t, 4> draw_block(const DrawKey& key, std::uint32_t index) {
  return philox4x32({index, key.step, key.completion, key.fork},
                    {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
}

// One block serves four tokens, 32 bits each. Small values decide a race, so the lowest 2^-16 of the range gets 32
// more bits, from the blocks with the top bit set (tokens stay below 2^32, their blocks below 2^30).
float exponential_of(const DrawKey& key, std::uint32_t token, std::uint32_t bits) {
  constexpr std::uint32_t kRefineBelow = 1U << 16;
  constexpr std::uint32_t kRefinement = 1U << 31;
  if (bits >= kRefineBelow) return exponential_from((bits + 0.5) * 0x1p-32);
  const std::uint32_t low = draw_block(key, kRefinement | token / 4)[token % 4];
  return exponential_from((bits + (low + 0.5) * 0x1p-32) * 0x1p-32);
}

}  // namespace

float exponential(const DrawKey& key, std::uint32_t token) {
  return exponential_of(key, token, draw_block(key, token / 4)[token % 4]);
}

void exponentials(const DrawKey& key, std::uint32_t first_token, std::span<float> out) {
  std::array<std::uint32_t, 4> block = draw_block(key, first_token / 4);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto token = static_cast<std::uint32_t>(first_token + i);
    if (i > 0 && token % 4 == 0) block = draw_block(key, token / 4);
    out[i] = exponential_of(key, token, block[token % 4]);
  }
}

double uniform(const DrawKey& key) {
  constexpr std::uint32_t kCoin = 1U << 30;  // no variate's block: those of tokens are below, refinements above
  const auto block = draw_block(key, kCoin);
  const std::uint64_t high = block[0];
  return static_cast<double>((high << 32 | block[1]) >> 11) * 0x1p-53;
}

std::uint64_t random_seed() {
  std::random_device device;
  const std::uint64_t high = device();
  return (high << 32 | device()) >> 11;
}

}  // namespace skald
