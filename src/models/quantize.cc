#include "models/quantize.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/float16.h"
#include "formats/safetensors_blocks.h"
#include "formats/safetensors_writer.h"
#include "kernels/block_pack.h"
#include "models/config_file.h"
#include "models/registry.h"
#include "nn/weight_source.h"
#include "skald/error.h"

namespace skald::models {
namespace {

using kernels::WeightFormat;

constexpr std::size_t kSlabNumbers = std::size_t{4} << 20;  // that are held as f32 at a time

// One tensor on its way into the file, whose bytes are asked for from the first to the last.
class Rewriter {
 public:
  Rewriter(const TensorSource& source, const nn::StoragePlan& plan, ThreadPool& pool)
      : source_(source), plan_(plan), pool_(pool), format_(plan.stored_format()) {}

  // What the header says of it, and what the metadata does ("": nothing).
  [[nodiscard]] TensorSpec spec() const {
    const TensorInfo& tensor = *plan_.tensor;
    TensorSpec spec{.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape};
    if (in_blocks()) {
      spec.dtype = DType::u8;
      if (plan_.whole.part.transposed) std::swap(spec.shape.end()[-1], spec.shape.end()[-2]);
      spec.shape.back() = row_bytes();
    } else if (format_) {
      spec.dtype = *nn::dtype_of(*format_);
    }
    return spec;
  }
  [[nodiscard]] std::string blocks() const {
    return in_blocks() ? blocks_entry(stored(), plan_.whole.k, plan_.whole.part.transposed) : "";
  }

  void read(std::uint64_t begin, std::span<std::byte> out) {
    if (in_blocks()) return read_blocks(begin, out);
    const DType from = plan_.tensor->dtype;
    const DType to = spec().dtype;
    if (from == to) return source_.read(*plan_.tensor, begin, out);
    convert(from, to, begin, out);
  }

 private:
  [[nodiscard]] bool in_blocks() const { return format_ && kernels::in_blocks(*format_); }
  [[nodiscard]] const quant::BlockFormat& stored() const { return kernels::stored_blocks(*format_); }
  [[nodiscard]] std::size_t row_bytes() const {
    return (plan_.whole.k + stored().block - 1) / stored().block * stored().bytes;
  }

  // `begin` counts bytes of the result: whole elements of 2 or 4 bytes.
  void convert(DType from, DType to, std::uint64_t begin, std::span<std::byte> out) const {
    const auto size = [](DType type) { return static_cast<std::size_t>(dtype_bits(type)) / 8; };
    const std::size_t count = out.size() / size(to);
    std::vector<std::byte> bytes(count * size(from));
    source_.read(*plan_.tensor, begin / size(to) * size(from), bytes);
    std::vector<float> numbers(count);
    convert_to_float(from, bytes, numbers);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint16_t half = to == DType::f16 ? to_float16(numbers[i]).bits : to_bfloat16(numbers[i]).bits;
      if (to == DType::f32) {
        std::memcpy(out.data() + i * 4, &numbers[i], 4);
      } else {
        std::memcpy(out.data() + i * 2, &half, 2);
      }
    }
  }

  // A slab is some whole rows of one plane.
  void read_blocks(std::uint64_t begin, std::span<std::byte> out) {
    while (!out.empty()) {
      if (begin < slab_begin_ || begin >= slab_begin_ + slab_.size()) make_slab(begin);
      const auto from = static_cast<std::size_t>(begin - slab_begin_);
      const std::size_t count = std::min(out.size(), slab_.size() - from);
      std::memcpy(out.data(), slab_.data() + from, count);
      out = out.subspan(count);
      begin += count;
    }
  }

  void make_slab(std::uint64_t begin) {
    const std::size_t row = static_cast<std::size_t>(begin / row_bytes());
    nn::StoredMatrix matrix = plan_.whole;
    matrix.part.plane = row / matrix.n;
    const std::size_t first = row % matrix.n;
    const std::size_t count = std::min(matrix.n - first, std::max<std::size_t>(1, kSlabNumbers / matrix.k));
    slab_begin_ = static_cast<std::uint64_t>(row) * row_bytes();
    slab_.resize(count * row_bytes());
    pool_.parallel_for(count, 1, [&](std::size_t from, std::size_t to) {
      std::vector<float> rows((to - from) * matrix.k);
      read_matrix_rows(source_, matrix, first + from, to - from, rows.data());
      check_fits_blocks(source_, matrix, rows);
      for (std::size_t i = from; i < to; ++i) {
        kernels::pack_row_blocks(*format_, rows.data() + (i - from) * matrix.k, matrix.k,
                                 slab_.data() + i * row_bytes());
      }
    });
  }

  const TensorSource& source_;
  const nn::StoragePlan& plan_;
  ThreadPool& pool_;
  std::optional<WeightFormat> format_;
  std::uint64_t slab_begin_ = 0;
  std::vector<std::byte> slab_ = {};  // bytes [slab_begin_, slab_begin_ + size) of the result
};

// What is written, tensor by tensor.
struct FilePlan {
  std::vector<TensorSpec> specs;
  std::map<std::string, std::string> metadata{{"format", "pt"}};
  QuantizedWeights sizes;
};

FilePlan plan_file(const TensorSource& source, std::span<const nn::StoragePlan> plans, ThreadPool& pool) {
  FilePlan file;
  for (const nn::StoragePlan& plan : plans) {
    const Rewriter rewriter(source, plan, pool);
    file.specs.push_back(rewriter.spec());
    if (!rewriter.blocks().empty()) file.metadata[std::string(kBlocksKey) + plan.tensor->name] = rewriter.blocks();
    file.sizes.bytes_before += plan.tensor->bytes;
    file.sizes.bytes_after += stored_bytes(file.specs.back());
    file.sizes.kept_matrices += plan.cuts_blocks ? 1 : 0;
  }
  return file;
}

void require_original(const TensorSource& source, const TensorInfo& tensor) {
  if (tensor.block == nullptr) return;
  throw UnsupportedError({.file = source.file_of(tensor),
                          .field = tensor.name,
                          .value = std::string(tensor.block->name),
                          .rule = "is quantised already: quantise the original weights"});
}

}  // namespace

QuantizedWeights quantize_weights(const std::string& folder, int bits, const std::filesystem::path& out,
                                  ThreadPool& pool, const std::function<void(double fraction)>& progress) {
  const ConfigFile config = read_config_file(folder);
  const json::Fields fields(config.value, config.path);
  const Architecture& architecture = find_architecture(fields);
  const auto source = open_tensor_source(folder);
  nn::WeightSource weights(*source, std::string(architecture.base_prefix));
  const auto model = architecture.make(fields, weights);  // asks for every weight
  const std::vector<nn::StoragePlan> plans = weights.storage(bits);
  for (const nn::StoragePlan& plan : plans) require_original(*source, *plan.tensor);
  const FilePlan file = plan_file(*source, plans, pool);

  std::optional<Rewriter> rewriter;
  std::size_t next = 0;  // of the plans
  std::uint64_t written = 0;
  write_safetensors(
      out, file.specs,
      [&](const TensorSpec& tensor, std::uint64_t begin, std::span<std::byte> bytes) {
        while (next == 0 || plans[next - 1].tensor->name != tensor.name) rewriter.emplace(*source, plans[next++], pool);
        rewriter->read(begin, bytes);
        written += bytes.size();
        if (progress) progress(static_cast<double>(written) / static_cast<double>(file.sizes.bytes_after));
      },
      file.metadata);
  return file.sizes;
}

}  // namespace skald::models
