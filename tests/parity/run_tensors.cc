// Prints the tensors of files of weights, for tests/parity/test_torch_checkpoints.py: of each file a line with its
// name, of each tensor one with name (in hexadecimal, as all texts are), type, shape and bytes. A refusal is a line
// that begins with "refused: ". After --gguf, GGUF files as they are, and their metadata, for test_gguf_files.py:
// "key", the key, its type and value.
#include <bit>
#include <cmath>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/gguf.h"
#include "formats/tensor_source.h"
#include "skald/error.h"

namespace {

void print_hex(std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) std::printf("%02x", std::to_integer<unsigned>(b));
}

void print_hex(std::string_view text) { print_hex(std::as_bytes(std::span(text))); }

void print(const skald::TensorSource& source, const skald::TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor.bytes);
  source.read(tensor, 0, bytes);
  print_hex(tensor.name);
  std::printf(" %s %s%s ", std::string(skald::stored_type_name(tensor)).c_str(),
              skald::shape_text(tensor.shape).c_str(), tensor.transposed ? "T" : "");
  print_hex(bytes);
  std::printf("\n");
}

void print(const skald::GgufArray& array) {
  std::printf("%s %llu ", std::string(skald::gguf_type_name(array.type)).c_str(),
              static_cast<unsigned long long>(array.count));
  print_hex(array.numbers);
  for (const std::string& text : array.strings) {
    print_hex(text);
    std::printf(",");
  }
}

struct ValuePrinter {
  void operator()(std::uint64_t value) const { std::printf("%llu", static_cast<unsigned long long>(value)); }
  void operator()(std::int64_t value) const { std::printf("%lld", static_cast<long long>(value)); }
  void operator()(bool value) const { std::printf("%d", value ? 1 : 0); }
  void operator()(double value) const {
    if (std::isnan(value)) return void(std::printf("nan"));
    std::printf("%016llx", static_cast<unsigned long long>(std::bit_cast<std::uint64_t>(value)));
  }
  void operator()(const std::string& value) const { print_hex(value); }
  void operator()(const skald::GgufArray& value) const { print(value); }
};

void print_gguf(const char* path) {
  const auto file = skald::open_gguf(path);
  for (const skald::GgufEntry& entry : file->metadata()) {
    std::printf("key ");
    print_hex(entry.key);
    std::printf(" %s ", std::string(skald::gguf_type_name(entry.type)).c_str());
    std::visit(ValuePrinter{}, entry.value);
    std::printf("\n");
  }
  for (const skald::TensorInfo& tensor : file->tensors()) print(*file, tensor);
}

void print_tensors(const char* path) {
  const auto source = skald::open_tensor_source(path);
  for (const skald::TensorInfo& tensor : source->tensors()) print(*source, tensor);
}

}  // namespace

int main(int argc, char** argv) {
  std::span paths(argv + 1, static_cast<std::size_t>(argc - 1));
  const bool as_gguf = !paths.empty() && std::string_view(paths[0]) == "--gguf";
  if (as_gguf) paths = paths.subspan(1);
  for (const char* const path : paths) {
    std::printf("file %s\n", path);
    try {
      as_gguf ? print_gguf(path) : print_tensors(path);
    } catch (const skald::Error& error) {
      std::printf("refused: %s\n", error.what());
    }
  }
  return 0;
}
