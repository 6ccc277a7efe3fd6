// The state that a model keeps per sequence: what it is made of (layout) and where it lies (pool).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "nn/batch.h"

namespace skald::nn {

/// A group of layers whose state has one shape and one block table per sequence.
struct StateGroup {
  enum class Kind {
    paged,      // keys and values per position
    latent,     // one compressed vector per position (MLA)
    cross,      // keys and values of one encoder output, shared by forks
    recurrent,  // a fixed number of bytes: a pass reads one copy and writes another, a rewind restores a snapshot
  };
  Kind kind = Kind::paged;
  // Model layers, in order. A layer stands in one group; cross groups number their layers from the model's count on.
  std::vector<int> layers;
  std::size_t kv_heads = 0;  // paged, cross; latent: 1
  std::size_t k_dim = 0;     // paged, cross: per head; latent: the vector's size
  std::size_t v_dim = 0;     // paged, cross: per head; latent: 0
  std::int64_t window = 0;   // positions that a query sees, itself included; 0: all
  std::size_t bytes = 0;     // recurrent: per layer
};

struct StateLayout {
  std::vector<StateGroup> groups;
};

/// Layers whose keys and values have one shape: a paged group for each window of `windows` [n_layers] (0: none).
StateLayout paged_layout(std::span<const std::int64_t> windows, std::size_t kv_heads, std::size_t head_dim);

/// What a pool is made for.
struct StatePoolOptions {
  kernels::KvType kv_type = kernels::KvType::f32;
  std::size_t budget_bytes = 0;    // memory for blocks; grown in slabs up to this
  std::int64_t longest_draft = 0;  // rows that a rewind may take back: kept behind a window
  std::int64_t longest_chunk = 0;  // rows of one sequence in one pass, at most; 0: not known. Bounds blocks_for
};

/// Recurrent state of one layer, [group.bytes] each, while a pass runs.
struct RecurrentState {
  const std::byte* before = nullptr;  // what the last pass left; nullptr: zeros, there was none
  std::byte* after = nullptr;         // this pass writes all of it; not `before`
};

/// Sequences and their blocks. Blocks hold kernels::kBlock positions, are reference-counted and copied on write: full
/// blocks are always shared, the part-filled last one is copied on the first write. Sliding groups free the blocks
/// behind window + longest draft. Not thread-safe, except that keys/values of reserved rows may be written and read by
/// all workers.
class StatePool {
 public:
  StatePool(const StateLayout& layout, const StatePoolOptions& options);
  ~StatePool();
  StatePool(const StatePool&) = delete;
  StatePool& operator=(const StatePool&) = delete;

  /// A new empty sequence.
  SequenceId create();
  /// A sequence that shares everything that `parent` has. Copies nothing.
  SequenceId fork(SequenceId parent);
  /// Drops the last `n` positions (n <= length). Throws UsageError where a window has freed what the new last position
  /// would see, or where a recurrent group has no snapshot there: see rewindable().
  void rewind(SequenceId sequence, std::int64_t n);
  /// The greatest length <= `length` that a rewind can reach: `length` itself, or for recurrent groups the end of an
  /// earlier pass (its snapshot), from which the caller runs the rows between again. -1: none.
  [[nodiscard]] std::int64_t rewindable(SequenceId sequence, std::int64_t length) const;
  void drop(SequenceId sequence);
  [[nodiscard]] std::int64_t length(SequenceId sequence) const;

  /// Makes room for `n` more positions, copying shared part-filled blocks. Returns false (changing nothing) where the
  /// budget does not allow it.
  [[nodiscard]] bool reserve(SequenceId sequence, std::int64_t n);
  /// The reserved positions are now part of the sequence: called once after a forward pass that was completed.
  void commit(SequenceId sequence, std::int64_t n);
  /// Gives reserved room back: the pass was abandoned.
  void abandon(SequenceId sequence);

  /// What `n` positions of one sequence need at most, over all groups, and what is free: for admission. Counted in
  /// units of the smallest block of the layout, so that groups of different sizes can be added.
  [[nodiscard]] std::size_t blocks_for(std::int64_t n) const;
  /// What the keys and values of an encoder output of `n` positions need, in the same units; forks share them.
  [[nodiscard]] std::size_t cross_blocks_for(std::int64_t n) const;
  [[nodiscard]] std::size_t blocks_free() const;
  [[nodiscard]] std::size_t bytes_in_use() const;
  /// Bytes that one more position costs, over all groups, when nothing is shared.
  [[nodiscard]] std::size_t bytes_per_position() const;

  /// Block pointers of kv head `head` of `layer`, from block 0 of the sequence: freed ones are nullptr.
  void k_blocks(SequenceId sequence, int layer, std::size_t head, std::int64_t first_block,
                std::span<const std::byte*> out) const;
  void v_blocks(SequenceId sequence, int layer, std::size_t head, std::int64_t first_block,
                std::span<const std::byte*> out) const;
  /// Stores keys [kv_heads, k_dim] and values [kv_heads, v_dim] of one reserved position.
  void store(SequenceId sequence, int layer, std::int64_t position, const float* k, const float* v);
  /// Recurrent state of one layer of a sequence with reserved room.
  [[nodiscard]] RecurrentState recurrent(SequenceId sequence, int layer) const;

  /// Makes room for the keys and values of an encoder output of `n` positions, once per sequence: store() then takes
  /// the layers of cross groups. Forks share it. Returns false (changing nothing) where the budget does not allow it.
  [[nodiscard]] bool reserve_cross(SequenceId sequence, std::int64_t n);
  [[nodiscard]] std::int64_t cross_length(SequenceId sequence) const;

  [[nodiscard]] const StateLayout& layout() const;
  [[nodiscard]] kernels::KvType kv_type() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skald::nn
