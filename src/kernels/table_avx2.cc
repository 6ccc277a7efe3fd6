#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
#include "kernels/isa_headers.h"
#include "kernels/tables.h"

#define SKALD_ISA avx2
#define SKALD_ISA_TARGET "avx2,fma,f16c"
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_avx2-inl.h"
#include "kernels/table-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::avx2 {
constinit const KernelTable kTable = make_table("avx2", {CpuFeature::avx2});
}
#endif
