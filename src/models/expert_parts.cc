#include "models/expert_parts.h"

namespace skald::models {
namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

}  // namespace

ExpertSizes read_expert_sizes(const json::Fields& fields, std::string_view n_key, std::int64_t n_unsaid,
                              std::int64_t per_row_unsaid) {
  constexpr const char* kPerRow = "num_experts_per_tok";
  const std::int64_t n = fields.get_integer(n_key, 1, kMaxExperts).value_or(n_unsaid);
  const std::int64_t per_row = fields.get_integer(kPerRow, 1, kMaxExperts).value_or(per_row_unsaid);
  if (per_row > n) {
    fields.fail(kPerRow, "must be at most " + std::string(n_key) + ", which is " + std::to_string(n));
  }
  return {.n = size(n),
          .per_row = size(per_row),
          .hidden = size(fields.need_integer("hidden_size", 1, kMaxWidth)),
          .inner = size(fields.need_integer("intermediate_size", 1, kMaxWidth))};
}

std::vector<nn::Expert> stacked_experts(const ExpertSizes& sizes, const std::string& gate_up, const std::string& down,
                                        nn::WeightSource& w) {
  const std::size_t inner = sizes.inner;
  w.set_step_share(sizes.per_row, sizes.n);
  std::vector<nn::Expert> experts(sizes.n);
  for (std::size_t e = 0; e < sizes.n; ++e) {
    const auto half = [&](std::size_t first) {
      return w.linear({.matrix = gate_up}, inner, sizes.hidden,
                      {.outputs = 2 * inner, .first = first, .planes = sizes.n, .plane = e});
    };
    experts[e] = {.gate_proj = half(0),
                  .up_proj = half(inner),
                  .down_proj = w.linear({.matrix = down}, sizes.hidden, inner, {.planes = sizes.n, .plane = e})};
  }
  w.set_step_share(1, 1);
  return experts;
}

std::vector<nn::Expert> routed_experts(const ExpertSizes& sizes, const std::string& prefix, const GatedNames& names,
                                       nn::WeightSource& w) {
  if (w.has(prefix + "gate_up_proj")) {
    return stacked_experts(sizes, prefix + "gate_up_proj", prefix + "down_proj", w);
  }
  w.set_step_share(sizes.per_row, sizes.n);
  std::vector<nn::Expert> experts(sizes.n);
  for (std::size_t e = 0; e < sizes.n; ++e) {
    const std::string p = prefix + std::to_string(e) + ".";
    experts[e] = {.gate_proj = w.linear(p + names.gate, sizes.inner, sizes.hidden),
                  .up_proj = w.linear(p + names.up, sizes.inner, sizes.hidden),
                  .down_proj = w.linear(p + names.down, sizes.hidden, sizes.inner)};
  }
  w.set_step_share(1, 1);
  return experts;
}

}  // namespace skald::models
