#include "formats/mxfp4_pairs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "quant/mxfp4.h"
#include "skald/error.h"

namespace skald {
namespace {

using quant::Mxfp4Block;
using quant::Mxfp4GgmlBlock;

constexpr std::string_view kBlocks = "_blocks";
constexpr std::string_view kScales = "_scales";

// Where a tensor of the model lies.
struct Origin {
  const TensorInfo* stored = nullptr;
  const TensorInfo* scales = nullptr;  // not null: `stored` holds the blocks that they scale
};

struct NamedTensor {
  TensorInfo info;
  Origin origin;
};

class PairedTensors final : public TensorSource {
 public:
  // `tensors` ascend by name.
  PairedTensors(std::unique_ptr<TensorSource> source, std::vector<NamedTensor> tensors) : source_(std::move(source)) {
    for (NamedTensor& tensor : tensors) {
      tensors_.push_back(std::move(tensor.info));
      origins_.push_back(tensor.origin);
    }
  }

  std::span<const TensorInfo> tensors() const override { return tensors_; }
  const std::string& file_of(const TensorInfo& tensor) const override {
    return source_->file_of(*origin_of(tensor).stored);
  }
  std::string describe() const override { return source_->describe(); }

  void read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const override {
    const Origin& origin = origin_of(tensor);
    if (origin.scales == nullptr) return source_->read(*origin.stored, begin, out);
    if (begin % sizeof(Mxfp4GgmlBlock) != 0 || out.size() % sizeof(Mxfp4GgmlBlock) != 0) {
      throw UsageError("tensor " + skald::quoted(tensor.name) + " is read by whole blocks");
    }
    const std::uint64_t first = begin / sizeof(Mxfp4GgmlBlock);
    std::vector<Mxfp4Block> blocks(out.size() / sizeof(Mxfp4GgmlBlock));
    std::vector<std::uint8_t> scales(blocks.size());
    source_->read(*origin.stored, first * sizeof(Mxfp4Block), std::as_writable_bytes(std::span(blocks)));
    source_->read(*origin.scales, first, std::as_writable_bytes(std::span(scales)));
    refuse_nan(*origin.scales, scales);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const Mxfp4GgmlBlock block = quant::to_ggml(blocks[i], scales[i]);
      std::memcpy(out.data() + i * sizeof block, &block, sizeof block);
    }
  }

 private:
  [[nodiscard]] const Origin& origin_of(const TensorInfo& tensor) const {
    return origins_[static_cast<std::size_t>(&tensor - tensors_.data())];
  }

  void refuse_nan(const TensorInfo& tensor, std::span<const std::uint8_t> scales) const {
    if (std::ranges::find(scales, quant::kMxfp4Nan) == scales.end()) return;
    throw FormatError({.file = source_->file_of(tensor),
                       .field = "tensor " + skald::quoted(tensor.name),
                       .value = std::to_string(quant::kMxfp4Nan),
                       .rule = "a scale is NaN: the file is damaged, fetch it again"});
  }

  std::unique_ptr<TensorSource> source_;
  std::vector<TensorInfo> tensors_;
  std::vector<Origin> origins_;  // of each
};

// The other tensor of a pair, or nullptr.
const TensorInfo* partner(const TensorSource& source, const std::string& name, std::string_view from,
                          std::string_view to) {
  if (!name.ends_with(from)) return nullptr;
  return source.find(name.substr(0, name.size() - from.size()) + std::string(to));
}

TensorInfo joined(const TensorSource& source, const TensorInfo& blocks, const TensorInfo& scales) {
  std::vector<std::uint64_t> wanted = scales.shape;
  wanted.push_back(sizeof(Mxfp4Block));
  const bool bytes = blocks.dtype == DType::u8 && scales.dtype == DType::u8;
  if (!bytes || scales.shape.size() < 2 || blocks.shape != wanted) {
    throw FormatError({.file = source.file_of(scales),
                       .field = "tensor " + skald::quoted(scales.name),
                       .value = shape_text(scales.shape) + " " + std::string(dtype_name(scales.dtype)),
                       .rule = "must be U8 and have one number for each 16 bytes of " + skald::quoted(blocks.name) +
                               ", " + shape_text(blocks.shape) + " " + std::string(dtype_name(blocks.dtype))});
  }
  TensorInfo tensor = blocks;
  tensor.name.resize(blocks.name.size() - kBlocks.size());
  tensor.block = quant::find_block_format("MXFP4");
  tensor.shape = scales.shape;
  tensor.shape.back() *= Mxfp4Block::kNumbers;
  std::swap(tensor.shape.end()[-1], tensor.shape.end()[-2]);
  tensor.transposed = true;
  tensor.bytes = scales.bytes * sizeof(Mxfp4GgmlBlock);
  return tensor;
}

}  // namespace

std::unique_ptr<TensorSource> with_mxfp4_pairs(std::unique_ptr<TensorSource> source) {
  const auto is_blocks = [&](const TensorInfo& t) { return partner(*source, t.name, kBlocks, kScales) != nullptr; };
  if (std::ranges::none_of(source->tensors(), is_blocks)) return source;
  std::vector<NamedTensor> tensors;
  for (const TensorInfo& tensor : source->tensors()) {
    if (partner(*source, tensor.name, kScales, kBlocks) != nullptr) continue;
    const TensorInfo* const scales = partner(*source, tensor.name, kBlocks, kScales);
    tensors.push_back({.info = scales == nullptr ? tensor : joined(*source, tensor, *scales),
                       .origin = {.stored = &tensor, .scales = scales}});
  }
  const auto name_of = [](const NamedTensor& t) -> const std::string& { return t.info.name; };
  std::ranges::sort(tensors, {}, name_of);
  const auto twice = std::ranges::adjacent_find(tensors, {}, name_of);
  if (twice != tensors.end()) {
    throw FormatError({.file = source->file_of(*twice->origin.stored),
                       .field = "tensor " + skald::quoted(twice->info.name),
                       .rule = "is there twice: as numbers, and as blocks and scales"});
  }
  return std::make_unique<PairedTensors>(std::move(source), std::move(tensors));
}

}  // namespace skald
