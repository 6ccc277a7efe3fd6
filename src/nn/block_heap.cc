#include "nn/block_heap.h"

#include <algorithm>

namespace skald::nn {

BlockHeap::BlockHeap(std::size_t block_bytes, std::size_t slab_blocks)
    : block_bytes_(block_bytes), slab_blocks_(std::max<std::size_t>(slab_blocks, 1)) {}

BlockId BlockHeap::take() {
  if (free_.empty()) grow();
  const BlockId block = free_.back();
  free_.pop_back();
  references_[block] = 1;
  ++slabs_[block / slab_blocks_].used;
  ++used_;
  return block;
}

void BlockHeap::drop(BlockId block) {
  if (--references_[block] > 0) return;
  --slabs_[block / slab_blocks_].used;
  --used_;
  free_.push_back(block);
}

void BlockHeap::grow() {
  auto slot = std::find_if(slabs_.begin(), slabs_.end(), [](const Slab& slab) { return slab.base == nullptr; });
  if (slot == slabs_.end()) {
    slabs_.emplace_back();
    slot = std::prev(slabs_.end());
    references_.resize(slabs_.size() * slab_blocks_);
    free_.reserve(references_.size());
  }
  slot->memory = Buffer(slab_size());
  slot->base = slot->memory.data();
  ++mapped_slabs_;
  const auto first = static_cast<BlockId>(static_cast<std::size_t>(slot - slabs_.begin()) * slab_blocks_);
  for (auto i = static_cast<BlockId>(slab_blocks_); i-- > 0;) free_.push_back(first + i);
}

void BlockHeap::trim() {
  const auto idle = [this](BlockId block) { return slabs_[block / slab_blocks_].used == 0; };
  std::erase_if(free_, idle);
  for (Slab& slab : slabs_) {
    if (slab.base == nullptr || slab.used > 0) continue;
    slab = Slab{};
    --mapped_slabs_;
  }
}

}  // namespace skald::nn
