// What the files that hold the rows of the option table share.
#pragma once

#include <span>

#include "decode/options.h"

namespace skald::decode {

inline constexpr double kLongest = 1 << 24;  // tokens
inline constexpr double kLargestId = (1 << 24) - 1;
inline constexpr double kInt32Max = 2147483647;
inline constexpr double kInt53 = 9007199254740991;  // what every JSON reader keeps exact

/// The second part of option_table().
std::span<const Option> strategy_options();

}  // namespace skald::decode
