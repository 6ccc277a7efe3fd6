#include "nn/linear.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/pack.h"
#include "skald/error.h"

namespace skald::nn {
namespace {

using kernels::kPanel;

constexpr std::size_t kRowTile = 16;  // pack_x takes ranges of rows that begin at multiples of this

struct PreparedInput {
  const float* x = nullptr;                                    // [rows, k]
  std::array<const std::byte*, kernels::kXForms> packed = {};  // by XForm
};

// Normalises the rows and makes the packed forms that the products' formats read, in one region.
PreparedInput prepare(const ProductInput& input, std::span<const Product> products, const Context& context) {
  const std::size_t k = products[0].linear->in_features();
  const std::size_t rows = input.rows;
  Workspace& work = *context.work;
  PreparedInput prepared{.x = input.x};
  std::array<std::byte*, kernels::kXForms> packed = {};
  std::array<decltype(kernels::GemmKernels::pack_x), kernels::kXForms> pack_x = {};
  for (const Product& product : products) {
    const kernels::GemmKernels& gemm = product.linear->weight().gemm();
    const auto form = static_cast<std::size_t>(gemm.x_form);
    const std::size_t bytes = gemm.packed_x_bytes(rows, k);
    if (bytes > 0) prepared.packed[form] = packed[form] = work.packed[form].ensure(bytes);
    pack_x[form] = gemm.pack_x;
  }
  float* const normed = input.norm != nullptr ? work.normed.ensure(rows * k) : nullptr;
  if (normed != nullptr) prepared.x = normed;
  const bool packs = std::ranges::any_of(packed, [](const std::byte* p) { return p != nullptr; });
  if (normed == nullptr && !packs) return prepared;

  const std::size_t tiles = (rows + kRowTile - 1) / kRowTile;
  parallel_for(context, tiles, 1, rows * k, [&](std::size_t first, std::size_t last) {
    const std::size_t begin = first * kRowTile;
    const std::size_t end = std::min(rows, last * kRowTile);
    for (std::size_t r = begin; normed != nullptr && r < end; ++r) input.norm->forward(input.x + r * k, normed + r * k);
    for (std::size_t f = 0; f < packed.size(); ++f) {
      if (packed[f] == nullptr) continue;
      pack_x[f](prepared.x, k, k, begin, end, rows, packed[f]);
    }
  });
  return prepared;
}

// Calls `use(span, delta)` for the spans whose adapter changes `linear`.
template <typename Use>
void for_each_delta(const Linear& linear, std::span<const RowSpan> spans, Use use) {
  for (const RowSpan& span : spans) {
    if (const AdapterSlot::Packed* const delta = linear.adapters()->find(span.adapter)) use(span, *delta);
  }
}

// y[:, panel] += scale * B (A x), from what reduce_low_rank left.
void expand_low_rank(const ReadyProduct& product, std::size_t panel) {
  const Linear& linear = *product.linear;
  const float* reduced = product.low_rank;
  const std::size_t n = linear.out_features();
  const std::size_t width = std::min(kPanel, n - panel * kPanel);
  std::array<float, kRowTile * kPanel> deltas;  // [rows, width]
  for_each_delta(linear, product.spans, [&](const RowSpan& span, const AdapterSlot::Packed& delta) {
    const PackedMatrix& b = delta.b[linear.adapter_part()];
    const std::size_t rank = b.columns();
    const float scale = span.scale * delta.scale;
    for (std::size_t row = span.begin; row < span.end; row += kRowTile) {
      const std::size_t rows = std::min(kRowTile, span.end - row);
      b.gemm().gemm({.x = reduced,
                     .x_stride = rank,
                     .packed_x = nullptr,
                     .w = b.data() + panel * kernels::panel_bytes(b.format(), rank),
                     .y = deltas.data(),
                     .y_stride = width,
                     .m = rows,
                     .n = width,
                     .k = rank},
                    0, 1);
      for (std::size_t r = 0; r < rows; ++r) {
        float* const y = product.y + (row + r) * n + panel * kPanel;
        for (std::size_t j = 0; j < width; ++j) y[j] += scale * deltas[r * width + j];
      }
      reduced += rows * rank;
    }
  });
}

// Runs products panel range by panel range; knows where each one's low-rank inputs lie.
class Runner {
 public:
  Runner(const ProductInput& input, std::span<const Product> products, const Context& context)
      : input_(input), products_(products), prepared_(prepare(input, products, context)) {
    if (input.spans.empty()) return;
    std::size_t size = 0;
    for (const Product& product : products) size += low_rank_size(*product.linear, input.spans);
    reduced_ = context.work->low_rank.ensure(std::max<std::size_t>(size, 1));
    float* next = reduced_;
    for (const Product& product : products) next = reduce_low_rank(*product.linear, prepared_.x, input.spans, next);
  }

  // Outputs of panels [first, last) of product `p`.
  void run(std::size_t p, std::size_t first, std::size_t last) const {
    const Product& product = products_[p];
    const auto form = static_cast<std::size_t>(product.linear->weight().gemm().x_form);
    const ReadyProduct ready{.linear = product.linear,
                             .x = prepared_.x,
                             .packed = prepared_.packed[form],
                             .rows = input_.rows,
                             .y = product.y,
                             .spans = input_.spans,
                             .low_rank = input_.spans.empty() ? nullptr : reduced_of(p)};
    ready.run(first, last);
  }

 private:
  [[nodiscard]] const float* reduced_of(std::size_t p) const {
    const float* place = reduced_;
    for (std::size_t i = 0; i < p; ++i) place += low_rank_size(*products_[i].linear, input_.spans);
    return place;
  }

  const ProductInput& input_;
  std::span<const Product> products_;
  PreparedInput prepared_;
  float* reduced_ = nullptr;
};

}  // namespace

std::size_t low_rank_size(const Linear& linear, std::span<const RowSpan> spans) {
  std::size_t size = 0;
  for_each_delta(linear, spans, [&](const RowSpan& span, const AdapterSlot::Packed& delta) {
    size += (span.end - span.begin) * delta.a.rows();
  });
  return size;
}

float* reduce_low_rank(const Linear& linear, const float* x, std::span<const RowSpan> spans, float* out) {
  for_each_delta(linear, spans, [&](const RowSpan& span, const AdapterSlot::Packed& delta) {
    const std::size_t rows = span.end - span.begin;
    const std::size_t k = delta.a.columns();
    delta.a.gemm().gemm({.x = x + span.begin * k,
                         .x_stride = k,
                         .packed_x = nullptr,
                         .w = delta.a.data(),
                         .y = out,
                         .y_stride = delta.a.rows(),
                         .m = rows,
                         .n = delta.a.rows(),
                         .k = k},
                        0, delta.a.panels());
    out += rows * delta.a.rows();
  });
  return out;
}

void ReadyProduct::run(std::size_t first, std::size_t last) const {
  const PackedMatrix& weight = linear->weight();
  const std::size_t n = weight.rows();
  const std::size_t begin = first * kPanel;
  const std::size_t end = std::min(n, last * kPanel);
  const kernels::GemmCall call{.x = x,
                               .x_stride = weight.columns(),
                               .packed_x = packed,
                               .w = weight.data(),
                               .y = y,
                               .y_stride = n,
                               .m = rows,
                               .n = n,
                               .k = weight.columns()};
  weight.gemm().gemm(call, first, last);
  const auto bias = linear->bias();
  if (!bias.empty()) {
    for (std::size_t r = 0; r < rows; ++r) kernels::table().add(bias.data() + begin, end - begin, y + r * n + begin);
  }
  if (spans.empty()) return;
  for (std::size_t panel = first; panel < last; ++panel) expand_low_rank(*this, panel);
}

Linear::Linear(std::string name, std::shared_ptr<const PackedMatrix> weight, std::vector<float> bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {
  adapters_ = std::make_shared<AdapterSlot>(std::move(name), weight_->columns(), weight_->rows());
  adapters_->add_part(weight_->rows(), {});
}

Linear::Linear(std::shared_ptr<const PackedMatrix> weight, std::vector<float> bias,
               std::shared_ptr<AdapterSlot> adapters, const Part& part)
    : weight_(std::move(weight)), bias_(std::move(bias)), adapters_(std::move(adapters)) {
  adapter_part_ = adapters_->add_part(weight_->rows(), part);
}

void Linear::forward(const float* x, std::size_t rows, float* y, std::span<const RowSpan> spans,
                     const Context& context) const {
  const Product product{this, y};
  multiply({.x = x, .rows = rows, .spans = spans}, {&product, 1}, context);
}

void multiply(const ProductInput& input, std::span<const Product> products, const Context& context,
              ProductEpilogue epilogue) {
  const Runner runner(input, products, context);
  std::size_t panels = 0;
  for (const Product& product : products) panels += product.linear->weight().panels();
  const std::size_t work = panels * kPanel * products[0].linear->in_features() * input.rows;
  parallel_for(context, panels, 1, work, [&](std::size_t begin, std::size_t end) {
    std::size_t base = 0;  // of the product's panels in the row of all
    for (std::size_t p = 0; p < products.size(); ++p) {
      const std::size_t count = products[p].linear->weight().panels();
      const std::size_t first = std::max(begin, base) - base;
      const std::size_t last = std::min(end, base + count) - std::min(end, base);
      if (first < last) {
        runner.run(p, first, last);
        epilogue(p, first * kPanel, std::min(products[p].linear->out_features(), last * kPanel));
      }
      base += count;
    }
  });
}

void multiply_together(const ProductInput& input, std::span<const Product> products, const Context& context,
                       ProductEpilogue epilogue) {
  const Runner runner(input, products, context);
  const std::size_t panels = products[0].linear->weight().panels();
  const std::size_t work = products.size() * panels * kPanel * products[0].linear->in_features() * input.rows;
  parallel_for(context, panels, 1, work, [&](std::size_t begin, std::size_t end) {
    for (std::size_t p = 0; p < products.size(); ++p) runner.run(p, begin, end);
    epilogue(0, begin * kPanel, std::min(products[0].linear->out_features(), end * kPanel));
  });
}

}  // namespace skald::nn
