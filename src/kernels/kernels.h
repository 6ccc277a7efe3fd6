// The kernel table: every inner loop of the program, compiled once per instruction set, chosen once at start.
//
// Numbers (the rule that every table keeps): for each weight format a table has one arithmetic per output element: the
// same products, order and roundings for 1 row and for 512, in full tiles and in tails, whatever the thread count. So
// a kernel may be called on any split of its rows or panels and gives the same bits.
//
// Vocabulary: a *panel* is kPanel neighbouring outputs (rows of W) packed together; a *cut* is kCut neighbouring key
// positions; a *block* is kBlock positions of one layer and kv head in a state pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/cpu_features.h"

namespace skald::kernels {

inline constexpr std::size_t kPanel = 32;
inline constexpr std::size_t kBlock = 32;
inline constexpr std::size_t kCut = 256;

/// How weights are stored in memory: numbers, or blocks (block_layout.h): our own of 8, 6 and 4 bits, and those of
/// GGUF. Checkpoint dtypes are converted to one of these while loading.
enum class WeightFormat {
  f32,
  bf16,
  f16,
  int8,
  int6,
  int4,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  mxfp4,
};
inline constexpr int kWeightFormats = 19;

/// The forms of x that products read: as it is, in bfloat16, in tiles of that, in blocks of 32 or 64 signed bytes.
enum class XForm { plain, bf16, bf16_tiles, blocks_of_32, blocks_of_64, blocks_of_256 };
inline constexpr int kXForms = 6;

/// How keys and values are stored: int8 with one f32 scale for each (position, head), of the keys and of the values.
enum class KvType { f32, bf16, int8 };
inline constexpr int kKvTypes = 3;
constexpr int bits_of(KvType type) { return type == KvType::f32 ? 32 : type == KvType::bf16 ? 16 : 8; }

/// One y = x · Wᵀ over a range of panels. W [n, k] is packed; x and y are row-major f32.
struct GemmCall {
  const float* x;  // [m, k], rows x_stride apart
  std::size_t x_stride;
  const std::byte* packed_x;  // what pack_x made of x; nullptr where packed_x_bytes is 0
  const std::byte* w;         // panel 0 of the packed weights
  float* y;                   // [m, n], rows y_stride apart
  std::size_t y_stride;
  std::size_t m, n, k;
};

/// The kernels of one weight format. How a panel lies in memory is the same for every table: pack.h.
struct GemmKernels {
  XForm x_form;
  /// Bytes of that form of m rows of x; 0 where gemm reads x itself.
  std::size_t (*packed_x_bytes)(std::size_t m, std::size_t k);
  /// Packs rows [row_begin, row_end) of x [m, k]; row_begin is a multiple of 16. Threads pack disjoint ranges of one
  /// buffer.
  void (*pack_x)(const float* x, std::size_t x_stride, std::size_t k, std::size_t row_begin, std::size_t row_end,
                 std::size_t m, std::byte* out);
  /// y[:, 32·panel_begin .. min(n, 32·panel_end)) = x · Wᵀ for those panels. y's other columns are not touched.
  void (*gemm)(const GemmCall& call, std::size_t panel_begin, std::size_t panel_end);
};

/// One query of attention within one cut.
struct CutQuery {
  const float* q;       // [k_dim]; where the kernels of the KV type have one: what pack_q made of it
  std::uint32_t begin;  // allowed positions of the cut: [begin, end), relative to the cut, end <= kCut
  std::uint32_t end;
  float alibi_slope;      // adds alibi_slope * (key position - query position); 0: none
  std::int32_t distance;  // query position - first position of the cut: for ALiBi
  const float* bias;      // [kCut] added to the scaled score (relative bias); nullptr: none
  float* partial;         // [2 + v_dim]: out: max m, sum l of exp(s - m), then sum of exp(s - m) * v, not normalised
};

/// The keys and values of one kv head in one cut.
struct CutKeys {
  const std::byte* const* k_blocks;  // [kCut / kBlock]; only blocks that a query's range meets are read
  const std::byte* const* v_blocks;  // [kCut / kBlock]; nullptr: values are the first v_dim elements of the keys
  // [kCut / kBlock] keys of the cut that comes next, asked for on the way; nullptr, or some of them: there is none.
  const std::byte* const* next_k_blocks;
  std::size_t k_dim, v_dim;
  float scale;
  float softcap;  // s = softcap * tanh(s / softcap) before biases; 0: none
};

/// The kernels of one KV type, whose blocks are drawn in pack.h.
struct KvKernels {
  std::size_t (*k_block_bytes)(std::size_t k_dim);
  std::size_t (*v_block_bytes)(std::size_t v_dim);
  /// Stores one key [k_dim] / value [v_dim] at position `slot` of a block.
  void (*store_k)(const float* k, std::size_t k_dim, std::size_t slot, std::byte* block);
  void (*store_v)(const float* v, std::size_t v_dim, std::size_t slot, std::byte* block);
  /// A query for attend_cut: `out` has k_dim floats, rounded up to 16. nullptr: it takes queries as they are.
  void (*pack_q)(const float* q, std::size_t k_dim, float* out);
  /// Attention of several queries over one cut. Scores are sequential FMAs over k_dim, values are added in ascending
  /// position (those that are a part of the keys: sixteen sums of every sixteenth position, then their tree); a query's
  /// result does not depend on its neighbours in the call. An empty range gives m = -inf, l = 0. int8: products of
  /// levels; the score takes the key's scale after the sum over k_dim, the weight the value's scale before it meets the
  /// levels. bf16 where pairs of it are multiplied: queries, and weights where there are v_blocks, are rounded to bf16;
  /// two products of a pair are one step.
  void (*attend_cut)(const CutKeys& keys, std::span<const CutQuery> queries);
};

/// The gated or plain activation of an MLP: y = act(gate) * up.
enum class Activation { silu, gelu_erf, gelu_tanh, relu, sigmoid };

/// One row of a causal depthwise convolution.
struct ConvRow {
  const float* const* inputs;  // [taps] rows [channels], the oldest first; nullptr: zeros
  const float* weight;         // [taps, channels]
  const float* bias;           // [channels]; nullptr: none
  std::size_t taps, channels;
};

/// Floats from one input of a scan's state to the next: head_dim rounded up to whole vectors.
constexpr std::size_t scan_pitch(std::size_t head_dim) { return (head_dim + 15) / 16 * 16; }

/// One head of a selective state space over neighbouring rows of a sequence, https://arxiv.org/abs/2405.21060 : with
/// step = clamp(softplus(dt + dt_bias), dt_low, dt_high), row after row
///   state[n] = exp(step * a) * state[n] + step * x * b[n]      y = sum over n of c[n] * state[n] + d * x
struct ScanHead {
  const float* x;      // [rows, head_dim]
  const float* b;      // [rows, state_size]
  const float* c;      // [rows, state_size]
  std::size_t stride;  // from a row of x, b and c to the next
  const float* dt;     // [rows], dt_stride apart
  std::size_t dt_stride;
  float dt_bias, dt_low, dt_high, a, d;
  const float* before;  // [state_size, scan_pitch(head_dim)] the state before the first row; nullptr: zeros
  float* after;         // the state after the last one, of the same form; not `before`
  float* y;             // [rows, head_dim], rows y_stride apart
  std::size_t y_stride;
  std::size_t rows, head_dim, state_size;
};

struct KernelTable {
  const char* name;  // "avx512"
  CpuFeatures required;
  bool (*works)();                   // whether the machine computes as it should, where that is asked; else nullptr
  GemmKernels gemm[kWeightFormats];  // by WeightFormat
  KvKernels kv[kKvTypes];            // by KvType

  /// partial [2 + v_dim] of one more cut into the running `state` of the same form (exp of the differences of maxima).
  void (*merge_partial)(const float* partial, std::size_t v_dim, float* state);
  /// out [v_dim] = values / (l + exp(sink - m)); sink = -inf: none.
  void (*finish_attention)(const float* state, std::size_t v_dim, float sink, float* out);

  /// y[i] = x[i] / sqrt(mean(x²) + eps) * gain[i] for one row of n. x and y may be the same.
  void (*rms_norm)(const float* x, const float* gain, std::size_t n, float eps, float* y);
  /// y[i] = (x[i] - mean) / sqrt(mean((x - mean)²) + eps) * gain[i] + bias[i]; bias may be nullptr. x and y may be the
  /// same.
  void (*layer_norm)(const float* x, const float* gain, const float* bias, std::size_t n, float eps, float* y);
  /// y[i] = act(gate[i]) * up[i]; up may be nullptr (plain activation). y may be gate or up.
  void (*activate)(Activation activation, const float* gate, const float* up, std::size_t n, float* y);
  /// y[i] = g * sigmoid(alpha * g) * (u + 1) with g = min(gate[i], limit), u = clamp(up[i], -limit, limit). y may be
  /// gate or up.
  void (*clamped_swiglu)(float alpha, float limit, const float* gate, const float* up, std::size_t n, float* y);
  /// x[i] = cap * tanh(x[i] / cap).
  void (*soft_cap)(float cap, std::size_t n, float* x);
  /// x[i] += y[i].
  void (*add)(const float* y, std::size_t n, float* x);
  /// x[i] += factor * y[i].
  void (*add_scaled)(float factor, const float* y, std::size_t n, float* x);
  /// Rotates one head in place: pairs (i, i + half) [Llama form] or (2i, 2i + 1) [interleaved]; cos, sin [half].
  void (*rotate)(const float* cos, const float* sin, std::size_t half, bool interleaved, float* head);
  /// max and log(sum(exp(x - max))) + max of one row of n: what a score needs without the whole softmax.
  float (*log_sum_exp)(const float* x, std::size_t n);
  /// x[i] = exp(x[i] - max) / sum(exp(x - max)) of one row of n.
  void (*softmax)(std::size_t n, float* x);
  /// y[i] = bias[i] + sum over taps t, ascending, of weight[t][i] * inputs[t][i], for channels i in [begin, end).
  void (*convolve)(const ConvRow& row, std::size_t begin, std::size_t end, float* y);
  /// Runs over all rows of one head: the same bits however the rows of a sequence are cut into calls.
  void (*scan)(const ScanHead& head);
};

/// The tables that this machine can run, best first; the last is "scalar".
std::span<const KernelTable* const> available_tables();

/// The table in use: the best one, or that of SKALD_ISA. Throws OptionError where SKALD_ISA names none that is
/// available, with the reason and the names of those that are.
const KernelTable& table();

/// Takes another table from now on (tests): weights packed before must be dropped first.
void use_table(std::string_view name);

}  // namespace skald::kernels
