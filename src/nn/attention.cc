#include "nn/attention.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "base/float16.h"
#include "kernels/pack.h"

namespace skald::nn {
namespace {

using kernels::CutKeys;
using kernels::CutQuery;

constexpr auto kCut = static_cast<std::int64_t>(kernels::kCut);
constexpr std::size_t kBlocksPerCut = kernels::kCut / kernels::kBlock;
constexpr std::size_t kQueriesPerTile = 256;  // what one reading of a cut serves
constexpr std::size_t kLeastHeads = 4;        // that a task keeps when heads of one kv head are shared out
constexpr std::size_t kPackedByOne = 1024;    // queries: fewer are packed sooner than a worker wakes
constexpr std::size_t kManyTasks = 4;         // a worker: so many keep all busy to the end

struct KeyRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

KeyRange keys_of(const AttentionSpec& spec, const SequenceRun& run, std::size_t row) {
  if (spec.mask == AttentionSpec::Mask::cross) return {0, run.cross_length};
  const std::int64_t position = run.position + static_cast<std::int64_t>(row - run.begin);
  KeyRange range{0, position + 1};
  if (spec.mask == AttentionSpec::Mask::full) range.end = run.position + static_cast<std::int64_t>(run.end - run.begin);
  if (spec.mask == AttentionSpec::Mask::prefix) range.end = std::max(range.end, run.prefix_length);
  if (spec.window > 0) {
    range.begin = std::max<std::int64_t>(0, position - spec.window + 1);
    if (spec.mask == AttentionSpec::Mask::full) range.end = std::min(range.end, position + spec.window);
  }
  return range;
}

// One pass of attention in one layer. A task is a tile's rows in heads that share a kv head: all of them, or some.
class Attention {
 public:
  Attention(const AttentionSpec& spec, int layer, const float* q, float* out, const Context& context)
      : spec_(spec),
        layer_(layer),
        q_(q),
        out_(out),
        context_(context),
        kv_(kernels::table().kv[static_cast<int>(context.state->kv_type())]),
        group_(spec.n_heads / spec.kv_heads),
        stride_((2 + spec.v_dim + 15) / 16 * 16),
        q_stride_(spec.k_dim) {}

  void run() {
    make_tiles();
    pack_queries();
    const auto workers = static_cast<std::size_t>(context_.pool->size());
    if (context_.work->attention.size() < workers) context_.work->attention.resize(workers);
    const bool serial = work() < kSerialWork || workers == 1;
    if (!serial) share_out_heads(workers);
    const std::size_t tasks = context_.work->tiles.size() * groups();
    if (serial) {
      for (std::size_t task = 0; task < tasks; ++task) run_task(task, scratch_of(0));
    } else if (max_cuts() == 1 || tasks % workers == 0 || tasks >= kManyTasks * workers) {
      context_.pool->parallel_dynamic(tasks, 1, [&](std::size_t begin, std::size_t end, int worker) {
        for (std::size_t task = begin; task < end; ++task) run_task(task, scratch_of(worker));
      });
    } else {
      run_by_cuts(tasks);
    }
  }

 private:
  void make_tiles() {
    const std::size_t rows = std::max<std::size_t>(1, kQueriesPerTile / group_);
    auto& tiles = context_.work->tiles;
    tiles.clear();
    for (std::size_t r = 0; r < context_.runs.size(); ++r) {
      const SequenceRun& run = context_.runs[r];
      for (std::size_t begin = run.begin; begin < run.end; begin += rows) {
        tiles.push_back({r, begin, std::min(run.end, begin + rows)});
        most_rows_ = std::max(most_rows_, tiles.back().end - begin);
      }
    }
  }

  // Few rows over few keys: several workers read the same ones, each for some of the heads.
  void share_out_heads(std::size_t workers) {
    const std::size_t pieces = context_.work->tiles.size() * static_cast<std::size_t>(max_cuts());
    while (pieces * groups() < workers && group_ % 2 == 0 && group_ > kLeastHeads) group_ /= 2;
  }

  [[nodiscard]] std::size_t groups() const { return spec_.n_heads / group_; }
  [[nodiscard]] const AttentionTile& tile_of(std::size_t task) const { return context_.work->tiles[task / groups()]; }
  [[nodiscard]] std::size_t first_head(std::size_t task) const { return task % groups() * group_; }
  [[nodiscard]] std::size_t queries(const AttentionTile& tile) const { return (tile.end - tile.begin) * group_; }
  [[nodiscard]] std::size_t most_queries() const { return most_rows_ * group_; }

  [[nodiscard]] KeyRange keys_of_query(const AttentionTile& tile, std::size_t query) const {
    return keys_of(spec_, context_.runs[tile.run], tile.begin + query / group_);
  }

  // Cuts [begin, end) that some row of the tile sees.
  [[nodiscard]] KeyRange cuts(const AttentionTile& tile) const {
    const KeyRange first = keys_of_query(tile, 0);
    const KeyRange last = keys_of_query(tile, queries(tile) - 1);
    return {first.begin / kCut, (last.end + kCut - 1) / kCut};
  }

  [[nodiscard]] std::size_t work() const {
    std::size_t keys = 0;
    for (const SequenceRun& run : context_.runs) {
      const KeyRange range = keys_of(spec_, run, run.end - 1);
      keys += static_cast<std::size_t>(range.end - range.begin) * (run.end - run.begin);
    }
    return keys * spec_.n_heads * (spec_.k_dim + spec_.v_dim);
  }

  [[nodiscard]] std::int64_t max_cuts() const {
    std::int64_t most = 0;
    for (const AttentionTile& tile : context_.work->tiles) most = std::max(most, cuts(tile).end - cuts(tile).begin);
    return most;
  }

  [[nodiscard]] AttentionScratch& scratch_of(int worker) const {
    AttentionScratch& scratch = context_.work->attention[static_cast<std::size_t>(worker)];
    scratch.states.ensure(most_queries() * stride_);
    scratch.partials.ensure(most_queries() * stride_);
    if (spec_.bias == AttentionSpec::Bias::relative) scratch.biases.ensure(most_queries() * kernels::kCut);
    scratch.queries.reserve(most_queries());
    scratch.later.reserve(most_queries());
    return scratch;
  }

  void run_task(std::size_t task, AttentionScratch& scratch) const {
    const AttentionTile& tile = tile_of(task);
    float* const states = scratch.states.data();
    float* const partials = scratch.partials.data();
    const KeyRange range = cuts(tile);
    for (std::int64_t cut = range.begin; cut < range.end; ++cut) {
      attend_cut(task, cut, states, partials, scratch);
      for (const std::uint32_t i : scratch.later) {
        kernels::table().merge_partial(partials + i * stride_, spec_.v_dim, states + i * stride_);
      }
    }
    for (std::size_t i = 0; i < queries(tile); ++i) finish(task, i, states + i * stride_);
  }

  // Few rows and long contexts: the cuts of a task go to different workers, and are merged in order afterwards.
  void run_by_cuts(std::size_t tasks) const {
    const auto most = static_cast<std::size_t>(max_cuts());
    const std::size_t per_cut = most_queries() * stride_;
    float* const results = context_.work->cut_partials.ensure(tasks * most * per_cut);
    context_.pool->parallel_dynamic(tasks * most, 1, [&](std::size_t begin, std::size_t end, int worker) {
      for (std::size_t i = begin; i < end; ++i) {
        const KeyRange range = cuts(tile_of(i / most));
        const std::int64_t cut = range.begin + static_cast<std::int64_t>(i % most);
        float* const result = results + i * per_cut;
        if (cut < range.end) attend_cut(i / most, cut, result, result, scratch_of(worker));
      }
    });
    context_.pool->parallel_dynamic(tasks * most_queries(), 4, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t task = i / most_queries();
        const std::size_t query = i % most_queries();
        if (query < queries(tile_of(task))) merge_cuts(task, query, results + task * most * per_cut);
      }
    });
  }

  // `results` [cuts, most_queries, stride] of one task.
  void merge_cuts(std::size_t task, std::size_t i, float* results) const {
    const std::int64_t origin = cuts(tile_of(task)).begin;
    const auto result = [&](std::int64_t cut) {
      return results + (static_cast<std::size_t>(cut - origin) * most_queries() + i) * stride_;
    };
    const KeyRange keys = keys_of_query(tile_of(task), i);
    float* const state = result(keys.begin / kCut);
    for (std::int64_t cut = keys.begin / kCut + 1; cut * kCut < keys.end; ++cut) {
      kernels::table().merge_partial(result(cut), spec_.v_dim, state);
    }
    finish(task, i, state);
  }

  // All queries as the kernels take them, once: a query meets many cuts.
  void pack_queries() {
    if (kv_.pack_q == nullptr) return;
    const std::size_t n = context_.rows.size() * spec_.n_heads;
    const std::size_t stride = (spec_.k_dim + 15) / 16 * 16;
    float* const packed = context_.work->packed_q.ensure(n * stride);
    context_.pool->parallel_for(n, kPackedByOne, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) kv_.pack_q(q_ + i * spec_.k_dim, spec_.k_dim, packed + i * stride);
    });
    q_ = packed;
    q_stride_ = stride;
  }

  // One cut for the queries of a task that see something of it. A query's first cut goes straight into its state, the
  // others into partials: both [queries, stride].
  void attend_cut(std::size_t task, std::int64_t cut, float* states, float* partials, AttentionScratch& scratch) const {
    const AttentionTile& tile = tile_of(task);
    const SequenceRun& run = context_.runs[tile.run];
    scratch.queries.clear();
    scratch.later.clear();
    for (std::size_t row = tile.begin; row < tile.end; ++row) {
      const KeyRange keys = keys_of(spec_, run, row);
      const std::int64_t begin = std::max<std::int64_t>(keys.begin - cut * kCut, 0);
      const std::int64_t end = std::min(keys.end - cut * kCut, kCut);
      if (begin >= end) continue;
      const bool first = keys.begin / kCut == cut;
      const std::int64_t distance = run.position + static_cast<std::int64_t>(row - run.begin) - cut * kCut;
      const std::size_t head = first_head(task);
      for (std::size_t h = 0; h < group_; ++h) {
        const std::size_t i = (row - tile.begin) * group_ + h;
        if (!first) scratch.later.push_back(static_cast<std::uint32_t>(i));
        scratch.queries.push_back(
            {.q = q_ + (row * spec_.n_heads + head + h) * q_stride_,
             .begin = static_cast<std::uint32_t>(begin),
             .end = static_cast<std::uint32_t>(end),
             .alibi_slope = spec_.bias == AttentionSpec::Bias::alibi ? spec_.alibi_slopes[head + h] : 0,
             .distance = static_cast<std::int32_t>(distance),
             .bias = relative_biases(head + h, i, distance, scratch),
             .partial = (first ? states : partials) + i * stride_});
      }
    }
    attend_queries(task, cut, scratch.queries);
  }

  void attend_queries(std::size_t task, std::int64_t cut, std::span<const CutQuery> queries) const {
    const std::size_t kv_head = first_head(task) / (spec_.n_heads / spec_.kv_heads);
    std::array<const std::byte*, 2 * kBlocksPerCut> k_blocks;  // of this cut and the next
    std::array<const std::byte*, kBlocksPerCut> v_blocks;
    const SequenceId sequence = context_.runs[tile_of(task).run].sequence;
    const std::int64_t first_block = cut * static_cast<std::int64_t>(kBlocksPerCut);
    context_.state->k_blocks(sequence, layer_, kv_head, first_block, k_blocks);
    if (!spec_.latent) context_.state->v_blocks(sequence, layer_, kv_head, first_block, v_blocks);
    const CutKeys keys{.k_blocks = k_blocks.data(),
                       .v_blocks = spec_.latent ? nullptr : v_blocks.data(),
                       .next_k_blocks = k_blocks.data() + kBlocksPerCut,
                       .k_dim = spec_.k_dim,
                       .v_dim = spec_.v_dim,
                       .scale = spec_.scale,
                       .softcap = spec_.softcap};
    kv_.attend_cut(keys, queries);
  }

  // Biases [kCut] of query `i` of a task over a cut that begins `distance` positions before it; nullptr: none.
  const float* relative_biases(std::size_t head, std::size_t i, std::int64_t distance,
                               AttentionScratch& scratch) const {
    if (spec_.bias != AttentionSpec::Bias::relative) return nullptr;
    const std::int64_t reach = spec_.relative.reach;
    const float* const values = spec_.relative.values.data() + head * static_cast<std::size_t>(2 * reach + 1);
    float* const bias = scratch.biases.data() + i * kernels::kCut;
    for (std::int64_t p = 0; p < kCut; ++p) bias[p] = values[std::clamp(p - distance, -reach, reach) + reach];
    return bias;
  }

  void finish(std::size_t task, std::size_t i, const float* state) const {
    const std::size_t head = first_head(task) + i % group_;
    const float sink = spec_.sinks.empty() ? -std::numeric_limits<float>::infinity() : spec_.sinks[head];
    float* const out = out_ + ((tile_of(task).begin + i / group_) * spec_.n_heads + head) * spec_.v_dim;
    kernels::table().finish_attention(state, spec_.v_dim, sink, out);
  }

  const AttentionSpec& spec_;
  int layer_;
  const float* q_;  // [rows, n_heads, k_dim], q_stride_ apart; packed where the kernels want them so
  float* out_;      // [rows, n_heads, v_dim]
  const Context& context_;
  const kernels::KvKernels& kv_;
  std::size_t group_;          // query heads of one task, which share a kv head
  std::size_t stride_;         // floats of one result (maximum, sum, values), rounded up to cache lines
  std::size_t q_stride_;       // floats from one query to the next
  std::size_t most_rows_ = 0;  // of a tile
};

template <typename T>
T element(const std::byte* block, std::size_t i) {
  T value{};
  std::memcpy(&value, block + i * sizeof(T), sizeof(T));
  return value;
}

// Element `d` of the key in slot `slot` of a block (kernels/pack.h).
float key_element(const std::byte* block, kernels::KvType type, std::size_t k_dim, std::size_t d, std::size_t slot) {
  const std::size_t i = d * kernels::kBlock + slot;
  const std::size_t in_pairs = (d / 2 * kernels::kBlock + slot) * 2 + d % 2;
  switch (type) {
    case kernels::KvType::f32: return element<float>(block, i);
    case kernels::KvType::bf16: return to_float(element<BFloat16>(block, in_pairs));
    case kernels::KvType::int8: break;
  }
  return element<std::int8_t>(block, i) * element<float>(block + kernels::int8_k_scales(k_dim), slot);
}

// The bias of one score.
float bias_of(const AttentionSpec& spec, std::size_t head, std::int64_t offset) {
  if (spec.bias == AttentionSpec::Bias::alibi) return spec.alibi_slopes[head] * static_cast<float>(offset);
  if (spec.bias == AttentionSpec::Bias::none) return 0;
  const std::int64_t reach = spec.relative.reach;
  const std::size_t width = static_cast<std::size_t>(2 * reach + 1);
  return spec.relative.values[head * width + static_cast<std::size_t>(std::clamp(offset, -reach, reach) + reach)];
}

// Probabilities [keys] of one head of one row over [0, keys); 0 where the row does not look. For people, not for speed.
void row_probabilities(const AttentionSpec& spec, int layer, const float* q, std::size_t row, std::size_t head,
                       const SequenceRun& run, const Context& context, std::span<float> out) {
  const KeyRange range = keys_of(spec, run, row);
  const std::int64_t position = run.position + static_cast<std::int64_t>(row - run.begin);
  const float* const query = q + (row * spec.n_heads + head) * spec.k_dim;
  std::ranges::fill(out, 0.0F);
  float most = spec.sinks.empty() ? -std::numeric_limits<float>::infinity() : spec.sinks[head];
  for (std::int64_t p = range.begin; p < range.end; ++p) {
    const std::byte* block = nullptr;
    context.state->k_blocks(run.sequence, layer, head / (spec.n_heads / spec.kv_heads),
                            p / static_cast<std::int64_t>(kernels::kBlock), {&block, 1});
    float score = 0;
    for (std::size_t d = 0; d < spec.k_dim; ++d) {
      const auto slot = static_cast<std::size_t>(p) % kernels::kBlock;
      score += query[d] * key_element(block, context.state->kv_type(), spec.k_dim, d, slot);
    }
    score *= spec.scale;
    if (spec.softcap > 0) score = spec.softcap * std::tanh(score / spec.softcap);
    out[static_cast<std::size_t>(p)] = score + bias_of(spec, head, p - position);
    most = std::max(most, out[static_cast<std::size_t>(p)]);
  }
  float sum = spec.sinks.empty() ? 0 : std::exp(spec.sinks[head] - most);
  const auto seen =
      out.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.end - range.begin));
  for (float& p : seen) sum += p = std::exp(p - most);
  for (float& p : seen) p /= sum;
}

}  // namespace

void attend(const AttentionSpec& spec, int layer, const float* q, float* out, const Context& context) {
  Attention(spec, layer, q, out, context).run();
  if (context.attention_tap == nullptr) return;
  for (const SequenceRun& run : context.runs) {
    for (std::size_t row = run.begin; row < run.end; ++row) {
      if (!context.rows[row].wants.attentions) continue;
      const auto keys = static_cast<std::size_t>(keys_of(spec, run, row).end);
      float* const probabilities = context.work->probabilities.ensure(spec.n_heads * keys);
      for (std::size_t head = 0; head < spec.n_heads; ++head) {
        row_probabilities(spec, layer, q, row, head, run, context, {probabilities + head * keys, keys});
      }
      (*context.attention_tap)(row, layer, probabilities, spec.n_heads, static_cast<std::int64_t>(keys));
    }
  }
}

std::vector<float> alibi_slopes(std::size_t n_heads) {
  const std::size_t power = std::bit_floor(n_heads);
  const auto slope = [](std::size_t i, std::size_t n) {  // powers of a base that the reference rounds to f32
    const auto base = static_cast<float>(std::exp2(-8.0 / static_cast<double>(n)));
    return static_cast<float>(std::pow(static_cast<double>(base), static_cast<double>(i)));
  };
  std::vector<float> slopes;
  for (std::size_t i = 1; i <= power; ++i) slopes.push_back(slope(i, power));
  for (std::size_t i = 1; slopes.size() < n_heads; i += 2) slopes.push_back(slope(i, 2 * power));
  return slopes;
}

}  // namespace skald::nn
