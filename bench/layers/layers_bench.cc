// One layer of each shape of model, in bf16, at hidden size 2048: the time of a decoding step against what it reads.
//
// Counters: MB, the weights and the state that the step reads (of experts the chosen ones); GB/s, those over the time;
// read_share, of the memory bandwidth that the same threads reach in the same run.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "nn/blocks.h"
#include "nn/experts.h"
#include "nn/latent_attention.h"
#include "nn/mamba2.h"
#include "skald/system.h"

namespace skald::nn {
namespace {

constexpr std::size_t kHidden = 2048;
constexpr std::size_t kHeads = 16;
constexpr std::size_t kHeadDim = 128;
constexpr std::int64_t kContext = 512;  // positions before the step

/// A layer under construction: its weights, random, and what its state is.
class Layer {
 public:
  std::shared_ptr<const PackedMatrix> matrix(std::size_t n, std::size_t k) {
    std::vector<float> rows(n * k);
    std::uniform_real_distribution<float> uniform(-0.02F, 0.02F);
    for (float& v : rows) v = uniform(random_);
    return std::make_shared<PackedMatrix>(pack_matrix(rows, n, k, kernels::WeightFormat::bf16));
  }
  /// Its weights count as read in every step.
  Linear linear(std::size_t n, std::size_t k) {
    bytes += 2 * n * k;
    return unread(n, k);
  }
  Linear unread(std::size_t n, std::size_t k) { return {"w", matrix(n, k)}; }
  static Norm rms() { return Norm::rms(std::vector<float>(kHidden, 1.0F), 1e-6F); }
  static Norm norm() { return Norm::layer(std::vector<float>(kHidden, 1.0F), std::vector<float>(kHidden), 1e-5F); }

  SelfAttention attention(std::size_t kv_heads, std::int64_t window = 0) {
    SelfAttention a;
    a.q_proj = linear(kHeads * kHeadDim, kHidden);
    a.k_proj = linear(kv_heads * kHeadDim, kHidden);
    a.v_proj = linear(kv_heads * kHeadDim, kHidden);
    a.o_proj = linear(kHidden, kHeads * kHeadDim);
    a.spec = {.n_heads = kHeads, .kv_heads = kv_heads, .k_dim = kHeadDim, .v_dim = kHeadDim, .scale = 0.09F};
    a.spec.window = window;
    paged(0, kv_heads, window);
    return a;
  }
  Mlp mlp(std::size_t width, bool gated) {
    Mlp m;
    m.up_proj = linear(width, kHidden);
    m.down_proj = linear(kHidden, width);
    if (gated) m.gate_proj = linear(width, kHidden);
    return m;
  }
  /// `top_k` of 24 experts of `width`; only the chosen ones count as read.
  Experts experts(std::size_t width, std::size_t top_k) {
    Experts e;
    e.router.gate = linear(24, kHidden);
    e.router.top_k = top_k;
    for (int i = 0; i < 24; ++i)
      e.routed.push_back({unread(width, kHidden), unread(width, kHidden), unread(kHidden, width)});
    bytes += 2 * 3 * top_k * width * kHidden;
    return e;
  }
  void paged(int layer, std::size_t kv_heads, std::int64_t window) {
    layout.groups.push_back(
        {.layers = {layer}, .kv_heads = kv_heads, .k_dim = kHeadDim, .v_dim = kHeadDim, .window = window});
    const std::int64_t seen = window > 0 ? std::min(window, kContext) : kContext;
    state_bytes += static_cast<std::size_t>(seen) * kv_heads * 2 * kHeadDim * 2;
  }

  std::size_t bytes = 0;        // of weights that a step of one row reads
  std::size_t state_bytes = 0;  // that one sequence reads
  StateLayout layout;
  std::int64_t encoder_positions = 0;
  std::function<void(float* x, const Context& context)> run;

 private:
  std::mt19937 random_{1};
};

using Build = void (*)(Layer&);

void gpt2(Layer& l) {
  l.run = [n = Layer::norm(), a = l.attention(kHeads), m = l.mlp(4 * kHidden, false)](float* x, const Context& c) {
    a.add_to(x, {.before = &n}, 0, c);
    m.add_to(x, {.before = &n}, c);
  };
}

void llama(Layer& l) {
  l.run = [n = Layer::rms(), a = l.attention(4), m = l.mlp(5632, true)](float* x, const Context& c) {
    a.add_to(x, {.before = &n}, 0, c);
    m.add_to(x, {.before = &n}, c);
  };
}

void gemma2(Layer& l) {
  l.run = [n = Layer::rms(), a = l.attention(8, 256), m = l.mlp(8192, true)](float* x, const Context& c) mutable {
    a.spec.softcap = 50;
    a.add_to(x, {.before = &n, .after = &n}, 0, c);
    m.add_to(x, {.before = &n, .after = &n}, c);
  };
}

void bloom(Layer& l) {
  SelfAttention attention = l.attention(kHeads);
  attention.spec.bias = AttentionSpec::Bias::alibi;
  attention.spec.alibi_slopes.assign(kHeads, 0.05F);
  l.run = [n = Layer::norm(), a = std::move(attention), m = l.mlp(4 * kHidden, false)](float* x, const Context& c) {
    a.add_to(x, {.before = &n}, 0, c);
    m.add_to(x, {.before = &n}, c);
  };
}

void t5_decoder(Layer& l) {
  SelfAttention attention = l.attention(kHeads);
  attention.spec.bias = AttentionSpec::Bias::relative;
  attention.spec.relative = {.reach = 128, .values = std::vector<float>(kHeads * 257, 0.1F)};
  CrossAttention cross;
  cross.q_proj = l.linear(kHidden, kHidden);
  cross.k_proj = l.unread(kHidden, kHidden);
  cross.v_proj = l.unread(kHidden, kHidden);
  cross.o_proj = l.linear(kHidden, kHidden);
  cross.spec = attention.spec;
  cross.spec.bias = AttentionSpec::Bias::none;
  cross.spec.mask = AttentionSpec::Mask::cross;
  l.encoder_positions = kContext;
  l.paged(1, kHeads, 0);
  l.layout.groups.back().kind = StateGroup::Kind::cross;
  l.run = [n = Layer::rms(), a = std::move(attention), x_a = std::move(cross), m = l.mlp(5120, true)](
              float* x, const Context& c) {
    a.add_to(x, {.before = &n}, 0, c);
    x_a.add_to(x, {.before = &n}, 1, c);
    m.add_to(x, {.before = &n}, c);
  };
}

void mixture(Layer& l) {
  l.run = [n = Layer::rms(), a = l.attention(4), e = l.experts(1408, 4)](float* x, const Context& c) {
    a.add_to(x, {.before = &n}, 0, c);
    e.add_to(x, {.before = &n}, c);
  };
}

void gpt_oss(Layer& l) {
  SelfAttention attention = l.attention(2, 128);
  attention.spec.sinks.assign(kHeads, 0.5F);
  Experts experts = l.experts(kHidden, 4);
  experts.router.rule = Router::Rule::softmax_of_best;
  experts.clamped = ClampedSwiglu{};
  l.run = [n = Layer::rms(), a = std::move(attention), e = std::move(experts)](float* x, const Context& c) {
    a.add_to(x, {.before = &n}, 0, c);
    e.add_to(x, {.before = &n}, c);
  };
}

void latent(Layer& l) {
  constexpr std::size_t kRank = 512, kRope = 64;
  LatentAttention a;
  a.q_b_proj = l.linear(kHeads * (kHeadDim + kRope), kHidden);
  a.kv_a_proj_with_mqa = l.linear(kRank + kRope, kHidden);
  a.kv_a_layernorm = Norm::rms(std::vector<float>(kRank, 1.0F), 1e-6F);
  a.o_proj = l.linear(kHidden, kHeads * kHeadDim);
  for (std::size_t h = 0; h < kHeads; ++h) {
    a.key_up.push_back(l.matrix(kRank, kHeadDim));
    a.value_up.push_back(l.matrix(kHeadDim, kRank));
    l.bytes += 2 * 2 * kRank * kHeadDim;
  }
  a.spec = {.n_heads = kHeads, .kv_heads = 1, .k_dim = kRank + kRope, .v_dim = kRank, .scale = 0.07F};
  l.layout.groups.push_back({.kind = StateGroup::Kind::latent, .layers = {0}, .kv_heads = 1, .k_dim = kRank + kRope});
  l.state_bytes = kContext * (kRank + kRope) * 2;
  l.run = [n = Layer::rms(), a = std::move(a), m = l.mlp(5632, true)](float* x, const Context& c) {
    a.add_to(x, {.before = &n}, 0, c);
    m.add_to(x, {.before = &n}, c);
  };
}

void mamba2(Layer& l) {
  Mamba2 m;
  m.spec = {.n_heads = 64, .head_dim = 64, .state_size = 128, .n_groups = 1, .taps = 4};
  m.in_proj = l.linear(m.spec.projected(), kHidden);
  m.out_proj = l.linear(kHidden, m.spec.width());
  m.convolution = {.taps = m.spec.taps, .channels = m.spec.channels(), .activation = kernels::Activation::silu};
  m.convolution.weight.assign(m.spec.taps * m.spec.channels(), 0.1F);
  for (std::vector<float>* v : {&m.dt_bias, &m.a, &m.d}) v->assign(m.spec.n_heads, -0.5F);
  m.norms.push_back(Norm::rms(std::vector<float>(m.spec.width(), 1.0F), 1e-5F));
  l.layout.groups.push_back({.kind = StateGroup::Kind::recurrent, .layers = {0}, .bytes = m.spec.state_bytes()});
  l.state_bytes = 2 * m.spec.state_bytes();  // read and written
  l.run = [n = Layer::rms(), m = std::move(m)](float* x, const Context& c) { m.add_to(x, {.before = &n}, 0, c); };
}

/// Sequences that stand at kContext, and their next step again and again.
class Steps {
 public:
  Steps(const Layer& layer, std::size_t sequences)
      : layer_(layer),
        state_(layer.layout, {.kv_type = kernels::KvType::bf16, .budget_bytes = std::size_t{1} << 32}),
        x_(std::max<std::size_t>(sequences, kContext) * kHidden, 0.1F),
        angles_(kHeadDim, 0.5F) {
    for (std::size_t s = 0; s < sequences; ++s) prepare();
  }
  void run() {
    nn::Batch batch;
    for (const SequenceId s : sequences_) {
      static_cast<void>(state_.reserve(s, 1));
      batch.rows.push_back({.sequence = s, .position = kContext});
    }
    pass(batch);
    for (const SequenceId s : sequences_) state_.abandon(s);
  }
  [[nodiscard]] int threads() const { return pool_.size(); }

 private:
  void prepare() {
    const SequenceId s = sequences_.emplace_back(state_.create());
    nn::Batch batch;
    for (std::int64_t p = 0; p < kContext; ++p) batch.rows.push_back({.sequence = s, .position = p});
    if (layer_.encoder_positions > 0) {
      static_cast<void>(state_.reserve_cross(s, layer_.encoder_positions));
      const std::vector<float> zeros(kHidden);
      for (std::int64_t p = 0; p < layer_.encoder_positions; ++p) state_.store(s, 1, p, zeros.data(), zeros.data());
    }
    static_cast<void>(state_.reserve(s, kContext));
    pass(batch);
    state_.commit(s, kContext);
  }
  void pass(const nn::Batch& batch) {
    context_.begin(batch, state_, pool_, work_);
    for (RowAngles& angles : context_.angles[0]) angles = {angles_.data(), angles_.data()};
    std::ranges::fill(x_, 0.1F);
    layer_.run(x_.data(), context_);
  }

  const Layer& layer_;
  ThreadPool pool_{0};
  StatePool state_;
  Workspace work_;
  Context context_;
  std::vector<SequenceId> sequences_;
  std::vector<float> x_;       // [rows, hidden]
  std::vector<float> angles_;  // cosines and sines of any row
};

void bench_layer(benchmark::State& state, Build build) {
  Layer layer;
  build(layer);
  const auto sequences = static_cast<std::size_t>(state.range(0));
  Steps steps(layer, sequences);
  for (auto _ : state) steps.run();
  const double bytes = static_cast<double>(layer.bytes + sequences * layer.state_bytes);
  const double memory = measure_memory_bandwidth(steps.threads());
  state.counters["MB"] = bytes / 1e6;
  state.counters["GB/s"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["read_share"] = benchmark::Counter(bytes / memory, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace
}  // namespace skald::nn

int main(int argc, char** argv) {
  using namespace skald::nn;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const std::pair<const char*, Build> layers[] = {
      {"gpt2", gpt2},       {"llama", llama},           {"gemma2", gemma2},
      {"bloom", bloom},     {"t5 decoder", t5_decoder}, {"24 experts, 4 of them", mixture},
      {"gpt-oss", gpt_oss}, {"latent (MLA)", latent},   {"mamba2", mamba2}};
  for (const auto& [name, build] : layers) {
    benchmark::RegisterBenchmark(name, bench_layer, build)->Arg(1)->Arg(8)->UseRealTime();
  }
  benchmark::RunSpecifiedBenchmarks();
}
