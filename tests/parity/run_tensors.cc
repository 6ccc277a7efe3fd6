// Prints the tensors of files of weights, for tests/parity/test_torch_checkpoints.py: of each file a line with its
// name, of each tensor one with type, shape and bytes in hexadecimal. A refusal is a line that begins with "refused: ".
#include <algorithm>
#include <cstdio>
#include <span>
#include <vector>

#include "formats/tensor_source.h"
#include "skald/error.h"

namespace {

void print(const skald::TensorSource& source, const skald::TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor.bytes);
  source.read(tensor, 0, bytes);
  std::printf("%s %s %s%s ", tensor.name.c_str(), std::string(skald::stored_type_name(tensor)).c_str(),
              skald::shape_text(tensor.shape).c_str(), tensor.transposed ? "T" : "");
  for (const std::byte b : bytes) std::printf("%02x", std::to_integer<unsigned>(b));
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  for (const char* const path : std::span(argv + 1, static_cast<std::size_t>(argc - 1))) {
    std::printf("file %s\n", path);
    try {
      const auto source = skald::open_tensor_source(path);
      for (const skald::TensorInfo& tensor : source->tensors()) print(*source, tensor);
    } catch (const skald::Error& error) {
      std::printf("refused: %s\n", error.what());
    }
  }
  return 0;
}
