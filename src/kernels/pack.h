// Layouts of packed weights and of key and value blocks, the same for every table, and the code that fills them.
//
//   f32 panel    [k][32] float
//   f16 panel    [k][32] half
//   bf16 panel   [k / 2][32][2] bfloat16, k rounded up to 32: two neighbouring inputs of one output lie together, and
//                32 inputs by 16 outputs are one tile of the AMX product
//   blocks       block_layout.h
//   K block      [k_dim][32] float or int8: positions run along the vector
//                [k_dim / 2][32][2] bfloat16, k_dim rounded up to 2
//   V block      [32][v_dim rounded up to 16] float or int8
//                [16][v_dim rounded up to 16][2] bfloat16: two neighbouring positions lie together
//
// A block of int8 ends with scales [32] float, by position: level * scale is the number. Levels are -127 .. 127, the
// largest magnitude of a key or value is 127.
//
// Padding inside a panel and of a key is zero; padding inside a V block is never looked at.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"

namespace skald::kernels {

/// Bytes of one panel of k inputs: a multiple of 64.
std::size_t panel_bytes(WeightFormat format, std::size_t k);

/// Packs n_rows <= kPanel rows of W, given as f32 [n_rows, k], into one panel; missing rows become zeros. Exact for
/// values that the format can hold, else rounded to nearest even; blocks as their file in src/quant says.
void pack_panel(WeightFormat format, const float* rows, std::size_t n_rows, std::size_t k, std::byte* panel);

/// The same of rows as they are stored: numbers of the format's type, aligned as these are, or its blocks.
void pack_stored_panel(WeightFormat format, const std::byte* rows, std::size_t n_rows, std::size_t k, std::byte* panel);

/// The inverse of pack_panel: row `row` of the panel as f32 [k]; of blocks exactly the values that they stand for.
void unpack_row(WeightFormat format, const std::byte* panel, std::size_t row, std::size_t k, float* out);

/// For the kernels that read x itself.
std::size_t no_packed_x_bytes(std::size_t m, std::size_t k);
void no_pack_x(const float* x, std::size_t x_stride, std::size_t k, std::size_t row_begin, std::size_t row_end,
               std::size_t m, std::byte* out);

std::size_t f32_k_block_bytes(std::size_t k_dim);
std::size_t bf16_k_block_bytes(std::size_t k_dim);
std::size_t int8_k_block_bytes(std::size_t k_dim);
std::size_t f32_v_block_bytes(std::size_t v_dim);
std::size_t bf16_v_block_bytes(std::size_t v_dim);
std::size_t int8_v_block_bytes(std::size_t v_dim);

/// Where the scales of a block of int8 begin.
std::size_t int8_k_scales(std::size_t k_dim);
std::size_t int8_v_scales(std::size_t v_dim);

void store_f32_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block);
void store_bf16_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block);
void store_int8_k(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block);
void store_f32_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block);
void store_bf16_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block);
void store_int8_v(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block);

}  // namespace skald::kernels
