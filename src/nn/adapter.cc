#include "nn/adapter.h"

#include <algorithm>

#include "skald/error.h"

namespace skald::nn {
namespace {

// The rows of B that belong to one part, packed.
PackedMatrix pack_part(const LowRankDelta& delta, std::size_t n, const Part& part) {
  std::vector<float> rows(n * delta.rank);
  for (std::size_t i = 0; i < n; ++i) {
    std::copy_n(delta.b.begin() + static_cast<std::ptrdiff_t>(part.stored_output(i) * delta.rank), delta.rank,
                rows.begin() + static_cast<std::ptrdiff_t>(i * delta.rank));
  }
  return pack_matrix(rows, n, delta.rank, kernels::WeightFormat::f32);
}

}  // namespace

std::size_t AdapterSlot::add_part(std::size_t n, const Part& part) {
  parts_.push_back({n, part});
  return parts_.size() - 1;
}

void AdapterSlot::set(std::int32_t adapter, const LowRankDelta& delta) {
  const std::size_t rank = delta.rank;
  if (rank == 0 || delta.a.size() != rank * in_ || delta.b.size() != out_ * rank || adapter < 1) {
    throw OptionError(ErrorFields{
        .field = "adapter of " + name_,
        .value = "A of " + std::to_string(delta.a.size()) + ", B of " + std::to_string(delta.b.size()) + " numbers",
        .rule = "rank " + std::to_string(rank) + " needs A [" + std::to_string(rank) + ", " + std::to_string(in_) +
                "] and B [" + std::to_string(out_) + ", " + std::to_string(rank) + "]"});
  }
  Packed packed{.scale = delta.scale, .a = pack_matrix(delta.a, rank, in_, kernels::WeightFormat::f32), .b = {}};
  for (const JoinedPart& joined : parts_) packed.b.push_back(pack_part(delta, joined.n, joined.part));
  deltas_.insert_or_assign(adapter, std::move(packed));
}

const AdapterSlot::Packed* AdapterSlot::find(std::int32_t adapter) const {
  const auto found = deltas_.find(adapter);
  return found == deltas_.end() ? nullptr : &found->second;
}

}  // namespace skald::nn
