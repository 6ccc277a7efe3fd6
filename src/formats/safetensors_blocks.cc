#include "formats/safetensors_blocks.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <system_error>

#include "base/checked.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::string_view kOf = " of ";
constexpr std::string_view kTransposed = " transposed";

void apply(const std::string& file, const std::string& entry, TensorInfo& tensor) {
  const std::string name = skald::quoted(tensor.name);
  const auto fail = [&](const std::string& rule) {
    throw FormatError(ErrorFields{.file = file, .field = "tensor " + name, .rule = rule});
  };
  std::string_view rest = entry;
  const std::string_view format_name = rest.substr(0, rest.find(kOf));
  const quant::BlockFormat* const format = quant::find_block_format(format_name);
  if (format == nullptr) {
    throw UnsupportedError(ErrorFields{.file = file,
                                       .field = "__metadata__ of tensor " + name,
                                       .value = skald::quoted(entry),
                                       .rule = "names no format of blocks that this version knows"});
  }
  rest.remove_prefix(std::min(rest.size(), format_name.size() + kOf.size()));
  std::uint64_t inputs = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), inputs);
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (error != std::errc() || !(rest.empty() || rest == kTransposed)) {
    fail("__metadata__ says " + skald::quoted(entry) + ", not \"FORMAT of INPUTS\"");
  }
  const std::uint64_t blocks = inputs / format->block + (inputs % format->block > 0 ? 1 : 0);
  const auto row_bytes = checked_mul(blocks, format->bytes);
  if (tensor.dtype != DType::u8 || tensor.shape.size() < 2 || inputs == 0 || tensor.shape.back() != row_bytes) {
    fail("has " + shape_text(tensor.shape) + " " + std::string(dtype_name(tensor.dtype)) + ", __metadata__ says " +
         skald::quoted(entry) + ": rows of " + (row_bytes ? std::to_string(*row_bytes) : "too many") + " bytes, U8");
  }
  tensor.block = format;
  tensor.shape.back() = inputs;
  tensor.transposed = !rest.empty();
  if (tensor.transposed) std::swap(tensor.shape.end()[-1], tensor.shape.end()[-2]);
}

}  // namespace

std::string blocks_entry(const quant::BlockFormat& format, std::uint64_t inputs, bool transposed) {
  return std::string(format.name) + std::string(kOf) + std::to_string(inputs) +
         std::string(transposed ? kTransposed : "");
}

void apply_block_metadata(const std::string& file, const json::Value& metadata, std::vector<TensorInfo>& tensors) {
  std::map<std::string_view, TensorInfo*> by_name;  // a header may hold a hundred thousand entries
  for (TensorInfo& tensor : tensors) by_name[tensor.name] = &tensor;
  for (const json::Member& member : metadata.as_object()) {
    if (!member.key.starts_with(kBlocksKey)) continue;
    const auto tensor = by_name.find(std::string_view(member.key).substr(kBlocksKey.size()));
    if (tensor == by_name.end()) {
      throw FormatError(
          ErrorFields{.file = file, .field = "__metadata__[" + quoted(member.key) + "]", .rule = "names no tensor"});
    }
    apply(file, member.value.as_string(), *tensor->second);
  }
}

}  // namespace skald
