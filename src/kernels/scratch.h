// Memory that a kernel keeps from call to call, beyond what fits on a stack.
#pragma once

#include <cstddef>

namespace skald::kernels {

/// At least `floats` floats of this thread, aligned to 64 bytes; what is in them is what the last user left. Grows at
/// the first calls only.
float* scratch(std::size_t floats);

}  // namespace skald::kernels
