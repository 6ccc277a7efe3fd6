#include "kernels/pack.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/float16.h"

namespace skald::kernels {
namespace {

constexpr std::size_t kTileK = 32;       // inputs of one AMX tile
constexpr std::size_t kValueLanes = 16;  // a row of values is read in Vecs of so many

constexpr std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

// Stored element types: `put` rounds to nearest even, `get` widens exactly.
struct F32 {
  using Stored = float;
  static Stored put(float x) { return x; }
  static float get(Stored x) { return x; }
};
struct Bf16 {
  using Stored = std::uint16_t;
  static Stored put(float x) { return to_bfloat16(x).bits; }
  static float get(Stored x) { return to_float(BFloat16{x}); }
};
struct F16 {
  using Stored = std::uint16_t;
  static Stored put(float x) { return half_bits(x); }
  static float get(Stored x) { return to_float(Float16{x}); }

 private:
  // Subnormal halves and the rounding of all others come from one float addition each: the sum's low bits are dropped
  // to nearest even by the adder itself.
  static std::uint16_t half_bits(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    if (magnitude > 0x7f800000U) return sign | 0x7e00U | static_cast<std::uint16_t>(magnitude >> 13 & 0x3ffU);
    if (magnitude >= 0x477ff000U) return sign | 0x7c00U;  // from 65520 on
    if (magnitude < 0x38800000U) {                        // below 2^-14: units of 2^-24
      const float sum = std::bit_cast<float>(magnitude) + 0.5F;
      return sign | static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(sum) - std::bit_cast<std::uint32_t>(0.5F));
    }
    const std::uint32_t rounded = magnitude - 0x38000000U + 0xfffU + (magnitude >> 13 & 1U);
    return sign | static_cast<std::uint16_t>(rounded >> 13);
  }
};

// Element (k, row) of a panel whose inputs are interleaved by `pair` (1 or 2).
constexpr std::size_t panel_index(std::size_t k, std::size_t row, std::size_t pair) {
  return (k / pair * kPanel + row) * pair + k % pair;
}

// Sixteen inputs at a time, so that the lines written for one row are still in L1 for the next.
template <class T, std::size_t kPair>
void pack(const float* rows, std::size_t n_rows, std::size_t k, std::size_t padded_k, std::byte* panel) {
  auto* out = reinterpret_cast<typename T::Stored*>(panel);
  if (n_rows < kPanel || padded_k > k) std::memset(panel, 0, padded_k * kPanel * sizeof(*out));
  constexpr std::size_t kStep = 16;
  for (std::size_t begin = 0; begin < k; begin += kStep) {
    const std::size_t end = std::min(k, begin + kStep);
    for (std::size_t row = 0; row < n_rows; ++row) {
      const float* in = rows + row * k;
      for (std::size_t i = begin; i < end; ++i) out[panel_index(i, row, kPair)] = T::put(in[i]);
    }
  }
}

template <class T, std::size_t kPair>
void unpack(const std::byte* panel, std::size_t row, std::size_t k, float* out) {
  const auto* in = reinterpret_cast<const typename T::Stored*>(panel);
  for (std::size_t i = 0; i < k; ++i) out[i] = T::get(in[panel_index(i, row, kPair)]);
}

template <class T>
void store_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block) {
  auto* out = reinterpret_cast<typename T::Stored*>(block);
  for (std::size_t i = 0; i < k_dim; ++i) out[i * kBlock + slot] = T::put(k[i]);
}

template <class T>
void store_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block) {
  auto* out = reinterpret_cast<typename T::Stored*>(block) + slot * round_up(v_dim, kValueLanes);
  for (std::size_t i = 0; i < v_dim; ++i) out[i] = T::put(v[i]);
}

}  // namespace

std::size_t f32_panel_bytes(std::size_t k) { return k * kPanel * 4; }
std::size_t bf16_panel_bytes(std::size_t k) { return round_up(k, kTileK) * kPanel * 2; }
std::size_t f16_panel_bytes(std::size_t k) { return k * kPanel * 2; }

void pack_f32_panel(const float* rows, std::size_t n_rows, std::size_t k, std::byte* panel) {
  pack<F32, 1>(rows, n_rows, k, k, panel);
}
void pack_bf16_panel(const float* rows, std::size_t n_rows, std::size_t k, std::byte* panel) {
  pack<Bf16, 2>(rows, n_rows, k, round_up(k, kTileK), panel);
}
void pack_f16_panel(const float* rows, std::size_t n_rows, std::size_t k, std::byte* panel) {
  pack<F16, 1>(rows, n_rows, k, k, panel);
}

void unpack_f32_row(const std::byte* panel, std::size_t row, std::size_t k, float* out) {
  unpack<F32, 1>(panel, row, k, out);
}
void unpack_bf16_row(const std::byte* panel, std::size_t row, std::size_t k, float* out) {
  unpack<Bf16, 2>(panel, row, k, out);
}
void unpack_f16_row(const std::byte* panel, std::size_t row, std::size_t k, float* out) {
  unpack<F16, 1>(panel, row, k, out);
}

std::size_t no_packed_x_bytes(std::size_t, std::size_t) { return 0; }
void no_pack_x(const float*, std::size_t, std::size_t, std::size_t, std::size_t, std::size_t, std::byte*) {}

std::size_t f32_k_block_bytes(std::size_t k_dim) { return k_dim * kBlock * 4; }
std::size_t bf16_k_block_bytes(std::size_t k_dim) { return k_dim * kBlock * 2; }
std::size_t f32_v_block_bytes(std::size_t v_dim) { return kBlock * round_up(v_dim, kValueLanes) * 4; }
std::size_t bf16_v_block_bytes(std::size_t v_dim) { return kBlock * round_up(v_dim, kValueLanes) * 2; }

void store_f32_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block) {
  store_k<F32>(k, k_dim, slot, block);
}
void store_bf16_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block) {
  store_k<Bf16>(k, k_dim, slot, block);
}
void store_f32_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block) {
  store_v<F32>(v, v_dim, slot, block);
}
void store_bf16_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block) {
  store_v<Bf16>(v, v_dim, slot, block);
}

}  // namespace skald::kernels
