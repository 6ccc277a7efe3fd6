// Positions as sines and cosines that no file holds.
#pragma once

#include <cstdint>
#include <vector>

namespace skald::models {

/// [n, width] sines, then cosines, of position / 10000^(2i / width), https://arxiv.org/abs/1706.03762 , computed in
/// f64.
std::vector<float> sines(std::int64_t n, std::int64_t width);

/// [n, width] as fairseq has them: frequencies fall to 1 / 10000 in the last column, computed in f32. width >= 4; the
/// last of an odd number of columns is 0.
std::vector<float> sines_of_fairseq(std::int64_t n, std::int64_t width);

}  // namespace skald::models
