// What the machine can do at most, measured in the same run as the kernels: the clock of a shared machine wanders.
#pragma once

#include <cstddef>

#include "kernels/kernels.h"

namespace skald::kernels {

struct PeakLoops {
  float (*fma_chains)(const float* seeds, std::size_t steps);  // seeds [256]
  double flops_per_step;
  float (*read_all)(const float* p, std::size_t n);
};

namespace scalar {
extern const PeakLoops kPeakLoops;
}
#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
namespace avx2 {
extern const PeakLoops kPeakLoops;
}
namespace avx512 {
extern const PeakLoops kPeakLoops;
}
#endif

/// The loops of a table's vectors.
const PeakLoops& peak_loops(const KernelTable& table);

/// GFLOPS of one thread's FMAs in registers, the best of a few tries now.
double fma_peak(const KernelTable& table);

/// GB/s of one thread reading `bytes` again and again, the best of a few tries now.
double read_peak(const KernelTable& table, std::size_t bytes);

}  // namespace skald::kernels
