// Panels of weights in blocks (block_layout.h): filled from the blocks of src/quant, read back row by row.
#pragma once

#include <cstddef>
#include <optional>

#include "kernels/kernels.h"
#include "quant/block_format.h"

namespace skald::kernels {

/// Whether `format` is one of blocks.
constexpr bool in_blocks(WeightFormat format) { return format >= WeightFormat::int8; }

/// The format that computes with stored blocks as they are; nothing where none does.
std::optional<WeightFormat> find_weight_format(const quant::BlockFormat& stored);

/// Bits of a weight's code.
int block_code_bits(WeightFormat format);

/// What the blocks of `format` look like where they are stored. `format` is one of blocks.
const quant::BlockFormat& stored_blocks(WeightFormat format);

/// One row of f32 [k] as ceil(k / block) stored blocks, rounded as BlockFormat::pack does; the last one ends with
/// zeros. UsageError where the format cannot be made.
void pack_row_blocks(WeightFormat format, const float* row, std::size_t k, std::byte* blocks);

std::size_t block_panel_bytes(WeightFormat format, std::size_t k);

/// Fills one panel from stored rows: n_rows <= kPanel times ceil(k / block) blocks, without gaps. Nothing is rounded.
void pack_stored_blocks(WeightFormat format, const std::byte* rows, std::size_t n_rows, std::size_t k,
                        std::byte* panel);

/// The same from f32 [n_rows, k], as pack_row_blocks makes blocks of them.
void pack_block_panel(WeightFormat format, const float* rows, std::size_t n_rows, std::size_t k, std::byte* panel);

/// Row `row` of a panel as f32 [k]: the values of BlockFormat::unpack.
void unpack_block_row(WeightFormat format, const std::byte* panel, std::size_t row, std::size_t k, float* out);

}  // namespace skald::kernels
