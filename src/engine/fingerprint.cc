#include "engine/fingerprint.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace skald::engine {
namespace {

constexpr std::uint64_t kWhole = 1 << 20;  // of a file; beyond that there are samples
constexpr std::uint64_t kSample = 4096;
constexpr std::uint64_t kSamples = 64;

// FNV-1a.
class Hash {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) value_ = (value_ ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3;
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  void add(std::uint64_t number) { add(std::as_bytes(std::span(&number, 1))); }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

void add_file(const std::filesystem::path& path, Hash& hash) {
  const File file(path);
  hash.add(path.filename().string());
  hash.add(file.size());
  std::vector<std::byte> bytes(std::min(file.size(), kWhole));
  file.read(0, bytes);
  hash.add(bytes);
  if (file.size() <= kWhole) return;
  bytes.resize(kSample);
  for (std::uint64_t i = 0; i < kSamples; ++i) {
    file.read((file.size() - kSample) / kSamples * (i + 1), bytes);
    hash.add(bytes);
  }
}

bool counts(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 7> kKinds = {".json", ".safetensors", ".bin", ".pt", ".pth", ".gguf", ".yaml"};
  return std::ranges::find(kKinds, path.extension().string()) != kKinds.end();
}

}  // namespace

std::string model_fingerprint(const std::string& path) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.is_regular_file() && counts(entry.path())) files.push_back(entry.path());
    }
  } else {
    files.emplace_back(path);
  }
  std::ranges::sort(files);
  Hash hash;
  for (const std::filesystem::path& file : files) add_file(file, hash);
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash.value()));
  return digits.data();
}

}  // namespace skald::engine
