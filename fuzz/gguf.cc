// Any bytes as a GGUF file: it is refused with a clean error, or every tensor lies inside it and can be read.
#include "formats/gguf.h"

#include <vector>

#include "support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skald;
  const fuzz::MemoryFile file(fuzz::as_text(data, size));
  fuzz::expect_clean_errors([&] {
    const auto source = open_gguf(file.path());
    for (const GgufEntry& entry : source->metadata()) fuzz::require(source->find_entry(entry.key) == &entry);
    std::uint64_t total = 0;
    for (const TensorInfo& tensor : source->tensors()) {
      total += tensor.bytes;
      fuzz::require(total <= size && source->find(tensor.name) == &tensor);
      std::vector<std::byte> bytes(tensor.bytes);
      source->read(tensor, 0, bytes);
    }
    static_cast<void>(source->get_integer("general.alignment"));
    static_cast<void>(source->get_text("general.architecture"));
  });
  return 0;
}
