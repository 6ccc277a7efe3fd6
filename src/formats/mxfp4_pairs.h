// Checkpoints in MXFP4 (gpt-oss) keep a weight `w` [..., inputs, outputs] as two tensors of bytes: `w_blocks` [...,
// outputs, inputs / 32, 16] and `w_scales` [..., outputs, inputs / 32]. Reference:
// transformers/integrations/mxfp4.py, convert_moe_packed_tensors.
#pragma once

#include <memory>

#include "formats/tensor_source.h"

namespace skald {

/// `source` with one tensor `w` in blocks, stored transposed, in the place of each such pair. Throws FormatError for
/// blocks and scales that do not belong together.
std::unique_ptr<TensorSource> with_mxfp4_pairs(std::unique_ptr<TensorSource> source);

}  // namespace skald
