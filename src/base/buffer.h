// Large aligned memory for weights, caches and workspaces: 64-byte aligned, huge pages where the system has them.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace skald {

/// Owns `size()` bytes of fresh zero pages. Pages are placed on first touch, by the thread that touches them. Sizes
/// from 1 MiB on are aligned to 2 MiB and advised as huge pages.
class Buffer {
 public:
  Buffer() = default;
  /// Throws LimitError where the system has no memory left.
  explicit Buffer(std::size_t bytes);
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }
  ~Buffer();

  [[nodiscard]] std::byte* data() { return data_; }
  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  /// The memory as elements of T.
  template <typename T>
  [[nodiscard]] std::span<T> as() {
    return {reinterpret_cast<T*>(data_), size_ / sizeof(T)};
  }
  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data_), size_ / sizeof(T)};
  }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
  }
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t mapped_ = 0;  // bytes to unmap, from data_
};

/// Bytes of memory that could be taken now without swapping: MemAvailable, cut by the cgroup's limit.
std::size_t available_memory();

/// Peak resident set of this process, in bytes.
std::size_t peak_resident_memory();

}  // namespace skald
