#if defined(__x86_64__) && !defined(SKALD_PORTABLE)
#include "kernels/isa_headers.h"
#include "kernels/tables.h"

#define SKALD_ISA avx512bf16
#define SKALD_VNNI
#define SKALD_VBMI
#define SKALD_BF16
#define SKALD_ISA_TARGET "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512cd,avx512vnni,avx512vbmi,avx512bf16"
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_avx512-inl.h"
#include "kernels/table-inl.h"
#include "kernels/bf16_x-inl.h"
#include "kernels/pair_attention-inl.h"
#include "kernels/pair_gemm-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::avx512bf16 {
constinit const KernelTable kTable = make_table<PairProducts>(
    "avx512bf16", {CpuFeature::avx2, CpuFeature::avx512, CpuFeature::avx512_vnni, CpuFeature::avx512_bf16});
}
#endif
