// How each matrix of a model is held in memory, from what is asked for and what the matrix is for.
#pragma once

#include <cstddef>
#include <optional>

#include "formats/tensor_source.h"
#include "kernels/kernels.h"

namespace skald::nn {

/// What a matrix is for, as far as its precision goes.
struct MatrixUse {
  bool product = false;    // a Linear multiplies by it
  bool looked_up = false;  // its rows are read one by one: an embedding
  bool factor = false;     // parts of it multiply within attention
  bool routes = false;     // it chooses experts
  bool scores = false;     // it makes the logits
  bool values = false;     // it makes the values of attention, fewer than its inputs
  bool early = false;      // it is of the first layer, beside attention
};

/// The format for a matrix stored as `tensor`, with `bits` of 32, 16, 8 or 4, or 0: as stored.
///
/// In 8 bits all that matters for speed is int8. In 4 bits the logits' matrix, embeddings and the first layer's
/// feed-forward are int6, values that many queries share are int8 and the rest is int4: measured by how far the output
/// distribution of a trained model moves per bit. Embeddings that are only looked up have 8 bits at least, factors and
/// routers 16: they weigh little.
kernels::WeightFormat weight_format(const TensorInfo& tensor, const MatrixUse& use, int bits);

/// The type of its numbers, if `format` holds them one by one and not in blocks.
std::optional<DType> dtype_of(kernels::WeightFormat format);

/// 32, 16, 8, 6, 5, 4, 3 or 2: bits of a weight's code in `format`.
int code_bits(kernels::WeightFormat format);

}  // namespace skald::nn
