// Writes safetensors files piece by piece: for models made on the spot, and for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/function_ref.h"
#include "formats/dtype.h"

namespace skald {

/// What the header says of one tensor.
struct TensorSpec {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::uint64_t> shape;
};

/// Bytes of its elements. Throws LimitError where the shape overflows or fills no whole bytes.
std::uint64_t stored_bytes(const TensorSpec& tensor);

/// Fills `out` with the bytes of `tensor` from `begin` on. Called in order, at most 8 MiB at a time, whole elements.
using TensorFill = FunctionRef<void(const TensorSpec& tensor, std::uint64_t begin, std::span<std::byte> out)>;

/// Writes `path`, the tensors in the order given. The file appears only when it is complete (written beside, flushed,
/// renamed). Throws PathError where the system cannot write it, LimitError where a shape overflows.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorSpec> tensors, TensorFill fill,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace skald
