// Equal blocks of memory with reference counts, carved from slabs that come and go with need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/buffer.h"

namespace skald::nn {

using BlockId = std::uint32_t;
inline constexpr BlockId kNoBlock = std::numeric_limits<BlockId>::max();

/// Blocks of one size. Ids stay valid until the last reference is dropped. Not thread-safe.
class BlockHeap {
 public:
  /// `slab_blocks` blocks are taken from the system at a time, at least one.
  BlockHeap(std::size_t block_bytes, std::size_t slab_blocks);

  /// A block with one reference; its contents are undefined. Throws LimitError where the system has no memory left.
  BlockId take();
  void add_reference(BlockId block) { ++references_[block]; }
  /// Frees the block with its last reference.
  void drop(BlockId block);
  [[nodiscard]] bool shared(BlockId block) const { return references_[block] > 1; }
  [[nodiscard]] std::uint32_t references(BlockId block) const { return references_[block]; }
  [[nodiscard]] std::byte* data(BlockId block) const {
    return slabs_[block / slab_blocks_].base + block % slab_blocks_ * block_bytes_;
  }

  [[nodiscard]] std::size_t block_bytes() const { return block_bytes_; }
  [[nodiscard]] std::size_t used_blocks() const { return used_; }
  [[nodiscard]] std::size_t slab_size() const { return slab_blocks_ * block_bytes_; }  // of one
  [[nodiscard]] std::size_t slab_bytes() const { return mapped_slabs_ * slab_size(); }
  [[nodiscard]] bool has_free() const { return !free_.empty(); }
  /// Gives slabs without a used block back to the system.
  void trim();

 private:
  struct Slab {
    Buffer memory;
    std::byte* base = nullptr;  // of memory; nullptr where the slab was given back
    std::size_t used = 0;
  };

  void grow();

  std::size_t block_bytes_;
  std::size_t slab_blocks_;
  std::vector<Slab> slabs_;
  std::vector<std::uint32_t> references_;  // [slabs * slab_blocks]
  std::vector<BlockId> free_;              // the last one is taken next
  std::size_t used_ = 0;
  std::size_t mapped_slabs_ = 0;
};

}  // namespace skald::nn
