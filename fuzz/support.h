// What every harness does: bytes as a file, and the rule for errors.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "skald/error.h"

namespace skald::fuzz {

/// Ends the process where `held` is false: libFuzzer keeps the input.
inline void require(bool held) {
  if (!held) std::abort();
}

/// A file in memory, with a path that any reader can open.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)) {
    require(descriptor_ >= 0);
    require(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }

  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// Calls `read` on bad input: it may only throw our own errors, and their message is one printable line.
template <typename Read>
void expect_clean_errors(Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    const std::string_view line = error.what();
    require(!line.empty() && line.size() < 2048);
    for (const char c : line) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace skald::fuzz
