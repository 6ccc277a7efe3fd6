// Low-rank adapters, https://arxiv.org/abs/2106.09685 : y += scale * B (A x), in f32, for the rows that ask for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nn/packed_matrix.h"
#include "nn/weight_part.h"

namespace skald::nn {

struct LowRankDelta {
  std::size_t rank = 0;
  float scale = 1;
  std::vector<float> a;  // [rank, in_features]
  std::vector<float> b;  // [out_features, rank]
};

/// The deltas of one stored weight, by adapter. Linears that are parts of the weight share it: A is one, of B each has
/// its own outputs.
class AdapterSlot {
 public:
  struct Packed {
    float scale = 1;
    PackedMatrix a;               // [rank, in_features]
    std::vector<PackedMatrix> b;  // by part: [its outputs, rank]
  };

  AdapterSlot(std::string name, std::size_t in_features, std::size_t out_features)
      : name_(std::move(name)), in_(in_features), out_(out_features) {}

  /// A Linear of `n` outputs joins. Returns its index into Packed::b.
  std::size_t add_part(std::size_t n, const Part& part);
  /// `adapter` >= 1. Throws OptionError where the sizes do not fit this weight.
  void set(std::int32_t adapter, const LowRankDelta& delta);
  [[nodiscard]] const Packed* find(std::int32_t adapter) const;

 private:
  struct JoinedPart {
    std::size_t n;
    Part part;
  };
  std::string name_;
  std::size_t in_, out_;
  std::vector<JoinedPart> parts_;
  std::map<std::int32_t, Packed> deltas_;
};

}  // namespace skald::nn
