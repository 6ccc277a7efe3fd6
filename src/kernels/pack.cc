#include "kernels/pack.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/float16.h"
#include "kernels/block_pack.h"

namespace skald::kernels {
namespace {

constexpr std::size_t kTileK = 32;       // inputs of one AMX tile
constexpr std::size_t kValueLanes = 16;  // a row of values is read in Vecs of so many

constexpr std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

// Stored element types: `put` rounds to nearest even, or takes what is stored; `get` widens exactly.
struct F32 {
  using Stored = float;
  static Stored put(float x) { return x; }
  static float get(Stored x) { return x; }
};
struct Bf16 {
  using Stored = std::uint16_t;
  static Stored put(Stored x) { return x; }
  static Stored put(float x) { return to_bfloat16(x).bits; }
  static float get(Stored x) { return to_float(BFloat16{x}); }
};
struct F16 {
  using Stored = std::uint16_t;
  static Stored put(Stored x) { return x; }
  static Stored put(float x) { return to_float16(x).bits; }
  static float get(Stored x) { return to_float(Float16{x}); }
};

// Element (k, row) of a panel whose inputs are interleaved by `pair` (1 or 2).
constexpr std::size_t panel_index(std::size_t k, std::size_t row, std::size_t pair) {
  return (k / pair * kPanel + row) * pair + k % pair;
}

// Element i of the key in slot `slot` of a block whose elements are interleaved by `pair`.
constexpr std::size_t k_index(std::size_t i, std::size_t slot, std::size_t pair) {
  return (i / pair * kBlock + slot) * pair + i % pair;
}

// Sixteen inputs at a time, so that the lines written for one row are still in L1 for the next, and rounded before they
// are dealt out, so that they are rounded as vectors.
template <class T, std::size_t kPair, class Number>
void pack(const Number* rows, std::size_t n_rows, std::size_t k, std::size_t padded_k, std::byte* panel) {
  using Stored = typename T::Stored;
  constexpr std::size_t kStep = 16;
  auto* out = reinterpret_cast<Stored*>(panel);
  if (n_rows < kPanel || padded_k > k) std::memset(panel, 0, padded_k * kPanel * sizeof(Stored));
  std::size_t begin = 0;
  for (; begin + kStep <= k; begin += kStep) {
    for (std::size_t row = 0; row < n_rows; ++row) {
      const Number* in = rows + row * k + begin;
      std::array<Stored, kStep> step;
      for (std::size_t i = 0; i < kStep; ++i) step[i] = T::put(in[i]);
      for (std::size_t i = 0; i < kStep; i += kPair) {
        std::memcpy(out + panel_index(begin + i, row, kPair), &step[i], kPair * sizeof(Stored));
      }
    }
  }
  for (std::size_t row = 0; row < n_rows; ++row) {
    for (std::size_t i = begin; i < k; ++i) out[panel_index(i, row, kPair)] = T::put(rows[row * k + i]);
  }
}

template <class T, std::size_t kPair>
void unpack(const std::byte* panel, std::size_t row, std::size_t k, float* out) {
  const auto* in = reinterpret_cast<const typename T::Stored*>(panel);
  for (std::size_t i = 0; i < k; ++i) out[i] = T::get(in[panel_index(i, row, kPair)]);
}

template <class T, std::size_t kPair>
void store_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block) {
  auto* out = reinterpret_cast<typename T::Stored*>(block);
  for (std::size_t i = 0; i < k_dim; ++i) out[k_index(i, slot, kPair)] = T::put(k[i]);
  if (k_dim % kPair != 0) out[k_index(k_dim, slot, kPair)] = T::put(0.0F);
}

// Element by element: rows of other threads lie between those of a pair of positions.
template <class T, std::size_t kPair>
void store_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block) {
  auto* out = reinterpret_cast<typename T::Stored*>(block);
  out += slot / kPair * kPair * round_up(v_dim, kValueLanes) + slot % kPair;
  for (std::size_t i = 0; i < v_dim; ++i) out[i * kPair] = T::put(v[i]);
}

/// The scale of a key or value of int8, and what takes its numbers to levels. NaN where one of them is not finite, so
/// that whoever reads it learns of it; 0 where all are too small to have a reciprocal.
struct Int8Scale {
  float scale, inverse;
};

Int8Scale int8_scale(const float* x, std::size_t n) {
  float most = 0;
  bool finite = true;
  for (std::size_t i = 0; i < n; ++i) {
    const float magnitude = std::fabs(x[i]);
    finite &= magnitude <= std::numeric_limits<float>::max();
    most = std::max(most, magnitude);
  }
  const float scale = most / 127;
  if (!finite) return {std::numeric_limits<float>::quiet_NaN(), 0};
  return scale >= std::numeric_limits<float>::min() ? Int8Scale{scale, 1 / scale} : Int8Scale{0, 0};
}

/// To nearest even: the low bits of a float this large are the integer.
std::int8_t int8_level(float x, float inverse) {
  return static_cast<std::int8_t>(std::bit_cast<std::uint32_t>(x * inverse + 0x1.8p23F) & 0xff);
}

void put_scale(float scale, std::size_t slot, std::byte* scales) {
  std::memcpy(scales + slot * sizeof(float), &scale, sizeof(float));
}

}  // namespace

std::size_t panel_bytes(WeightFormat format, std::size_t k) {
  switch (format) {
    case WeightFormat::f32: return k * kPanel * 4;
    case WeightFormat::f16: return k * kPanel * 2;
    case WeightFormat::bf16: return round_up(k, kTileK) * kPanel * 2;
    default: return block_panel_bytes(format, k);
  }
}

void pack_panel(WeightFormat format, const float* rows, std::size_t n_rows, std::size_t k, std::byte* panel) {
  switch (format) {
    case WeightFormat::f32: return pack<F32, 1>(rows, n_rows, k, k, panel);
    case WeightFormat::f16: return pack<F16, 1>(rows, n_rows, k, k, panel);
    case WeightFormat::bf16: return pack<Bf16, 2>(rows, n_rows, k, round_up(k, kTileK), panel);
    default: return pack_block_panel(format, rows, n_rows, k, panel);
  }
}

void pack_stored_panel(WeightFormat format, const std::byte* rows, std::size_t n_rows, std::size_t k,
                       std::byte* panel) {
  const auto* const halves = reinterpret_cast<const std::uint16_t*>(rows);
  switch (format) {
    case WeightFormat::f32: return pack<F32, 1>(reinterpret_cast<const float*>(rows), n_rows, k, k, panel);
    case WeightFormat::f16: return pack<F16, 1>(halves, n_rows, k, k, panel);
    case WeightFormat::bf16: return pack<Bf16, 2>(halves, n_rows, k, round_up(k, kTileK), panel);
    default: return pack_stored_blocks(format, rows, n_rows, k, panel);
  }
}

void unpack_row(WeightFormat format, const std::byte* panel, std::size_t row, std::size_t k, float* out) {
  switch (format) {
    case WeightFormat::f32: return unpack<F32, 1>(panel, row, k, out);
    case WeightFormat::f16: return unpack<F16, 1>(panel, row, k, out);
    case WeightFormat::bf16: return unpack<Bf16, 2>(panel, row, k, out);
    default: return unpack_block_row(format, panel, row, k, out);
  }
}

std::size_t no_packed_x_bytes(std::size_t, std::size_t) { return 0; }
void no_pack_x(const float*, std::size_t, std::size_t, std::size_t, std::size_t, std::size_t, std::byte*) {}

std::size_t f32_k_block_bytes(std::size_t k_dim) { return k_dim * kBlock * 4; }
std::size_t bf16_k_block_bytes(std::size_t k_dim) { return round_up(k_dim, 2) * kBlock * 2; }
std::size_t int8_k_scales(std::size_t k_dim) { return k_dim * kBlock; }
std::size_t int8_v_scales(std::size_t v_dim) { return kBlock * round_up(v_dim, kValueLanes); }
std::size_t int8_k_block_bytes(std::size_t k_dim) { return int8_k_scales(k_dim) + kBlock * sizeof(float); }
std::size_t int8_v_block_bytes(std::size_t v_dim) { return int8_v_scales(v_dim) + kBlock * sizeof(float); }
std::size_t f32_v_block_bytes(std::size_t v_dim) { return kBlock * round_up(v_dim, kValueLanes) * 4; }
std::size_t bf16_v_block_bytes(std::size_t v_dim) { return kBlock * round_up(v_dim, kValueLanes) * 2; }

void store_f32_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block) {
  store_k<F32, 1>(k, k_dim, slot, block);
}
void store_bf16_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block) {
  store_k<Bf16, 2>(k, k_dim, slot, block);
}
void store_int8_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block) {
  const Int8Scale s = int8_scale(k, k_dim);
  auto* out = reinterpret_cast<std::int8_t*>(block);
  for (std::size_t i = 0; i < k_dim; ++i) out[i * kBlock + slot] = int8_level(k[i], s.inverse);
  put_scale(s.scale, slot, block + int8_k_scales(k_dim));
}
void store_f32_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block) {
  store_v<F32, 1>(v, v_dim, slot, block);
}
void store_bf16_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block) {
  store_v<Bf16, 2>(v, v_dim, slot, block);
}
void store_int8_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block) {
  const Int8Scale s = int8_scale(v, v_dim);
  auto* out = reinterpret_cast<std::int8_t*>(block) + slot * round_up(v_dim, kValueLanes);
  for (std::size_t i = 0; i < v_dim; ++i) out[i] = int8_level(v[i], s.inverse);
  put_scale(s.scale, slot, block + int8_v_scales(v_dim));
}

}  // namespace skald::kernels
