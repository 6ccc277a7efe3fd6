#include "formats/safetensors_writer.h"

#include <algorithm>

#include "base/checked.h"
#include "base/partial_file.h"
#include "json/value.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{8} << 20;

std::string make_header(std::span<const TensorSpec> tensors, const std::map<std::string, std::string>& metadata) {
  json::Object header;
  if (!metadata.empty()) {
    json::Object entries;
    for (const auto& [key, value] : metadata) entries.push_back({key, value});
    header.push_back({"__metadata__", json::Value(std::move(entries))});
  }
  std::uint64_t end = 0;
  const auto number = [](std::uint64_t n) { return json::Value(static_cast<std::int64_t>(n)); };
  for (const TensorSpec& tensor : tensors) {
    json::Array shape;
    for (const std::uint64_t n : tensor.shape) shape.push_back(number(n));
    const std::uint64_t begin = end;
    end += stored_bytes(tensor);
    header.push_back({tensor.name, json::Object{{"dtype", std::string(dtype_name(tensor.dtype))},
                                                {"shape", std::move(shape)},
                                                {"data_offsets", json::Array{number(begin), number(end)}}}});
  }
  std::string text = json::dump(json::Value(std::move(header)));
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins at a multiple of 8
  return text;
}

}  // namespace

std::uint64_t stored_bytes(const TensorSpec& tensor) {
  std::optional<std::uint64_t> bits = static_cast<std::uint64_t>(dtype_bits(tensor.dtype));
  for (const std::uint64_t n : tensor.shape) {
    if (bits) bits = checked_mul(*bits, n);
  }
  if (bits && *bits % 8 == 0) return *bits / 8;
  throw LimitError(
      ErrorFields{.field = "tensor " + quoted(tensor.name), .rule = "shape overflows or fills no whole bytes"});
}

void write_safetensors(const fs::path& path, std::span<const TensorSpec> tensors, TensorFill fill,
                       const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(tensors, metadata);
  const std::uint64_t length = header.size();
  PartialFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(header)));
  std::vector<std::byte> piece(kPiece);
  for (const TensorSpec& tensor : tensors) {
    const std::uint64_t bytes = stored_bytes(tensor);
    for (std::uint64_t begin = 0; begin < bytes; begin += kPiece) {
      const auto part =
          std::span(piece).first(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, bytes - begin)));
      fill(tensor, begin, part);
      file.write(part);
    }
  }
  file.finish();
}

}  // namespace skald
