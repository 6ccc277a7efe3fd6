// Counts what the whole program allocates.
#pragma once

#include <cstddef>

namespace skald::test {

/// Calls of operator new so far, in all threads.
std::size_t allocation_count();

}  // namespace skald::test
