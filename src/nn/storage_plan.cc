#include "nn/storage_plan.h"

#include "kernels/block_pack.h"
#include "nn/weight_precision.h"

namespace skald::nn {

using kernels::WeightFormat;

void StoragePlan::add(const StoredMatrix& part, WeightFormat wanted) {
  if (!format || code_bits(wanted) > code_bits(*format)) format = wanted;
  whole = {.tensor = part.tensor,
           .part = {.planes = part.part.planes, .transposed = part.part.transposed},
           .n = part.part.stored_outputs(part.n),
           .k = part.part.stored_inputs(part.k)};
  if (kernels::in_blocks(wanted) && !part.part.whole_blocks(part.k, kernels::stored_blocks(wanted).block)) {
    cuts_blocks = true;
  }
}

std::optional<WeightFormat> StoragePlan::stored_format() const {
  return cuts_blocks && format && kernels::in_blocks(*format) ? WeightFormat::bf16 : format;
}

}  // namespace skald::nn
