// Activations in blocks of signed bytes (block_x.h) as A tiles: what products of blocks on tiles take.
//
//   packed x   tiles [blocks of 512 inputs][ceil(m / 16)][tiles of 64 inputs][16][64] bytes q, zero beyond m,
//              then of each row f32 scales [blocks] and i32 sums of -q, as they end a row of block_x.h
//
// A tile whose rows lie beside one another is loaded in half the time of one whose rows are apart.

namespace skald::kernels::SKALD_ISA {
namespace {

inline constexpr std::size_t kFewestTileRows = 8;  // below, vectors wait for memory anyway

/// Where the parts of packed x of m rows and k inputs lie.
class TiledX {
 public:
  TiledX(std::size_t m, std::size_t k, std::size_t block) : form_(k, block), m_(m) {}

  [[nodiscard]] const BlockX& form() const { return form_; }
  /// Of the tile with row `row` (a multiple of 16) and input `input` (one of 64).
  [[nodiscard]] std::size_t tile_at(std::size_t row, std::size_t input) const {
    return packed_tile_at(m_, tiles(), row / kTileRows, input / kTileRowBytes);
  }
  /// Of one byte.
  [[nodiscard]] std::size_t byte_at(std::size_t row, std::size_t input) const {
    return tile_at(row, input) + row % kTileRows * kTileRowBytes + input % kTileRowBytes;
  }
  [[nodiscard]] std::size_t scales_at(std::size_t row) const { return tail_at(row); }
  [[nodiscard]] std::size_t sums_at(std::size_t row) const { return tail_at(row) + form_.blocks * sizeof(float); }
  [[nodiscard]] std::size_t tail_bytes() const { return form_.tail_bytes(); }
  [[nodiscard]] std::size_t bytes() const { return ceil_div(tail_at(m_), 64) * 64; }

 private:
  [[nodiscard]] std::size_t tiles() const { return ceil_div(form_.scales_at(), kTileRowBytes); }
  [[nodiscard]] std::size_t tail_at(std::size_t row) const {
    return ceil_div(m_, kTileRows) * tiles() * kTileBytes + row * tail_bytes();
  }

  BlockX form_;
  std::size_t m_;
};

template <std::size_t kBlock>
void pack_tiled_row(const TiledX& tiled, const float* x, std::size_t k, std::size_t row, std::byte* out) {
  auto* const scales = reinterpret_cast<float*>(out + tiled.scales_at(row));
  auto* const sums = reinterpret_cast<std::int32_t*>(out + tiled.sums_at(row));
  alignas(64) std::int8_t q[kBlock];
  for (std::size_t b = 0; b < tiled.form().blocks; ++b) {
    const std::size_t first = b * kBlock;
    pack_x_block<kBlock>(x + first, std::min(kBlock, k - first), q, scales + b,
                         sums + b * BlockX::sums_per_block(kBlock));
    constexpr std::size_t kPart = std::min(kBlock, kTileRowBytes);
    for (std::size_t i = 0; i < kBlock; i += kPart) std::memcpy(out + tiled.byte_at(row, first + i), q + i, kPart);
  }
}

template <std::size_t kBlock>
std::size_t tiled_x_bytes(std::size_t m, std::size_t k) {
  return m < kFewestTileRows ? block_x_bytes<kBlock>(m, k) : TiledX(m, k, kBlock).bytes();
}

/// Few rows are packed for the products without tiles.
template <std::size_t kBlock>
void pack_tiled_x(const float* x, std::size_t x_stride, std::size_t k, std::size_t row_begin, std::size_t row_end,
                  std::size_t m, std::byte* out) {
  if (m < kFewestTileRows) return pack_block_x<kBlock>(x, x_stride, k, row_begin, row_end, m, out);
  const TiledX tiled(m, k, kBlock);
  for (std::size_t row = row_begin; row < row_end; ++row)
    pack_tiled_row<kBlock>(tiled, x + row * x_stride, k, row, out);
  if (row_end < m) return;
  for (std::size_t row = m; row % kTileRows != 0; ++row) {
    for (std::size_t i = 0; i < tiled.form().scales_at(); i += kTileRowBytes)
      std::memset(out + tiled.byte_at(row, i), 0, kTileRowBytes);
  }
}

}  // namespace
}  // namespace skald::kernels::SKALD_ISA
