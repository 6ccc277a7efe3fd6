// Any text as the index of a folder with two good shards.
#include <cstdlib>
#include <fstream>
#include <vector>

#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"
#include "support.h"

namespace {

namespace fs = std::filesystem;

// A folder with two shards; the index in it is replaced for every input.
class ModelFolder {
 public:
  ModelFolder() {
    std::string name = (fs::temp_directory_path() / "skald-fuzz-XXXXXX").string();
    skald::fuzz::require(mkdtemp(name.data()) != nullptr);
    path_ = name;
    for (const std::string tensor : {"a", "b"}) {
      const std::vector<skald::TensorSpec> specs = {{tensor, skald::DType::u8, {4}}};
      skald::write_safetensors(path_ / (tensor + ".safetensors"), specs,
                               [](const auto&, std::uint64_t, std::span<std::byte>) {});
    }
  }
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;
  ~ModelFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skald;
  static const ModelFolder folder;
  const fs::path index = folder.path() / "model.safetensors.index.json";
  std::ofstream(index, std::ios::binary) << fuzz::as_text(data, size);
  fuzz::expect_clean_errors([&] {
    const auto source = open_safetensors_index(index);
    for (const TensorInfo& tensor : source->tensors()) {
      const fs::path file = source->file_of(tensor);
      fuzz::require(file.parent_path() == folder.path() && file.extension() == ".safetensors");
    }
  });
  return 0;
}
