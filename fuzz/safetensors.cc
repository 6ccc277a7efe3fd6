// Any bytes as a safetensors file: it is refused with a clean error, or every tensor lies inside it and can be read; so
// are pairs of tensors that are one weight.
#include "formats/safetensors.h"

#include <vector>

#include "formats/mxfp4_pairs.h"
#include "support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skald;
  const fuzz::MemoryFile file(fuzz::as_text(data, size));
  fuzz::expect_clean_errors([&] {
    const auto source = open_safetensors(file.path());
    std::uint64_t total = 0;
    for (const TensorInfo& tensor : source->tensors()) {
      total += tensor.bytes;
      fuzz::require(total <= size && source->find(tensor.name) == &tensor);
      std::vector<std::byte> bytes(tensor.bytes);
      source->read(tensor, 0, bytes);
      if (!converts_to_float(tensor.dtype)) continue;
      std::vector<float> values(bytes.size() * 8 / static_cast<std::size_t>(dtype_bits(tensor.dtype)));
      convert_to_float(tensor.dtype, bytes, values);
    }
  });
  fuzz::expect_clean_errors([&] {
    const auto source = with_mxfp4_pairs(open_safetensors(file.path()));
    for (const TensorInfo& tensor : source->tensors()) {
      const StoredUnit unit = stored_unit(tensor);
      fuzz::require(tensor.bytes <= size && (tensor.block == nullptr || tensor.bytes % unit.bytes == 0));
      std::vector<std::byte> bytes(tensor.bytes);
      source->read(tensor, 0, bytes);
      if (tensor.block == nullptr) continue;
      std::vector<float> values(bytes.size() / unit.bytes * unit.numbers);
      read_floats(tensor, bytes, values);
    }
  });
  return 0;
}
