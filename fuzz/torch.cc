// Any bytes as a PyTorch checkpoint: they are refused with a clean error, or every tensor lies inside the file, has the
// bytes of its shape, and can be read. The bytes are also taken for the pickle of an archive that is whole.
#include <vector>

#include "formats/crc32.h"
#include "formats/file_tensors.h"
#include "formats/torch_checkpoint.h"
#include "support.h"

namespace {

using namespace skald;

template <typename Number>
void put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Local headers, directory and end record of members that are stored.
std::string archive(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out, directory;
  for (const auto& [name, data] : members) {
    const auto bytes = static_cast<std::uint32_t>(data.size());
    std::string common;  // what both headers have: flags, method, time, sum, sizes, length of the name
    put(common, std::uint64_t{0});
    put(common, crc32(std::as_bytes(std::span(data))));
    put(common, bytes);
    put(common, bytes);
    put(common, static_cast<std::uint16_t>(name.size()));
    put(directory, std::uint32_t{0x02014b50});
    put(directory, std::uint32_t{0});
    directory += common + std::string(12, '\0');
    put(directory, static_cast<std::uint32_t>(out.size()));
    directory += name;
    put(out, std::uint32_t{0x04034b50});
    put(out, std::uint16_t{0});
    out += common + std::string(2, '\0') + name + data;
  }
  const auto offset = static_cast<std::uint32_t>(out.size());
  const auto count = static_cast<std::uint16_t>(members.size());
  out += directory;
  put(out, std::uint32_t{0x06054b50});
  put(out, std::uint32_t{0});
  put(out, count);
  put(out, count);
  put(out, static_cast<std::uint32_t>(directory.size()));
  put(out, offset);
  return out + std::string(2, '\0');
}

void read_all(const fuzz::MemoryFile& file, std::size_t size) {
  fuzz::expect_clean_errors([&] {
    const auto source = open_torch(file.path());
    for (const TensorInfo& tensor : source->tensors()) {
      std::uint64_t count = 1;
      for (const std::uint64_t n : tensor.shape) count *= n;
      fuzz::require(tensor.bytes == count * stored_unit(tensor).bytes);
      fuzz::require(tensor.bytes <= size && tensor.offset <= size);
      fuzz::require(source->find(tensor.name) == &tensor);
      std::vector<std::byte> bytes(tensor.bytes);
      source->read(tensor, 0, bytes);
    }
    ThreadPool alone(1);
    check_sums(*source, alone);
  });
  fuzz::expect_clean_errors([&] { static_cast<void>(read_torch_settings(file.path())); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(fuzz::as_text(data, size));
  read_all(fuzz::MemoryFile(bytes), size);
  const std::string whole = archive({{"m/data.pkl", bytes}, {"m/data/0", std::string(24, '\1')}});
  fuzz::expect_clean_errors([&] { read_all(fuzz::MemoryFile(whole), whole.size()); });
  return 0;
}
