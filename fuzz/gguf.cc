// Any bytes as a GGUF file: it is refused with a clean error, or every tensor lies inside it and can be read, under its
// own name and under the checkpoint's; its metadata gives a configuration and a tokenizer, or a clean error.
#include "formats/gguf.h"

#include <vector>

#include "formats/gguf_model.h"
#include "formats/gguf_tokenizer.h"
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
  });
  fuzz::expect_clean_errors([&] { static_cast<void>(read_gguf_config(*open_gguf(file.path()))); });
  fuzz::expect_clean_errors([&] { static_cast<void>(read_gguf_tokenizer(*open_gguf(file.path()))); });
  fuzz::expect_clean_errors([&] {
    const auto weights = open_gguf_weights(file.path());
    for (const TensorInfo& tensor : weights->tensors()) {
      fuzz::require(tensor.bytes <= size);
      std::vector<std::byte> bytes(tensor.bytes);
      weights->read(tensor, 0, bytes);
    }
  });
  return 0;
}
