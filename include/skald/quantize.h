// Writing a model anew with smaller weights.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "skald/export.h"

namespace skald {

struct QuantizeOptions {
  int bits = 4;            // 8 or 4
  int threads = 0;         // 0: as many as the process may use
  bool overwrite = false;  // where the folder has weights already
  std::function<void(double fraction)> progress = {};
};

struct QuantizeResult {
  std::uint64_t bytes_before = 0;  // of all tensors
  std::uint64_t bytes_after = 0;
  int kept_matrices = 0;  // stored in 16 bits: the model takes parts that would cut blocks
};

/// Writes the model folder `path` to the folder `out`, its weights in blocks of our own formats (docs/precision.md): a
/// model that loads as the original does with LoadOptions::bits, to the bit, only faster and from a smaller file. What
/// else lies in the folder (tokenizer, chat template, settings) is copied; config.json gets a quantization_config.
/// Throws OptionError for other bits, PathError where `out` cannot be written, is `path` or has weights already,
/// UnsupportedError for a GGUF file or a model that is quantised already, and what Model::load throws.
SKALD_API QuantizeResult quantize(const std::string& path, const std::string& out, const QuantizeOptions& options = {});

}  // namespace skald
