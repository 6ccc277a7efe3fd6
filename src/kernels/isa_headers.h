// Everything that the -inl.h files use, included before the region that begin_isa.h opens.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/cpu_features.h"
#include "base/float16.h"
#include "kernels/block_layout.h"
#include "kernels/block_x.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"
