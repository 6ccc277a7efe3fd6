#include "nn/state.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <string>

#include "nn/block_heap.h"
#include "skald/error.h"

namespace skald::nn {
namespace {

using Kind = StateGroup::Kind;

constexpr auto kBlockSize = static_cast<std::int64_t>(kernels::kBlock);
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kMostPages = 8;  // of a slab

std::int64_t blocks_of(std::int64_t positions) { return (positions + kBlockSize - 1) / kBlockSize; }

// Blocks of `bytes` that a slab holds: of as few huge pages as leave less than a tenth of them empty.
std::size_t slab_blocks(std::size_t bytes) {
  std::size_t pages = 1;
  while (pages < kMostPages && pages * kHugePage % bytes * 10 > pages * kHugePage) ++pages;
  return pages * kHugePage / bytes;
}

// The recurrent state at the end of an earlier pass.
struct Snapshot {
  std::int64_t position;
  BlockId block;
};

// What one sequence holds of one group.
struct Table {
  std::vector<BlockId> blocks;      // by position / kBlock; kNoBlock where a window has passed. Recurrent: unused
  std::int64_t first_kept = 0;      // blocks before it were freed by the window
  BlockId state = kNoBlock;         // recurrent
  std::vector<Snapshot> snapshots;  // recurrent, positions ascending
};

// Whether a pass that began at `length` found a state there.
bool began_at(const Table& table, std::int64_t length) {
  return !table.snapshots.empty() && table.snapshots.back().position == length;
}

struct Sequence {
  bool alive = false;
  std::int64_t length = 0;
  std::int64_t reserved_end = 0;  // >= length
  std::int64_t cross_length = 0;
  std::vector<Table> tables;  // [groups]
  [[nodiscard]] bool pending() const { return reserved_end > length; }
};

// Where the state of a layer lies.
struct LayerPlace {
  int group = -1;
  std::size_t index = 0;  // within the group
};

struct Group {
  StateGroup spec;
  std::size_t k_bytes = 0;  // of one head in one block
  std::size_t v_bytes = 0;
  BlockHeap heap;

  [[nodiscard]] std::byte* head(BlockId block, std::size_t layer, std::size_t head) const {
    return heap.data(block) + (layer * spec.kv_heads + head) * (k_bytes + v_bytes);
  }
};

Group make_group(const StateGroup& spec, kernels::KvType type) {
  if (spec.kind == Kind::recurrent) {
    const std::size_t bytes = std::max<std::size_t>(spec.bytes * spec.layers.size(), 1);
    return Group{spec, 0, 0, BlockHeap(bytes, slab_blocks(bytes))};
  }
  const kernels::KvKernels& kv = kernels::table().kv[static_cast<int>(type)];
  const std::size_t k_bytes = kv.k_block_bytes(spec.k_dim);
  const std::size_t v_bytes = spec.v_dim > 0 ? kv.v_block_bytes(spec.v_dim) : 0;
  const std::size_t bytes = std::max<std::size_t>((k_bytes + v_bytes) * spec.kv_heads * spec.layers.size(), 1);
  return Group{spec, k_bytes, v_bytes, BlockHeap(bytes, slab_blocks(bytes))};
}

}  // namespace

struct StatePool::Impl {
  StateLayout layout;
  StatePoolOptions options;
  const kernels::KvKernels& kv;
  std::vector<Group> groups;
  std::vector<LayerPlace> places;  // by layer
  std::vector<Sequence> sequences;
  std::vector<SequenceId> free_slots;
  std::size_t unit = 0;  // bytes of the smallest block

  Impl(const StateLayout& l, const StatePoolOptions& o)
      : layout(l), options(o), kv(kernels::table().kv[static_cast<int>(o.kv_type)]) {
    for (const StateGroup& spec : layout.groups) {
      for (std::size_t i = 0; i < spec.layers.size(); ++i) {
        const auto layer = static_cast<std::size_t>(spec.layers[i]);
        if (layer >= places.size()) places.resize(layer + 1);
        places[layer] = {static_cast<int>(groups.size()), i};
      }
      groups.push_back(make_group(spec, options.kv_type));
      const std::size_t bytes = groups.back().heap.block_bytes();
      unit = unit == 0 ? bytes : std::min(unit, bytes);
    }
    unit = std::max<std::size_t>(unit, 1);
  }

  Sequence& at(SequenceId id) {
    if (id < 0 || static_cast<std::size_t>(id) >= sequences.size() || !sequences[static_cast<std::size_t>(id)].alive) {
      throw UsageError("state pool: sequence " + std::to_string(id) + " does not exist");
    }
    return sequences[static_cast<std::size_t>(id)];
  }
  const LayerPlace& place(int layer) const { return places[static_cast<std::size_t>(layer)]; }

  std::size_t units_of(const Group& group) const { return (group.heap.block_bytes() + unit - 1) / unit; }

  std::size_t used_bytes() const {
    std::size_t bytes = 0;
    for (const Group& group : groups) bytes += group.heap.used_blocks() * group.heap.block_bytes();
    return bytes;
  }
  std::size_t free_bytes() const {
    const std::size_t used = used_bytes();
    return used < options.budget_bytes ? options.budget_bytes - used : 0;
  }

  // A block of `group`; slabs that lie idle in other groups are given back before the pool maps more than its budget.
  BlockId take(Group& group) {
    if (!group.heap.has_free()) {
      std::size_t mapped = group.heap.slab_size();
      for (const Group& other : groups) mapped += other.heap.slab_bytes();
      if (mapped > options.budget_bytes) {
        for (Group& other : groups) other.heap.trim();
      }
    }
    return group.heap.take();
  }

  BlockId copy(Group& group, BlockId from) {
    const BlockId block = take(group);
    std::memcpy(group.heap.data(block), group.heap.data(from), group.heap.block_bytes());
    return block;
  }

  static void drop_block(Group& group, BlockId& block) {
    if (block != kNoBlock) group.heap.drop(block);
    block = kNoBlock;
  }

  // Frees the blocks from block `keep` on.
  static void shrink(Group& group, Table& table, std::int64_t keep) {
    while (static_cast<std::int64_t>(table.blocks.size()) > keep) {
      drop_block(group, table.blocks.back());
      table.blocks.pop_back();
    }
    table.first_kept = std::min(table.first_kept, keep);
  }

  // The first position that a query at `position` sees.
  static std::int64_t first_visible(const StateGroup& spec, std::int64_t position) {
    return spec.window > 0 ? std::max<std::int64_t>(0, position - spec.window + 1) : 0;
  }

  std::size_t blocks_wanted(const Group& group, const Table& table, const Sequence& s, std::int64_t end) const {
    if (group.spec.kind == Kind::cross) return 0;
    if (group.spec.kind == Kind::recurrent) return s.pending() ? 0 : 1;
    const auto have = static_cast<std::int64_t>(table.blocks.size());
    const std::size_t added = static_cast<std::size_t>(std::max<std::int64_t>(0, blocks_of(end) - have));
    return added + (copies_last(group, table, s) ? 1 : 0);
  }

  static bool copies_last(const Group& group, const Table& table, const Sequence& s) {
    return s.length % kBlockSize != 0 &&
           group.heap.shared(table.blocks[static_cast<std::size_t>(s.length / kBlockSize)]);
  }

  void grow(Group& group, Table& table, const Sequence& s, std::int64_t end) {
    if (group.spec.kind == Kind::cross) return;
    if (group.spec.kind == Kind::recurrent) {
      if (s.pending()) return;
      if (table.state != kNoBlock) table.snapshots.push_back({s.length, table.state});
      table.state = take(group);
      return;
    }
    if (copies_last(group, table, s)) {
      BlockId& last = table.blocks[static_cast<std::size_t>(s.length / kBlockSize)];
      const BlockId own = copy(group, last);
      group.heap.drop(last);
      last = own;
    }
    while (static_cast<std::int64_t>(table.blocks.size()) < blocks_of(end)) table.blocks.push_back(take(group));
  }

  // Frees what no query can see any more: those at length - longest_draft and later.
  void slide(Group& group, Table& table, const Sequence& s) {
    const std::int64_t first = first_visible(group.spec, std::max<std::int64_t>(0, s.length - options.longest_draft));
    for (; table.first_kept < first / kBlockSize; ++table.first_kept) {
      drop_block(group, table.blocks[static_cast<std::size_t>(table.first_kept)]);
    }
  }

  // Drops the snapshots before the last one that the longest rewind may need.
  void prune_snapshots(Group& group, Table& table, const Sequence& s) {
    const std::int64_t farthest = s.length - options.longest_draft - 1;
    const auto needed = [&](const Snapshot& snapshot) {
      return options.longest_draft > 0 && snapshot.position > farthest;
    };
    auto keep = std::ranges::find_if(table.snapshots, needed);
    if (options.longest_draft > 0 && keep != table.snapshots.begin()) --keep;
    for (auto old = table.snapshots.begin(); old != keep; ++old) drop_block(group, old->block);
    table.snapshots.erase(table.snapshots.begin(), keep);
  }

  bool reaches(const Group& group, const Table& table, std::int64_t length) const {
    if (length == 0 || group.spec.kind == Kind::cross) return true;
    if (group.spec.kind != Kind::recurrent) {
      return first_visible(group.spec, length) / kBlockSize >= table.first_kept;
    }
    return std::any_of(table.snapshots.begin(), table.snapshots.end(),
                       [&](const Snapshot& snapshot) { return snapshot.position == length; });
  }

  bool reaches(const Sequence& s, std::int64_t length) const {
    if (length == s.length) return true;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (!reaches(groups[g], s.tables[g], length)) return false;
    }
    return true;
  }

  // Recurrent: back to the snapshot at `length`, or to the beginning.
  static void restore(Group& group, Table& table, std::int64_t length) {
    drop_block(group, table.state);
    while (!table.snapshots.empty() && table.snapshots.back().position > length) {
      drop_block(group, table.snapshots.back().block);
      table.snapshots.pop_back();
    }
    if (!began_at(table, length)) return;
    table.state = table.snapshots.back().block;
    table.snapshots.pop_back();
  }

  static void share(Group& group, const Table& from, const Sequence& parent, Table& to) {
    to.first_kept = from.first_kept;
    to.snapshots = from.snapshots;
    to.state = from.state;
    if (group.spec.kind == Kind::recurrent && parent.pending()) {  // what it had before the pass that is under way
      const bool begun = began_at(from, parent.length);
      to.state = begun ? from.snapshots.back().block : kNoBlock;
      if (begun) to.snapshots.pop_back();
    }
    const std::int64_t kept =
        group.spec.kind == Kind::cross ? blocks_of(parent.cross_length) : blocks_of(parent.length);
    to.blocks.assign(from.blocks.begin(),
                     from.blocks.begin() + std::min<std::ptrdiff_t>(std::ssize(from.blocks), kept));
    for (const BlockId block : to.blocks) {
      if (block != kNoBlock) group.heap.add_reference(block);
    }
    for (const Snapshot& snapshot : to.snapshots) group.heap.add_reference(snapshot.block);
    if (to.state != kNoBlock) group.heap.add_reference(to.state);
  }

  static void clear(Group& group, Table& table) {
    shrink(group, table, 0);
    restore(group, table, -1);
  }

  void fill(SequenceId id, int layer, std::size_t head, std::int64_t first_block, bool values,
            std::span<const std::byte*> out) {
    const LayerPlace where = place(layer);
    const Group& group = groups[static_cast<std::size_t>(where.group)];
    const auto& blocks = sequences[static_cast<std::size_t>(id)].tables[static_cast<std::size_t>(where.group)].blocks;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::size_t block = static_cast<std::size_t>(first_block) + i;
      const bool held = block < blocks.size() && blocks[block] != kNoBlock;
      out[i] = held ? group.head(blocks[block], where.index, head) + (values ? group.k_bytes : 0) : nullptr;
    }
  }
};

StateLayout paged_layout(std::span<const std::int64_t> windows, std::size_t kv_heads, std::size_t head_dim) {
  std::map<std::int64_t, std::vector<int>> by_window;
  for (std::size_t i = 0; i < windows.size(); ++i) by_window[windows[i]].push_back(static_cast<int>(i));
  StateLayout layout;
  for (auto& [window, layers] : by_window) {
    layout.groups.push_back({.kind = StateGroup::Kind::paged,
                             .layers = std::move(layers),
                             .kv_heads = kv_heads,
                             .k_dim = head_dim,
                             .v_dim = head_dim,
                             .window = window});
  }
  return layout;
}

StatePool::StatePool(const StateLayout& layout, const StatePoolOptions& options)
    : impl_(std::make_unique<Impl>(layout, options)) {}
StatePool::~StatePool() = default;

SequenceId StatePool::create() {
  if (impl_->free_slots.empty()) {
    impl_->sequences.emplace_back().tables.resize(impl_->groups.size());
    impl_->free_slots.reserve(impl_->sequences.size());
    impl_->free_slots.push_back(static_cast<SequenceId>(impl_->sequences.size() - 1));
  }
  const SequenceId id = impl_->free_slots.back();
  impl_->free_slots.pop_back();
  impl_->sequences[static_cast<std::size_t>(id)].alive = true;
  return id;
}

SequenceId StatePool::fork(SequenceId parent_id) {
  impl_->at(parent_id);
  const SequenceId id = create();
  const Sequence& parent = impl_->at(parent_id);
  Sequence& child = impl_->at(id);
  child.length = child.reserved_end = parent.length;
  child.cross_length = parent.cross_length;
  for (std::size_t g = 0; g < impl_->groups.size(); ++g) {
    Impl::share(impl_->groups[g], parent.tables[g], parent, child.tables[g]);
  }
  return id;
}

void StatePool::rewind(SequenceId id, std::int64_t n) {
  Sequence& s = impl_->at(id);
  if (n == 0) return;
  const std::int64_t length = s.length - n;
  if (s.pending() || n < 0 || length < 0 || !impl_->reaches(s, length)) {
    throw UsageError("state pool: sequence " + std::to_string(id) + " of length " + std::to_string(s.length) +
                     " cannot rewind by " + std::to_string(n));
  }
  for (std::size_t g = 0; g < impl_->groups.size(); ++g) {
    Group& group = impl_->groups[g];
    if (group.spec.kind == Kind::recurrent) Impl::restore(group, s.tables[g], length);
    if (group.spec.kind == Kind::paged || group.spec.kind == Kind::latent) {
      Impl::shrink(group, s.tables[g], blocks_of(length));
    }
  }
  s.length = s.reserved_end = length;
}

std::int64_t StatePool::rewindable(SequenceId id, std::int64_t length) const {
  const Sequence& s = impl_->at(id);
  for (std::int64_t l = std::min(length, s.length); l >= 0; --l) {
    if (impl_->reaches(s, l)) return l;
  }
  return -1;
}

void StatePool::drop(SequenceId id) {
  Sequence& s = impl_->at(id);
  for (std::size_t g = 0; g < impl_->groups.size(); ++g) Impl::clear(impl_->groups[g], s.tables[g]);
  s.alive = false;
  s.length = s.reserved_end = s.cross_length = 0;
  impl_->free_slots.push_back(id);
}

std::int64_t StatePool::length(SequenceId id) const { return impl_->at(id).length; }

bool StatePool::reserve(SequenceId id, std::int64_t n) {
  Sequence& s = impl_->at(id);
  if (n == 0) return true;
  const std::int64_t end = s.length + n;
  std::size_t bytes = 0;
  for (std::size_t g = 0; g < impl_->groups.size(); ++g) {
    const Group& group = impl_->groups[g];
    bytes += impl_->blocks_wanted(group, s.tables[g], s, end) * group.heap.block_bytes();
  }
  if (bytes > impl_->free_bytes()) return false;
  for (std::size_t g = 0; g < impl_->groups.size(); ++g) impl_->grow(impl_->groups[g], s.tables[g], s, end);
  s.reserved_end = std::max(s.reserved_end, end);
  return true;
}

void StatePool::commit(SequenceId id, std::int64_t n) {
  Sequence& s = impl_->at(id);
  const auto recurrent = [](const Group& group) { return group.spec.kind == Kind::recurrent; };
  const bool in_part = s.length + n < s.reserved_end;
  if (n < 0 || s.length + n > s.reserved_end || (in_part && std::ranges::any_of(impl_->groups, recurrent))) {
    throw UsageError("state pool: commit of " + std::to_string(n) + " positions, " +
                     std::to_string(s.reserved_end - s.length) + " are reserved (recurrent state goes whole)");
  }
  s.length = s.reserved_end = s.length + n;
  for (std::size_t g = 0; g < impl_->groups.size(); ++g) {
    Group& group = impl_->groups[g];
    Table& table = s.tables[g];
    if (group.spec.kind == Kind::cross) continue;
    if (group.spec.kind == Kind::recurrent) {
      impl_->prune_snapshots(group, table, s);
      continue;
    }
    Impl::shrink(group, table, blocks_of(s.length));
    impl_->slide(group, table, s);
  }
}

void StatePool::abandon(SequenceId id) {
  Sequence& s = impl_->at(id);
  if (!s.pending()) return;
  for (std::size_t g = 0; g < impl_->groups.size(); ++g) {
    Group& group = impl_->groups[g];
    if (group.spec.kind == Kind::cross) continue;
    if (group.spec.kind == Kind::recurrent) {
      Impl::restore(group, s.tables[g], s.length);
    } else {
      Impl::shrink(group, s.tables[g], blocks_of(s.length));
    }
  }
  s.reserved_end = s.length;
}

std::size_t StatePool::blocks_for(std::int64_t n) const {
  std::size_t units = 0;
  for (const Group& group : impl_->groups) {
    if (group.spec.kind == Kind::cross) continue;
    std::int64_t blocks = blocks_of(n) + 1;  // and the copy of a shared part-filled block
    if (group.spec.kind == Kind::recurrent) {
      blocks = 2 + (impl_->options.longest_draft > 0 ? impl_->options.longest_draft + 1 : 0);
    } else if (group.spec.window > 0 && impl_->options.longest_chunk > 0) {
      const std::int64_t live = group.spec.window + impl_->options.longest_draft + impl_->options.longest_chunk;
      blocks = std::min(blocks, blocks_of(live) + 2);
    }
    units += static_cast<std::size_t>(blocks) * impl_->units_of(group);
  }
  return units;
}

std::size_t StatePool::cross_blocks_for(std::int64_t n) const {
  std::size_t units = 0;
  for (const Group& group : impl_->groups) {
    if (group.spec.kind == Kind::cross) units += static_cast<std::size_t>(blocks_of(n)) * impl_->units_of(group);
  }
  return units;
}

std::size_t StatePool::blocks_free() const { return impl_->free_bytes() / impl_->unit; }
std::size_t StatePool::bytes_in_use() const { return impl_->used_bytes(); }

std::size_t StatePool::bytes_per_position() const {
  std::size_t bytes = 0;
  for (const Group& group : impl_->groups) {
    if (group.spec.kind == Kind::paged || group.spec.kind == Kind::latent) bytes += group.heap.block_bytes();
  }
  return (bytes + kernels::kBlock - 1) / kernels::kBlock;
}

void StatePool::k_blocks(SequenceId id, int layer, std::size_t head, std::int64_t first_block,
                         std::span<const std::byte*> out) const {
  impl_->fill(id, layer, head, first_block, /*values=*/false, out);
}

void StatePool::v_blocks(SequenceId id, int layer, std::size_t head, std::int64_t first_block,
                         std::span<const std::byte*> out) const {
  impl_->fill(id, layer, head, first_block, /*values=*/true, out);
}

void StatePool::store(SequenceId id, int layer, std::int64_t position, const float* k, const float* v) {
  const LayerPlace where = impl_->place(layer);
  const Group& group = impl_->groups[static_cast<std::size_t>(where.group)];
  const auto& blocks =
      impl_->sequences[static_cast<std::size_t>(id)].tables[static_cast<std::size_t>(where.group)].blocks;
  const BlockId block = blocks[static_cast<std::size_t>(position / kBlockSize)];
  const auto slot = static_cast<std::size_t>(position % kBlockSize);
  const StateGroup& spec = group.spec;
  for (std::size_t h = 0; h < spec.kv_heads; ++h) {
    std::byte* const base = group.head(block, where.index, h);
    impl_->kv.store_k(k + h * spec.k_dim, spec.k_dim, slot, base);
    if (spec.v_dim > 0) impl_->kv.store_v(v + h * spec.v_dim, spec.v_dim, slot, base + group.k_bytes);
  }
}

RecurrentState StatePool::recurrent(SequenceId id, int layer) const {
  const LayerPlace where = impl_->place(layer);
  const Group& group = impl_->groups[static_cast<std::size_t>(where.group)];
  const Sequence& s = impl_->at(id);
  const Table& table = s.tables[static_cast<std::size_t>(where.group)];
  if (!s.pending()) throw UsageError("state pool: recurrent state is there once room was reserved");
  const auto layer_of = [&](BlockId block) { return group.heap.data(block) + where.index * group.spec.bytes; };
  return {.before = began_at(table, s.length) ? layer_of(table.snapshots.back().block) : nullptr,
          .after = layer_of(table.state)};
}

bool StatePool::reserve_cross(SequenceId id, std::int64_t n) {
  Sequence& s = impl_->at(id);
  if (s.cross_length > 0) throw UsageError("state pool: a sequence has one encoder output");
  std::size_t bytes = 0;
  for (const Group& group : impl_->groups) {
    if (group.spec.kind != Kind::cross) continue;
    bytes += static_cast<std::size_t>(blocks_of(n)) * group.heap.block_bytes();
  }
  if (bytes > impl_->free_bytes()) return false;
  for (std::size_t g = 0; g < impl_->groups.size(); ++g) {
    if (impl_->groups[g].spec.kind != Kind::cross) continue;
    auto& blocks = s.tables[g].blocks;
    while (static_cast<std::int64_t>(blocks.size()) < blocks_of(n)) blocks.push_back(impl_->take(impl_->groups[g]));
  }
  s.cross_length = n;
  return true;
}

std::int64_t StatePool::cross_length(SequenceId id) const { return impl_->at(id).cross_length; }
const StateLayout& StatePool::layout() const { return impl_->layout; }
kernels::KvType StatePool::kv_type() const { return impl_->options.kv_type; }

}  // namespace skald::nn
