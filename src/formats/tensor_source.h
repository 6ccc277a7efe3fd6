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
#include "quant/block_format.h"

namespace skald {

/// One stored tensor. Its elements lie row-major, in PyTorch's order of dimensions.
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;                   // of the elements; u8 where `block` is given
  const quant::BlockFormat* block = nullptr;  // not null: rows are runs of these blocks, along the last dimension
  std::vector<std::uint64_t> shape;           // empty: a scalar
  bool transposed = false;                    // the last two dimensions are stored the other way round
  int file = 0;                               // which of the source's files
  std::uint64_t offset = 0;                   // of the first byte, in that file
  std::uint64_t bytes = 0;
};

/// "BF16", "Q4_K".
std::string_view stored_type_name(const TensorInfo& tensor);

/// Whether it holds numbers that can be weights: floating-point ones of 8 bits and more, or blocks.
bool holds_floats(const TensorInfo& tensor);

/// What is stored together: one element, or a block.
struct StoredUnit {
  std::size_t numbers = 1;
  std::size_t bytes = 0;
};
StoredUnit stored_unit(const TensorInfo& tensor);

/// As convert_to_float(), of whole units of a tensor for which holds_floats(); out [stored.size() / unit bytes * unit
/// numbers].
void read_floats(const TensorInfo& tensor, std::span<const std::byte> stored, std::span<float> out);

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
/// lies there is named in a notice. A path to one weight file (or to an index) opens just that; GGUF files appear under
/// the names of the checkpoint that they were made from. Throws PathError where
/// there are no weights, UnsupportedError where there are only weights of other formats, FormatError and LimitError for
/// malformed ones.
std::unique_ptr<TensorSource> open_tensor_source(const std::filesystem::path& path);

}  // namespace skald
