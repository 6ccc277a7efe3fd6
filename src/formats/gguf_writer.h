// Writes small GGUF files: texts, numbers and tensors of f32.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace skald {

/// One key of the metadata; numbers are stored as u32.
struct GgufField {
  std::string key;
  std::variant<std::string, std::uint32_t> value;
};

/// A tensor of f32, row-major, in PyTorch's order of dimensions.
struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> shape;
  std::span<const float> values;  // as many as the shape says; UsageError otherwise
};

/// Writes `path`, version 3, in the order given. The file appears only when it is complete. Throws PathError where the
/// system cannot write it.
void write_gguf(const std::filesystem::path& path, std::span<const GgufField> metadata,
                std::span<const GgufTensor> tensors);

}  // namespace skald
