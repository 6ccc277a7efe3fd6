// Counts the allocations of this program. In a file of its own, so that no compiler pairs new and free by inlining.
#pragma once

#include <cstddef>

namespace skald::models {
/// Calls of operator new so far, in all threads.
std::size_t allocation_count();
}  // namespace skald::models
