// Writes the weights of a model anew, in 8 or 4 bits: what loading with `bits` would make of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/thread_pool.h"

namespace skald::models {

struct QuantizedWeights {
  std::uint64_t bytes_before = 0;  // of all tensors
  std::uint64_t bytes_after = 0;
  int kept_matrices = 0;  // in 16 bits, because the model takes parts that would cut blocks
};

/// Reads the model in `folder` and writes its weights in `bits` of 8 or 4 to the safetensors file `out`, a few MiB at a
/// time. Throws skald::Error; the file appears only when it is complete.
QuantizedWeights quantize_weights(const std::string& folder, int bits, const std::filesystem::path& out,
                                  ThreadPool& pool, const std::function<void(double fraction)>& progress = {});

}  // namespace skald::models
