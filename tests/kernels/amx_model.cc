// The AMX table's kernels on the software model of tiles and the scalar Vec: what they compute, and the layouts that
// they read, are tested on every machine.
#include "kernels/isa_headers.h"
#include "support.h"

#define SKALD_ISA amx_model
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_scalar-inl.h"
#include "kernels/table-inl.h"
#include "kernels/tile-inl.h"
#include "kernels/tile_gemm-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::amx_model {
constinit const KernelTable kTable = make_table("amx_model", {}, kTileBf16Gemm<ModelTiles>);
}
