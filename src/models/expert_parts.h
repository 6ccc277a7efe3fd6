// What families with experts share: their sizes in config.json and their weights by the checkpoint's names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/config.h"
#include "models/rotary_parts.h"
#include "nn/experts.h"
#include "nn/weight_source.h"

namespace skald::models {

/// Sizes of the experts of a layer.
struct ExpertSizes {
  std::size_t n = 0;
  std::size_t per_row = 0;  // in [1, n]
  std::size_t hidden = 0;
  std::size_t inner = 0;
};

/// A config's numbers of experts: `n_key`, and num_experts_per_tok of them for a row. Throws FormatError where they are
/// out of range.
ExpertSizes read_expert_sizes(const json::Fields& fields, std::string_view n_key, std::int64_t n_unsaid,
                              std::int64_t per_row_unsaid);

/// All experts of a layer in two tensors: `gate_up` [n, 2 * inner, hidden] and `down` [n, hidden, inner].
std::vector<nn::Expert> stacked_experts(const ExpertSizes& sizes, const std::string& gate_up, const std::string& down,
                                        nn::WeightSource& weights);

/// The experts under `prefix` ("model.layers.0.mlp.experts."): one by one, or, where the file has gate_up_proj there,
/// stored as gate_up_proj [n, 2 * inner, hidden] and down_proj [n, hidden, inner].
std::vector<nn::Expert> routed_experts(const ExpertSizes& sizes, const std::string& prefix, const GatedNames& names,
                                       nn::WeightSource& weights);

}  // namespace skald::models
