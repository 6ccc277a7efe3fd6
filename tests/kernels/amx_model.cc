// The AMX table's kernels on the software model of tiles and the scalar Vec: what they compute, and the layouts that
// they read, are tested on every machine.
#include <cstdlib>

#include "kernels/isa_headers.h"
#include "kernels/scratch.h"
#include "support.h"

#define SKALD_ISA amx_model
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_scalar-inl.h"
#include "kernels/table-inl.h"
#include "kernels/bf16_x-inl.h"
#include "kernels/tile-inl.h"
#include "kernels/tile_gemm-inl.h"
#include "kernels/tile_attention-inl.h"
#include "kernels/tile_block_x-inl.h"
#include "kernels/tile_block_gemm-inl.h"
#include "kernels/tile_table-inl.h"
#include "model_tiles-inl.h"
#include "wrong_tiles-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::amx_model {
constinit const KernelTable kTable = make_table<TileProducts<ModelTiles>>("amx_model", {}, tiles_work<ModelTiles>);
constinit const std::array<bool (*)(), 2> kWrongTilesWork = {tiles_work<WrongBytes>, tiles_work<WrongBf16>};
}  // namespace skald::kernels::amx_model
