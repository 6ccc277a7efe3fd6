#include "quant/int4.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/float16.h"
#include "base/rounding.h"
#include "quant/nibbles.h"

namespace skald::quant {
namespace {

constexpr std::size_t kWeights = Int4Block::kWeights;
constexpr std::size_t kChoosers = Int4Block::kChoosers;
constexpr std::size_t kTables = Int4Block::kTables;
constexpr std::size_t kCodes = 16;
constexpr auto& kLevels = Int4Block::kLevels;

// [table][n + 128]: the code of `table` whose level is nearest to n, of two that are as near the lower one.
using Nearest = std::array<std::array<std::uint8_t, 256>, kTables>;
constexpr Nearest make_nearest() {
  Nearest nearest = {};
  for (std::size_t t = 0; t < kTables; ++t) {
    std::size_t code = 0;
    for (std::size_t place = 0; place < 256; ++place) {
      const int n = static_cast<int>(place) - 128;
      const auto distance = [&](std::size_t c) {
        const int difference = n - kLevels[t * kCodes + c];
        return difference < 0 ? -difference : difference;
      };
      while (code + 1 < kCodes && distance(code + 1) < distance(code)) ++code;
      nearest[t][place] = static_cast<std::uint8_t>(t * kCodes + code);
    }
  }
  return nearest;
}
constexpr Nearest kNearest = make_nearest();

// [n + 128][table]: the squared distance from n to the nearest level, but at most what eight of fit in 15 bits: a table
// that is so far off is not the best one, since the widest is nowhere 64 off.
using Errors = std::array<std::int16_t, kTables>;
constexpr std::array<Errors, 256> make_errors() {
  std::array<Errors, 256> errors = {};
  for (std::size_t place = 0; place < 256; ++place) {
    for (std::size_t t = 0; t < kTables; ++t) {
      const int difference = static_cast<int>(place) - 128 - kLevels[kNearest[t][place]];
      errors[place][t] = static_cast<std::int16_t>(std::min<int>(difference * difference, 0x7fff / kChoosers));
    }
  }
  return errors;
}
constexpr auto kErrors = make_errors();

using Places = std::array<std::uint8_t, kWeights>;
using Codes = std::array<std::uint8_t, kWeights>;  // 16 * table + code

// The integers nearest to x / d, + 128. They are cut off as integers: between floats the compiler would branch.
Places places_of(const float* x, float d) {
  const float inverse = 1 / d;
  Places places;
  for (std::size_t i = 0; i < kWeights; ++i) {
    const int n = nearest_int(x[i] * inverse);
    const int above = n > -128 ? n : -128;
    places[i] = static_cast<std::uint8_t>((above < 127 ? above : 127) + 128);
  }
  return places;
}

// [table]: the squared errors of eight places.
Errors errors_of(const std::uint8_t* places) {
  Errors errors = {};
  for (std::size_t i = 0; i < kChoosers; ++i) {
    for (std::size_t t = 0; t < kTables; ++t) errors[t] = static_cast<std::int16_t>(errors[t] + kErrors[places[i]][t]);
  }
  return errors;
}

// In halves: the compiler makes instructions on vectors of them.
int least(Errors errors) {
  for (std::size_t n = kTables / 2; n > 0; n /= 2) {
    for (std::size_t t = 0; t < n; ++t) errors[t] = std::min(errors[t], errors[t + n]);
  }
  return errors[0];
}

// A scale as the block stores it, and what it leaves.
struct Candidate {
  float d = 0;
  float error = std::numeric_limits<float>::infinity();  // squared, of x / d rounded to integers
};

Candidate candidate(const float* x, float scale) {
  const float d = to_float(to_float16(scale));
  if (d == 0 || !std::isfinite(d)) return {.d = d};
  const Places places = places_of(x, d);
  int error = 0;
  for (std::size_t i = 0; i < kWeights; i += kChoosers) error += least(errors_of(&places[i]));
  return {.d = d, .error = static_cast<float>(error) * d * d};
}

// The first of the tables that leave the least, without a branch that nobody could foresee.
std::size_t best_table(const Errors& errors) {
  const int best = least(errors);
  unsigned equal = 0;
  for (std::size_t t = 0; t < kTables; ++t) equal |= static_cast<unsigned>(errors[t] == best) << t;
  return static_cast<std::size_t>(std::countr_zero(equal));
}

// Each group of eight by the best of the tables.
Codes codes_of(const float* x, float d) {
  Codes codes = {};
  if (d == 0 || !std::isfinite(d)) return codes;
  const Places places = places_of(x, d);
  for (std::size_t i = 0; i < kWeights; i += kChoosers) {
    const auto& nearest = kNearest[best_table(errors_of(&places[i]))];
    for (std::size_t j = i; j < i + kChoosers; ++j) codes[j] = nearest[places[j]];
  }
  return codes;
}

// Sums and extremes are made in so many lanes, which become vectors.
constexpr std::size_t kLanes = 8;
using Lanes = std::array<float, kLanes>;

// The scale that fits these codes best.
float least_squares(const float* x, const Codes& codes) {
  Lanes products = {};
  Lanes squares = {};
  for (std::size_t i = 0; i < kWeights; i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) {
      const auto level = static_cast<float>(kLevels[codes[i + j]]);
      products[j] += x[i + j] * level;
      squares[j] += level * level;
    }
  }
  const float square = std::accumulate(squares.begin(), squares.end(), 0.0F);
  return square > 0 ? std::accumulate(products.begin(), products.end(), 0.0F) / square : 0;
}

// The number of the largest magnitude, of two the positive one.
float extreme_of(const float* x) {
  Lanes highs = {};
  Lanes lows = {};
  for (std::size_t i = 0; i < kWeights; i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) {
      highs[j] = x[i + j] > highs[j] ? x[i + j] : highs[j];
      lows[j] = x[i + j] < lows[j] ? x[i + j] : lows[j];
    }
  }
  const float high = *std::ranges::max_element(highs);
  const float low = *std::ranges::min_element(lows);
  return high >= -low ? high : low;
}

float best_scale(const float* x) {
  const float extreme = extreme_of(x);
  Candidate best;
  const auto keep_better = [&](float scale) {
    const Candidate other = candidate(x, scale);
    if (other.error < best.error) best = other;
  };
  for (const float end : {-127.0F, 104.0F}) {
    for (const float part : {0.86F, 0.94F, 1.02F}) keep_better(extreme / (end * part));
  }
  keep_better(least_squares(x, codes_of(x, best.d)));
  return best.d;
}

}  // namespace

void take_apart(const Int4Block& block, BlockParts& parts) {
  split_nibbles(block.codes.data(), block.codes.size(), parts.codes.data());
  for (std::size_t i = 0; i < kWeights; ++i) {
    const std::size_t bit = i / kChoosers * 3;
    unsigned two_bytes = block.tables[bit / 8];
    if (bit / 8 + 1 < block.tables.size()) two_bytes |= static_cast<unsigned>(block.tables[bit / 8 + 1]) << 8U;
    parts.codes[i] = static_cast<std::uint8_t>(parts.codes[i] | (two_bytes >> bit % 8 & 7U) << 4U);
  }
  set_scale(block.d, parts);
}

void pack(const float* x, Int4Block& block) {
  const float d = best_scale(x);
  const Codes codes = codes_of(x, d);
  block.d = to_float16(d).bits;
  block.tables = {};
  for (std::size_t i = 0; i < kWeights; i += kChoosers) {
    const std::size_t bit = i / kChoosers * 3;
    const unsigned table = static_cast<unsigned>(codes[i] >> 4U) << bit % 8;
    block.tables[bit / 8] = static_cast<std::uint8_t>(block.tables[bit / 8] | table);
    if (table > 0xff) block.tables[bit / 8 + 1] = static_cast<std::uint8_t>(block.tables[bit / 8 + 1] | table >> 8U);
  }
  join_nibbles(codes.data(), block.codes.size(), block.codes.data());
}

}  // namespace skald::quant
