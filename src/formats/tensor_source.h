// Named tensors on disk, whatever the format: the weights are read from here straight into their final buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/dtype.h"

namespace skald {

/// One stored tensor. Its elements lie row-major, in PyTorch's order of dimensions.
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::uint64_t> shape;  // empty: a scalar
  int file = 0;                      // which of the source's files
  std::uint64_t offset = 0;          // of the first byte, in that file
  std::uint64_t bytes = 0;
};

/// "[2,3]".
std::string shape_text(std::span<const std::uint64_t> shape);

/// The tensors of one model. Everything about them has been checked when a source exists; only reading can still fail.
class TensorSource {
 public:
  virtual ~TensorSource() = default;

  /// All tensors, ascending by name.
  [[nodiscard]] virtual std::span<const TensorInfo> tensors() const = 0;

  /// The tensor called `name`; nullptr where there is none.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const;

  /// Fills `out` with the tensor's bytes from `begin` on. Threads may read at the same time. Throws FormatError where
  /// the file has shrunk, PathError where the system cannot read it, UsageError outside of the tensor's bytes.
  virtual void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const = 0;

  /// Path of the file that holds `tensor`.
  [[nodiscard]] virtual const std::string& file_of(const TensorInfo& tensor) const = 0;

  /// "model.safetensors" or "model.safetensors.index.json (3 shards)".
  [[nodiscard]] virtual std::string describe() const = 0;
};

/// Opens the weights of a model folder: model.safetensors, else the shards of model.safetensors.index.json; what else
/// lies there is named in a notice. A path to one weight file (or to an index) opens just that. Throws PathError where
/// there are no weights, UnsupportedError where there are only weights of other formats, FormatError and LimitError for
/// malformed ones.
std::unique_ptr<TensorSource> open_tensor_source(const std::filesystem::path& path);

}  // namespace skald
