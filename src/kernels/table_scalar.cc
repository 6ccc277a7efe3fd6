#include "kernels/isa_headers.h"
#include "kernels/tables.h"

#define SKALD_ISA scalar
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_scalar-inl.h"
#include "kernels/table-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::scalar {
constinit const KernelTable kTable = make_table("scalar", {});
}
