#include "base/buffer.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "base/cgroup.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kHugeFrom = std::size_t{1} << 20;

std::byte* map_pages(std::size_t bytes, std::size_t wanted) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    throw LimitError("out of memory: " + std::to_string(wanted) + " bytes asked for, " +
                     std::to_string(available_memory()) + " available");
  }
  return static_cast<std::byte*>(pages);
}

// `bytes` (a multiple of the huge page) at a multiple of the huge page: maps one page more and gives back the edges.
std::byte* map_huge(std::size_t bytes, std::size_t wanted) {
  std::byte* const base = map_pages(bytes + kHugePage, wanted);
  const std::size_t head = (kHugePage - reinterpret_cast<std::uintptr_t>(base) % kHugePage) % kHugePage;
  if (head > 0) munmap(base, head);
  munmap(base + head + bytes, kHugePage - head);
#ifdef MADV_HUGEPAGE
  madvise(base + head, bytes, MADV_HUGEPAGE);  // advice only: where it fails, small pages serve
#endif
  return base + head;
}

// "MemAvailable:   123 kB" from one of the files of /proc; 0 where it has no such line.
std::size_t read_kilobytes(const char* path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.size() > key.size() && line.compare(0, key.size(), key) == 0 && line[key.size()] == ':') {
      return std::strtoull(line.c_str() + key.size() + 1, nullptr, 10) * 1024;
    }
  }
  return 0;
}

}  // namespace

Buffer::Buffer(std::size_t bytes) {
  if (bytes == 0) return;
  if (bytes > std::numeric_limits<std::ptrdiff_t>::max() - 2 * kHugePage) {
    throw LimitError("out of memory: " + std::to_string(bytes) + " bytes asked for");
  }
  const bool huge = bytes >= kHugeFrom;
  mapped_ = huge ? (bytes + kHugePage - 1) / kHugePage * kHugePage : bytes;
  data_ = huge ? map_huge(mapped_, bytes) : map_pages(mapped_, bytes);
  size_ = bytes;
}

Buffer::~Buffer() {
  if (data_ != nullptr) munmap(data_, mapped_);
}

std::size_t available_memory() {
  const std::size_t system = read_kilobytes("/proc/meminfo", "MemAvailable");
  const auto group = read_cgroup_limits().free_memory;
  return group ? std::min<std::size_t>(system, *group) : system;
}

std::size_t peak_resident_memory() {
  // ru_maxrss survives exec, so that it may be the parent's: VmHWM is this program's own.
  if (const std::size_t peak = read_kilobytes("/proc/self/status", "VmHWM"); peak > 0) return peak;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

}  // namespace skald
