#include "formats/gguf_writer.h"

#include <functional>
#include <numeric>

#include "base/partial_file.h"
#include "formats/gguf_types.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::uint64_t kAlignment = 32;  // what holds without general.alignment

class Header {
 public:
  template <typename T>
  void add(T number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void add_text(const std::string& text) {
    add(std::uint64_t{text.size()});
    bytes_ += text;
  }
  void add_field(const GgufField& field) {
    add_text(field.key);
    if (const auto* const text = std::get_if<std::string>(&field.value)) {
      add(GgufType::string);
      add_text(*text);
    } else {
      add(GgufType::u32);
      add(std::get<std::uint32_t>(field.value));
    }
  }
  void add_tensor(const GgufTensor& tensor, std::uint64_t offset) {
    add_text(tensor.name);
    add(static_cast<std::uint32_t>(tensor.shape.size()));
    for (std::size_t d = tensor.shape.size(); d-- > 0;) add(tensor.shape[d]);
    add(std::uint32_t{0});  // F32
    add(offset);
  }
  void pad() { bytes_.resize((bytes_.size() + kAlignment - 1) / kAlignment * kAlignment, '\0'); }
  [[nodiscard]] std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::string bytes_ = "GGUF";
};

std::uint64_t padding_after(std::uint64_t n) { return (kAlignment - n % kAlignment) % kAlignment; }

}  // namespace

void write_gguf(const std::filesystem::path& path, std::span<const GgufField> metadata,
                std::span<const GgufTensor> tensors) {
  Header header;
  header.add(std::uint32_t{3});
  header.add(std::uint64_t{tensors.size()});
  header.add(std::uint64_t{metadata.size()});
  for (const GgufField& field : metadata) header.add_field(field);
  std::uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    const std::uint64_t n =
        std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::uint64_t{1}, std::multiplies<>());
    if (n != tensor.values.size())
      throw UsageError("write_gguf: tensor " + quoted(tensor.name) + " has not the size of its shape");
    header.add_tensor(tensor, offset);
    offset += tensor.values.size_bytes() + padding_after(tensor.values.size_bytes());
  }
  header.pad();
  PartialFile file(path);
  file.write(header.bytes());
  const std::vector<std::byte> zeros(kAlignment);
  for (const GgufTensor& tensor : tensors) {
    file.write(std::as_bytes(tensor.values));
    file.write(std::span(zeros).first(padding_after(tensor.values.size_bytes())));
  }
  file.finish();
}

}  // namespace skald
