#include "nn/experts.h"

#include <algorithm>
#include <array>
#include <memory>

namespace skald::nn {

// An assignment is one row at one expert. They are ordered by expert, then by row.
struct ExpertScratch {
  enum Which { kGate, kUp, kDown, kProducts };

  // An expert that has rows: assignments [begin, end).
  struct Group {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::array<ReadyProduct, kProducts> products = {};
    std::array<std::byte*, kProducts> packed = {};  // to be filled; nullptr: nothing, or another product's serves

    [[nodiscard]] std::size_t rows() const { return end - begin; }
  };

  std::vector<std::size_t> ends;     // [n_experts] of their assignments
  std::vector<std::uint32_t> rows;   // [assignments]
  std::vector<float> weights;        // [assignments]
  std::vector<RowSpan> spans;        // of all groups; rows count from the group's first
  std::vector<Group> groups;         // ascending by expert
  WorkBuffer<Choice> choices;        // [rows, top_k]
  WorkBuffer<float> logits;          // [rows, n_experts]
  WorkBuffer<float> shared_weights;  // [rows]
  WorkBuffer<float> gathered;        // [assignments, hidden]
  WorkBuffer<float> outputs;         // [rows, hidden] of one expert at a time
};

namespace {

using kernels::kPanel;
using Group = ExpertScratch::Group;

ExpertScratch& scratch_of(Workspace& work) {
  if (work.experts == nullptr) work.experts = std::make_shared<ExpertScratch>();
  return *work.experts;
}

// The `k` best of score(0) .. score(n - 1), best first. A NaN is better than nothing.
template <typename Score>
void choose_best(const Score& score, std::size_t n, std::size_t k, Choice* best) {
  for (std::size_t e = 0, count = 0; e < n; ++e) {
    const float value = score(e);
    if (count == k && !(value > best[k - 1].weight)) continue;
    std::size_t place = count < k ? count++ : k - 1;
    for (; place > 0 && value > best[place - 1].weight; --place) best[place] = best[place - 1];
    best[place] = {static_cast<std::uint32_t>(e), value};
  }
}

// One pass of a layer's rows through its experts.
class ExpertPass {
 public:
  ExpertPass(const Experts& experts, const Context& context)
      : experts_(experts),
        context_(context),
        scratch_(scratch_of(*context.work)),
        rows_(context.rows.size()),
        hidden_(experts.router.gate.in_features()) {}

  void run(float* x, const Residual& norms) {
    route(norms.input(x), norms.before);
    assign();
    lay_out();
    gather(norms.before != nullptr ? context_.work->normed.data() : norms.input(x));
    run_inner();
    run_outer(x, norms);
  }

 private:
  // Fills scratch_.choices and the shared expert's weights.
  void route(const float* x, const Norm* norm) {
    const Router& router = experts_.router;
    const std::size_t n = router.gate.out_features();
    float* const logits = scratch_.logits.ensure(rows_ * n);
    float* const shared = scratch_.shared_weights.ensure(rows_);
    const std::array<Product, 2> both = {
        {{&router.gate, logits}, {experts_.shared_gate ? &*experts_.shared_gate : nullptr, shared}}};
    multiply({.x = x, .rows = rows_, .norm = norm, .spans = context_.adapter_spans},
             std::span(both).first(experts_.shared_gate ? 2 : 1), context_);
    Choice* const choices = scratch_.choices.ensure(rows_ * router.top_k);
    parallel_for(context_, rows_, 1, rows_ * n * 8, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) router.choose(logits + r * n, choices + r * router.top_k);
    });
    if (experts_.shared_gate) {
      kernels::table().activate(kernels::Activation::sigmoid, shared, nullptr, rows_, shared);
    } else {
      std::fill_n(shared, rows_, 1.0F);
    }
  }

  // Sorts the choices by expert and makes the groups.
  void assign() {
    ExpertScratch& s = scratch_;
    const std::size_t top_k = experts_.router.top_k;
    const std::size_t routed = rows_ * top_k;
    const std::size_t all = routed + (experts_.shared ? rows_ : 0);
    const Choice* const choices = s.choices.data();
    s.rows.resize(all);
    s.weights.resize(all);
    s.ends.assign(experts_.routed.size() + 1, 0);
    for (std::size_t i = 0; i < routed; ++i) ++s.ends[choices[i].expert + 1];
    for (std::size_t e = 1; e < s.ends.size(); ++e) s.ends[e] += s.ends[e - 1];
    for (std::size_t i = 0; i < routed; ++i) {  // ends[e] goes from the expert's first assignment to its end
      const std::size_t place = s.ends[choices[i].expert]++;
      s.rows[place] = static_cast<std::uint32_t>(i / top_k);
      s.weights[place] = choices[i].weight;
    }
    for (std::size_t r = 0; routed + r < all; ++r) {
      s.rows[routed + r] = static_cast<std::uint32_t>(r);
      s.weights[routed + r] = s.shared_weights.data()[r];
    }
    s.groups.clear();
    s.spans.clear();
    s.spans.reserve(context_.adapter_spans.empty() ? 0 : all);  // groups point into it
    std::size_t begin = 0;
    for (std::size_t e = 0; e < experts_.routed.size(); begin = s.ends[e++])
      add_group(experts_.routed[e], begin, s.ends[e]);
    if (experts_.shared) add_group(*experts_.shared, routed, all);
  }

  void add_group(const Expert& expert, std::size_t begin, std::size_t end) {
    if (begin == end) return;
    Group group{.begin = begin, .end = end};
    const std::span<const RowSpan> spans = add_spans(begin, end);
    const std::array<const Linear*, ExpertScratch::kProducts> linears = {&expert.gate_proj, &expert.up_proj,
                                                                         &expert.down_proj};
    for (std::size_t p = 0; p < linears.size(); ++p) {
      group.products[p].linear = linears[p];
      group.products[p].rows = end - begin;
      group.products[p].spans = spans;
    }
    scratch_.groups.push_back(group);
  }

  // The spans of assignments [begin, end) with one adapter.
  std::span<const RowSpan> add_spans(std::size_t begin, std::size_t end) {
    std::vector<RowSpan>& spans = scratch_.spans;
    const std::size_t first = spans.size();
    for (std::size_t a = begin; a < end && !context_.adapter_spans.empty(); ++a) {
      const Row& row = context_.rows[scratch_.rows[a]];
      if (row.adapter == 0) continue;
      const std::size_t at = a - begin;
      const bool goes_on = spans.size() > first && spans.back().end == at && spans.back().adapter == row.adapter &&
                           spans.back().scale == row.adapter_scale;
      if (goes_on) {
        ++spans.back().end;
      } else {
        spans.push_back({.begin = at, .end = at + 1, .adapter = row.adapter, .scale = row.adapter_scale});
      }
    }
    return std::span<const RowSpan>(spans).subspan(first);
  }

  // Where each group's products read and write.
  void lay_out() {
    std::size_t inner = 0;
    for (const Group& g : scratch_.groups) inner += g.rows() * inner_width(g);
    float* gate = context_.work->gate.ensure(inner);
    float* up = context_.work->up.ensure(inner);
    const float* const gathered = scratch_.gathered.ensure(scratch_.rows.size() * hidden_);
    float* const outputs = scratch_.outputs.ensure(rows_ * hidden_);
    for (Group& g : scratch_.groups) {
      auto& [gate_product, up_product, down_product] = g.products;
      gate_product.x = up_product.x = gathered + g.begin * hidden_;
      down_product.x = gate_product.y = gate;
      up_product.y = up;
      down_product.y = outputs;
      gate += g.rows() * inner_width(g);
      up += g.rows() * inner_width(g);
    }
  }

  static std::size_t inner_width(const Group& g) { return g.products[ExpertScratch::kGate].linear->out_features(); }

  // Makes the inputs of gate and up from h [rows, hidden].
  void gather(const float* h) {
    place_packed(ExpertScratch::kGate, ExpertScratch::kUp);
    const auto copy_and_pack = [&](std::size_t begin, std::size_t end) {
      for (const Group& g : std::span(scratch_.groups).subspan(begin, end - begin)) {
        float* out = scratch_.gathered.data() + g.begin * hidden_;
        for (std::size_t a = g.begin; a < g.end; ++a, out += hidden_) {
          std::copy_n(h + scratch_.rows[a] * hidden_, hidden_, out);
        }
        pack(g, ExpertScratch::kGate, ExpertScratch::kUp);
      }
    };
    parallel_for(context_, scratch_.groups.size(), 1, scratch_.rows.size() * hidden_, copy_and_pack);
    reduce(ExpertScratch::kGate, ExpertScratch::kUp);
  }

  // gate = act(gate_proj(h)) * up_proj(h), in the place of gate.
  void run_inner() {
    const auto body = [&](std::size_t begin, std::size_t end, std::size_t parts) {
      for (const Group& g : scratch_.groups) {
        const auto& [gate, up, down] = g.products;
        const auto [first, last] = share(gate, begin, end, parts);
        if (first == last) continue;
        gate.run(first, last);
        up.run(first, last);
        const std::size_t width = inner_width(g);
        const std::size_t column = first * kPanel;
        const std::size_t columns = std::min(width, last * kPanel) - column;
        for (std::size_t i = column; i < g.rows() * width; i += width) activate(gate.y + i, up.y + i, columns);
      }
    };
    for_shares(2, body);
    if (place_packed(ExpertScratch::kDown, ExpertScratch::kDown)) {
      parallel_for(context_, scratch_.groups.size(), 1, inner_work() / hidden_,
                   [&](std::size_t begin, std::size_t end) {
                     for (std::size_t i = begin; i < end; ++i)
                       pack(scratch_.groups[i], ExpertScratch::kDown, ExpertScratch::kDown);
                   });
    }
    reduce(ExpertScratch::kDown, ExpertScratch::kDown);
  }

  void activate(float* gate, const float* up, std::size_t n) const {
    const kernels::KernelTable& kernel = kernels::table();
    if (!experts_.clamped) return kernel.activate(experts_.activation, gate, up, n, gate);
    kernel.clamped_swiglu(experts_.clamped->alpha, experts_.clamped->limit, gate, up, n, gate);
  }

  // x += scale * after(the weighted sum of the experts' outputs). A worker has the same columns of all experts.
  void run_outer(float* x, const Residual& norms) {
    float* const delta = context_.work->delta.ensure(rows_ * hidden_);
    const auto body = [&](std::size_t begin, std::size_t end, std::size_t parts) {
      const auto [first, last] = share(scratch_.groups.front().products[ExpertScratch::kDown], begin, end, parts);
      if (first == last) return;
      const std::size_t column = first * kPanel;
      const std::size_t columns = std::min(hidden_, last * kPanel) - column;
      for (std::size_t r = 0; r < rows_; ++r) std::fill_n(delta + r * hidden_ + column, columns, 0.0F);
      for (const Group& g : scratch_.groups) {
        const ReadyProduct& down = g.products[ExpertScratch::kDown];
        down.run(first, last);
        for (std::size_t a = g.begin; a < g.end; ++a) {
          const float* const y = down.y + (a - g.begin) * hidden_ + column;
          kernels::table().add_scaled(scratch_.weights[a], y, columns, delta + scratch_.rows[a] * hidden_ + column);
        }
      }
      for (std::size_t i = column; norms.after == nullptr && i < rows_ * hidden_; i += hidden_) {
        norms.add(delta + i, columns, x + i);
      }
    };
    for_shares(1, body);
    if (norms.after == nullptr) return;
    parallel_for(context_, rows_, 1, rows_ * hidden_ * 4, [&](std::size_t begin, std::size_t end) {
      for (std::size_t r = begin; r < end; ++r) {
        norms.after->forward(delta + r * hidden_, delta + r * hidden_);
        norms.add(delta + r * hidden_, hidden_, x + r * hidden_);
      }
    });
  }

  // Multiply-adds of one product of every group.
  [[nodiscard]] std::size_t inner_work() const {
    std::size_t work = 0;
    for (const Group& g : scratch_.groups) work += g.rows() * inner_width(g) * hidden_;
    return work;
  }

  // Calls body(begin, end, parts): a worker takes the shares [begin, end) of the panels of every expert, which keeps
  // workers even however the rows fall, and each on the panels that it filled.
  template <typename Body>
  void for_shares(std::size_t products, const Body& body) {
    const auto parts = static_cast<std::size_t>(context_.pool->size());
    parallel_for(context_, parts, 1, products * inner_work(),
                 [&](std::size_t begin, std::size_t end) { body(begin, end, parts); });
  }

  // Panels [first, second) of shares [begin, end) of `parts`.
  static std::pair<std::size_t, std::size_t> share(const ReadyProduct& product, std::size_t begin, std::size_t end,
                                                   std::size_t parts) {
    const std::size_t panels = product.linear->weight().panels();
    return {panels * begin / parts, panels * end / parts};
  }

  static std::size_t x_form(const ReadyProduct& p) {
    return static_cast<std::size_t>(p.linear->weight().gemm().x_form);
  }

  static std::size_t packed_bytes(const ReadyProduct& p) {
    return p.linear->weight().gemm().packed_x_bytes(p.rows, p.linear->in_features());
  }

  // Whether product `p` reads what is packed for `first`, the first of the products of one input.
  static bool shares_packed(const Group& g, std::size_t first, std::size_t p) {
    return p != first && x_form(g.products[p]) == x_form(g.products[first]);
  }

  // Room for the packed inputs of products [first, last] of all groups. Returns whether any is packed.
  bool place_packed(std::size_t first, std::size_t last) {
    std::array<std::size_t, kernels::kXForms> bytes = {};
    for (const Group& g : scratch_.groups) {
      for (std::size_t p = first; p <= last; ++p) {
        if (!shares_packed(g, first, p)) bytes[x_form(g.products[p])] += packed_bytes(g.products[p]);
      }
    }
    std::array<std::byte*, kernels::kXForms> next = {};
    for (std::size_t f = 0; f < bytes.size(); ++f) {
      if (bytes[f] > 0) next[f] = context_.work->packed[f].ensure(bytes[f]);
    }
    for (Group& g : scratch_.groups) {
      for (std::size_t p = first; p <= last; ++p) {
        std::byte*& place = next[x_form(g.products[p])];
        if (!shares_packed(g, first, p)) {
          g.packed[p] = place;
          if (place != nullptr) place += packed_bytes(g.products[p]);
        }
        g.products[p].packed = shares_packed(g, first, p) ? g.packed[first] : g.packed[p];
      }
    }
    return std::ranges::any_of(bytes, [](std::size_t b) { return b > 0; });
  }

  static void pack(const Group& g, std::size_t first, std::size_t last) {
    for (std::size_t p = first; p <= last; ++p) {
      if (g.packed[p] == nullptr) continue;
      const ReadyProduct& product = g.products[p];
      const std::size_t k = product.linear->in_features();
      product.linear->weight().gemm().pack_x(product.x, k, k, 0, product.rows, product.rows, g.packed[p]);
    }
  }

  // The low-rank inputs of products [first, last] of the groups whose rows have adapters.
  void reduce(std::size_t first, std::size_t last) {
    if (context_.adapter_spans.empty()) return;
    std::size_t size = 1;
    for (const Group& g : scratch_.groups) {
      for (std::size_t p = first; p <= last; ++p) size += low_rank_size(*g.products[p].linear, g.products[p].spans);
    }
    float* next = context_.work->low_rank.ensure(size);
    for (Group& g : scratch_.groups) {
      for (std::size_t p = first; p <= last; ++p) {
        ReadyProduct& product = g.products[p];
        product.low_rank = next;
        next = reduce_low_rank(*product.linear, product.x, product.spans, next);
      }
    }
  }

  const Experts& experts_;
  const Context& context_;
  ExpertScratch& scratch_;
  std::size_t rows_;
  std::size_t hidden_;
};

}  // namespace

void Router::choose(float* logits, Choice* choices) const {
  const std::size_t n = gate.out_features();
  const kernels::KernelTable& kernel = kernels::table();
  const bool by_group = rule == Rule::sigmoid_by_group || rule == Rule::softmax_by_group;
  if (rule == Rule::softmax || rule == Rule::softmax_by_group) kernel.softmax(n, logits);
  if (rule == Rule::sigmoid_by_group) kernel.activate(kernels::Activation::sigmoid, logits, nullptr, n, logits);
  if (by_group) {
    choose_by_group(logits, choices);
  } else {
    choose_best([&](std::size_t e) { return logits[e]; }, n, top_k, choices);
  }
  if (rule == Rule::softmax_of_best) {
    for (std::size_t i = 0; i < top_k; ++i) logits[i] = choices[i].weight;
    kernel.softmax(top_k, logits);
    for (std::size_t i = 0; i < top_k; ++i) choices[i].weight = logits[i];
  }
  if (normalize) {
    float total = rule == Rule::sigmoid_by_group ? 1e-20F : 0;  // the reference's: all sigmoids may be 0
    for (std::size_t i = 0; i < top_k; ++i) total += choices[i].weight;
    for (std::size_t i = 0; i < top_k; ++i) choices[i].weight /= total;
  }
  for (std::size_t i = 0; i < top_k; ++i) choices[i].weight *= scale;
}

void Router::choose_by_group(const float* scores, Choice* choices) const {
  const std::size_t per_group = gate.out_features() / n_groups;
  const bool sigmoids = rule == Rule::sigmoid_by_group;
  const auto corrected = [&](std::size_t e) { return sigmoids ? scores[e] + score_correction[e] : scores[e]; };
  const auto score_of_group = [&](std::size_t g) {
    std::array<Choice, 2> best;
    choose_best([&](std::size_t i) { return corrected(g * per_group + i); }, per_group, sigmoids ? 2 : 1, best.data());
    return sigmoids ? best[0].weight + best[1].weight : best[0].weight;
  };
  std::array<Choice, kMaxExpertGroups> groups;
  choose_best(score_of_group, n_groups, top_groups, groups.data());
  std::sort(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(top_groups),
            [](const Choice& a, const Choice& b) { return a.expert < b.expert; });
  const auto expert = [&](std::size_t i) { return groups[i / per_group].expert * per_group + i % per_group; };
  choose_best([&](std::size_t i) { return corrected(expert(i)); }, top_groups * per_group, top_k, choices);
  for (std::size_t i = 0; i < top_k; ++i) {
    const std::size_t e = expert(choices[i].expert);
    choices[i] = {static_cast<std::uint32_t>(e), scores[e]};
  }
}

void Experts::add_to(float* x, const Residual& norms, const Context& context) const {
  ExpertPass(*this, context).run(x, norms);
}

}  // namespace skald::nn
