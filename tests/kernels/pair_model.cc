// The kernels of AVX512-BF16 on the scalar Vec: its dot_pair says in plain C++ what VDPBF16PS computes.
#include "kernels/isa_headers.h"
#include "support.h"

#define SKALD_ISA pair_model
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_scalar-inl.h"
#include "kernels/table-inl.h"
#include "kernels/bf16_x-inl.h"
#include "kernels/pair_attention-inl.h"
#include "kernels/pair_gemm-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::pair_model {
constinit const KernelTable kTable = make_table<PairProducts>("pair_model", {});
}
