#include "kernels/block_pack.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/float16.h"
#include "kernels/block_layout.h"
#include "skald/error.h"

namespace skald::kernels {
namespace {

using quant::BlockFormat;
using quant::BlockParts;

constexpr std::size_t kMaxGroup = 256;
constexpr std::size_t kMaxRuns = kMaxGroup / 16;
constexpr std::size_t kChunkCodes = kChunk * kPanel;

// By WeightFormat, from int8 on.
struct Row {
  const BlockLayout* layout;
  std::string_view stored;  // name of the BlockFormat
};
constexpr std::array kRows = {
    Row{&layouts::kInt8, "int8"},   Row{&layouts::kInt6, "int6"},    Row{&layouts::kInt4, "int4"},
    Row{&layouts::kQ4_0, "Q4_0"},   Row{&layouts::kQ4_1, "Q4_1"},    Row{&layouts::kQ5_0, "Q5_0"},
    Row{&layouts::kQ5_1, "Q5_1"},   Row{&layouts::kQ8_0, "Q8_0"},    Row{&layouts::kQ2_K, "Q2_K"},
    Row{&layouts::kQ3_K, "Q3_K"},   Row{&layouts::kQ4_K, "Q4_K"},    Row{&layouts::kQ5_K, "Q5_K"},
    Row{&layouts::kQ6_K, "Q6_K"},   Row{&layouts::kIq4Nl, "IQ4_NL"}, Row{&layouts::kIq4Xs, "IQ4_XS"},
    Row{&layouts::kMxfp4, "MXFP4"},
};
static_assert(kRows.size() + static_cast<std::size_t>(WeightFormat::int8) == kWeightFormats);

const Row& row_of(WeightFormat format) {
  return kRows[static_cast<std::size_t>(format) - static_cast<std::size_t>(WeightFormat::int8)];
}

// A group of one panel on its way into memory.
struct Group {
  std::array<std::array<std::uint8_t, kChunkCodes>, kMaxGroup / kChunk> codes;  // by chunk, as vectors; on end
  std::array<std::array<std::int8_t, kPanel>, kMaxRuns> scales, minimums;       // [runs][32]
  std::array<std::array<std::uint16_t, kPanel>, kMaxGroup / kChunk> tables;     // by chunk
  std::array<std::array<std::uint16_t, kPanel>, kMaxRuns> d, dmin;  // by stored block; one with super scales
};

// Place of the code of (input, output) among a chunk's vectors.
constexpr std::size_t code_at(std::size_t input, std::size_t output) {
  return (input / 4 * 2 + output / 16) * kVectorBytes + output % 16 * 4 + input % 4;
}

// The high halves of a chunk's codes, which eight neighbours share.
std::uint16_t tables_of(const std::uint8_t* codes) {
  unsigned tables = 0;
  for (std::size_t i = 0; i < kChunk / 8; ++i) tables |= static_cast<unsigned>(codes[i * 8] >> 4U) << 4 * i;
  return static_cast<std::uint16_t>(tables);
}

// One stored block of output `output`, from input `first` of the group on. Minimums change their sign: w = ... + min.
void place(const BlockLayout& layout, const BlockParts& parts, std::size_t block, std::size_t first, std::size_t output,
           Group& group) {
  std::uint8_t* to = group.codes[first / kChunk].data() + code_at(first % kChunk, output);
  for (std::size_t i = 0; i < block; i += 4, to += code_at(4, 0)) std::memcpy(to, parts.codes.data() + i, 4);
  for (std::size_t i = 0; layout.tables && i < block; i += kChunk)
    group.tables[(first + i) / kChunk][output] = tables_of(parts.codes.data() + i);
  group.d[first / block][output] = parts.d;
  group.dmin[first / block][output] = parts.dmin;
  for (std::size_t i = 0; i < block; i += layout.run) {
    const std::size_t run = (first + i) / layout.run;
    group.scales[run][output] = static_cast<std::int8_t>(parts.scales[i / quant::kGroup]);
    group.minimums[run][output] = static_cast<std::int8_t>(-parts.mins[i / quant::kGroup]);
  }
}

void store_scales(const BlockLayout& layout, const Group& group, std::byte* out) {
  const auto put = [&out](const auto& row) {
    std::memcpy(out, row.data(), sizeof(row));
    out += sizeof(row);
  };
  if (layout.scale == BlockLayout::Scale::half) {
    for (std::size_t r = 0; r < layout.runs(); ++r) put(group.d[r]);
    for (std::size_t r = 0; layout.minimums && r < layout.runs(); ++r) put(group.dmin[r]);
  } else if (layout.scale == BlockLayout::Scale::e8m0) {
    for (std::size_t r = 0; r < layout.runs(); ++r) {
      for (const std::uint16_t d : group.d[r]) *out++ = static_cast<std::byte>(d);
    }
  } else {
    put(group.d[0]);
    for (std::size_t r = 0; r < layout.runs(); ++r) put(group.scales[r]);
    if (!layout.minimums) return;
    put(group.dmin[0]);
    for (std::size_t r = 0; r < layout.runs(); ++r) put(group.minimums[r]);
  }
}

// One plane of a chunk: bits [from, from + bits) of its codes, eight of them at a time.
void store_plane(const std::uint8_t* codes, int bits, int from, std::byte* out) {
  constexpr std::size_t kWords = kVectorBytes / sizeof(std::uint64_t);
  const auto per_line = static_cast<std::size_t>(8 / bits);
  const std::uint64_t mask = 0x0101010101010101U * ((1U << bits) - 1U);
  for (std::size_t line = 0; line < kChunkVectors / per_line; ++line, out += kVectorBytes) {
    std::array<std::uint64_t, kWords> words = {};
    for (std::size_t f = 0; f < per_line; ++f, codes += kVectorBytes) {
      std::array<std::uint64_t, kWords> vector;
      std::memcpy(vector.data(), codes, kVectorBytes);
      const int to = static_cast<int>(f) * bits;
      for (std::size_t i = 0; i < kWords; ++i) words[i] |= (vector[i] >> from & mask) << to;
    }
    std::memcpy(out, words.data(), kVectorBytes);
  }
}

void store_group(const BlockLayout& layout, const Group& group, std::size_t chunks, std::byte* out) {
  store_scales(layout, group, out);
  std::byte* chunk = out + layout.chunks_at();
  for (std::size_t c = 0; c < chunks; ++c, chunk += layout.chunk_bytes()) {
    const auto low_bytes = kChunkVectors * kVectorBytes * static_cast<std::size_t>(layout.planes[0]) / 8;
    std::memcpy(chunk, group.tables[c].data(), layout.table_bytes());
    std::byte* const low = chunk + layout.table_bytes();
    store_plane(group.codes[c].data(), layout.planes[0], 0, low);
    if (layout.planes[1] > 0) store_plane(group.codes[c].data(), layout.planes[1], layout.planes[0], low + low_bytes);
  }
}

std::uint8_t load_code(const BlockLayout& layout, const std::byte* chunk, std::size_t input, std::size_t output) {
  unsigned code = 0;
  int from = 0;
  chunk += layout.table_bytes();
  for (const int bits : layout.planes) {
    if (bits == 0) break;
    const auto per_line = static_cast<std::size_t>(8 / bits);
    const std::size_t at = code_at(input, output);
    const std::size_t vector = at / kVectorBytes;
    const auto byte = static_cast<unsigned>(chunk[vector / per_line * kVectorBytes + at % kVectorBytes]);
    const auto shift = static_cast<int>(vector % per_line) * bits;
    code |= (byte >> shift & ((1U << bits) - 1U)) << from;
    from += bits;
    chunk += kChunkVectors * kVectorBytes * static_cast<std::size_t>(bits) / 8;
  }
  return static_cast<std::uint8_t>(code);
}

unsigned load_table(const std::byte* chunk, std::size_t input, std::size_t output) {
  std::uint16_t of_chunk = 0;
  std::memcpy(&of_chunk, chunk + output * 2, sizeof(of_chunk));
  return static_cast<unsigned>(of_chunk) >> input / 8 * 4 & 15U;
}

// The scale, or from `p` on the minimum, of one run of one output.
float load_scale(const BlockLayout& layout, const std::byte* p, std::size_t run, std::size_t output) {
  const auto half = [&](std::size_t index) {
    Float16 value;
    std::memcpy(&value, p + index * 2, 2);
    return to_float(value);
  };
  switch (layout.scale) {
    case BlockLayout::Scale::half: return half(run * kPanel + output);
    case BlockLayout::Scale::e8m0:
      return quant::block_scale(stored_blocks(WeightFormat::mxfp4),
                                static_cast<std::uint16_t>(p[run * kPanel + output]));
    case BlockLayout::Scale::super: break;
  }
  const auto sub_scale = static_cast<std::int8_t>(p[kPanel * 2 + run * kPanel + output]);
  return half(output) * static_cast<float>(sub_scale);
}

}  // namespace

const BlockFormat& stored_blocks(WeightFormat format) {
  static const std::array<const BlockFormat*, kRows.size()> kFound = [] {
    std::array<const BlockFormat*, kRows.size()> found = {};
    std::ranges::transform(kRows, found.begin(), [](const Row& row) { return quant::find_block_format(row.stored); });
    return found;
  }();
  return *kFound[static_cast<std::size_t>(&row_of(format) - kRows.data())];
}

std::optional<WeightFormat> find_weight_format(const BlockFormat& stored) {
  const auto* const found = std::ranges::find(kRows, stored.name, &Row::stored);
  if (found == kRows.end()) return std::nullopt;
  return static_cast<WeightFormat>(static_cast<int>(WeightFormat::int8) + (found - kRows.begin()));
}

int block_code_bits(WeightFormat format) { return row_of(format).layout->bits(); }

std::size_t block_panel_bytes(WeightFormat format, std::size_t k) { return row_of(format).layout->panel_bytes(k); }

void pack_stored_blocks(WeightFormat format, const std::byte* rows, std::size_t n_rows, std::size_t k,
                        std::byte* panel) {
  const BlockLayout& layout = *row_of(format).layout;
  const BlockFormat& stored = stored_blocks(format);
  const std::size_t blocks = (k + stored.block - 1) / stored.block;  // of a row
  const std::size_t per_group = layout.group / stored.block;
  Group group = {};
  BlockParts parts;
  for (std::size_t g = 0; g < layout.groups(k); ++g, panel += layout.group_bytes()) {
    for (std::size_t b = g * per_group; b < (g + 1) * per_group; ++b) {
      for (std::size_t row = 0; row < n_rows; ++row) {
        if (b < blocks) {
          stored.take_apart(rows + (row * blocks + b) * stored.bytes, parts);
        } else {
          parts = {};
        }
        place(layout, parts, stored.block, (b - g * per_group) * stored.block, row, group);
      }
    }
    store_group(layout, group, layout.chunks(g, k), panel);
  }
}

void pack_row_blocks(WeightFormat format, const float* row, std::size_t k, std::byte* blocks) {
  const BlockFormat& stored = stored_blocks(format);
  if (stored.pack == nullptr) throw UsageError(std::string(stored.name) + ": blocks of this format are only read");
  for (; k >= stored.block; k -= stored.block, row += stored.block, blocks += stored.bytes) stored.pack(row, blocks);
  if (k == 0) return;
  std::array<float, quant::kMaxBlock> last = {};
  std::copy_n(row, k, last.begin());
  stored.pack(last.data(), blocks);
}

void pack_block_panel(WeightFormat format, const float* rows, std::size_t n_rows, std::size_t k, std::byte* panel) {
  const BlockFormat& stored = stored_blocks(format);
  const std::size_t row_bytes = (k + stored.block - 1) / stored.block * stored.bytes;
  std::vector<std::byte> packed(n_rows * row_bytes);
  for (std::size_t i = 0; i < n_rows; ++i) pack_row_blocks(format, rows + i * k, k, packed.data() + i * row_bytes);
  pack_stored_blocks(format, packed.data(), n_rows, k, panel);
}

void unpack_block_row(WeightFormat format, const std::byte* panel, std::size_t row, std::size_t k, float* out) {
  const BlockLayout& layout = *row_of(format).layout;
  for (std::size_t first = 0; first < k; first += layout.run) {
    const std::byte* const group = panel + first / layout.group * layout.group_bytes();
    const std::size_t run = first % layout.group / layout.run;
    const float scale = load_scale(layout, group, run, row);
    const float minimum = layout.minimums ? load_scale(layout, group + layout.scale_bytes(), run, row) : 0.0F;
    for (std::size_t i = first; i < std::min(k, first + layout.run); ++i) {
      const std::size_t input = i % layout.group;
      const std::byte* const chunk = group + layout.chunks_at() + input / kChunk * layout.chunk_bytes();
      unsigned code = load_code(layout, chunk, input % kChunk, row);
      if (layout.tables) code |= load_table(chunk, input % kChunk, row) << 4U;
      const int level = layout.has_codebook() ? layout.codebook[code] : static_cast<int>(code) - layout.zero;
      out[i] = scale * static_cast<float>(level);
      if (layout.minimums) out[i] += minimum;
    }
  }
}

}  // namespace skald::kernels
