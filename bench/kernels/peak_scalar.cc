#include "kernels/isa_headers.h"
#include "peak.h"

#define SKALD_ISA scalar
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_scalar-inl.h"
#include "peak-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::scalar {
constinit const PeakLoops kPeakLoops = {fma_chains, kFlopsPerStep, read_all};
}
