// What the codes of the IQ1, IQ2 and IQ3 formats stand for: rows of levels, as ggml has them. Made by
// tools/make_iq_grids.py.
#pragma once

#include <array>
#include <cstdint>

namespace skald::quant {

// 8 levels of 2 bits, the first in the lowest: 0, 1, 2 are 8, 25, 43.
extern const std::array<std::uint16_t, 256> kIq2XxsGrid;
extern const std::array<std::uint16_t, 512> kIq2XsGrid;
extern const std::array<std::uint16_t, 1024> kIq2SGrid;
// 4 levels of 3 bits: 0 ... 7 are 4, 12, 20, 28, 36, 44, 52, 62.
extern const std::array<std::uint16_t, 256> kIq3XxsGrid;
// 4 levels of 3 bits: 0 ... 7 are 1, 3, 5, 7, 9, 11, 13, 15.
extern const std::array<std::uint16_t, 512> kIq3SGrid;
// 8 levels of 2 bits: 0, 1, 2 are -1, 0, 1.
extern const std::array<std::uint16_t, 2048> kIq1Grid;

}  // namespace skald::quant
