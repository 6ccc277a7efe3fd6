// Attention over the keys and values of a state pool.
//
// Numbers: the keys of a sequence are cut at absolute multiples of kCut positions. Each cut is reduced alone and merged
// in ascending order, so that a row's result depends on neither its neighbours nor on who computed which cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/context.h"

namespace skald::nn {

/// Biases by relative position, https://arxiv.org/abs/1910.10683 : clamped to [-reach, reach].
struct RelativeBias {
  std::int64_t reach = 0;
  std::vector<float> values;  // [n_heads, 2 * reach + 1], by key position - query position + reach
};

struct AttentionSpec {
  enum class Bias { none, alibi, relative };
  enum class Mask { causal, full, prefix, cross };
  std::size_t n_heads = 0;
  std::size_t kv_heads = 0;  // divides n_heads
  std::size_t k_dim = 0;     // per head
  std::size_t v_dim = 0;     // per head
  bool latent = false;       // values are the first v_dim elements of the keys: the group is a latent one
  float scale = 1;
  float softcap = 0;        // s = softcap * tanh(s / softcap); 0: none
  std::int64_t window = 0;  // positions that a query sees before it, itself included, and with full behind it; 0: all
  std::vector<float> sinks = {};  // [n_heads] logits that take weight and give no value; empty: none
  Bias bias = Bias::none;
  std::vector<float> alibi_slopes = {};  // [n_heads]
  RelativeBias relative = {};
  Mask mask = Mask::causal;
};

/// The slopes [n_heads] of https://arxiv.org/abs/2108.12409 : 2^(-8 i / n), i = 1 .. n, where n = n_heads is a power of
/// two; else those of the next smaller power, then every second one of the next larger.
std::vector<float> alibi_slopes(std::size_t n_heads);

/// out [rows, n_heads, v_dim] from q [rows, n_heads, k_dim] over what `layer` holds, up to the rows' own positions
/// (causal), all of the sequence (full), its prefix too (prefix), or the encoder's positions (cross: `layer` is one of
/// a cross group).
void attend(const AttentionSpec& spec, int layer, const float* q, float* out, const Context& context);

}  // namespace skald::nn
