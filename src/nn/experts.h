// Mixtures of experts, https://arxiv.org/abs/2401.04088 : a router sends each row to a few of many MLPs, whose outputs
// are added by their weights.
//
// Numbers: an expert computes all of its rows at once, which changes none of them, and a row's outputs are added in
// ascending order of the experts, the shared one last. So a row's bits do not depend on the rows beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "nn/blocks.h"
#include "nn/context.h"
#include "nn/linear.h"

namespace skald::nn {

/// One of the experts that a row goes to.
struct Choice {
  std::uint32_t expert = 0;
  float weight = 0;  // of its output
};

inline constexpr std::size_t kMaxExpertGroups = 256;

/// Which experts a row goes to. Of equal scores the lower expert wins.
struct Router {
  enum class Rule {
    softmax,          // probabilities over all experts; the best of them (Mixtral, Qwen2-MoE)
    softmax_of_best,  // the best logits; probabilities among those (gpt-oss)
    // Probabilities; of the groups with the largest ones, the best of them (DeepSeek-V2,
    // https://arxiv.org/abs/2405.04434).
    softmax_by_group,
    // Sigmoids; of the groups whose two best corrected ones have the largest sums, the best corrected ones. Their
    // weights are not corrected (DeepSeek-V3, https://arxiv.org/abs/2412.19437).
    sigmoid_by_group,
  };

  Linear gate;  // [n_experts, hidden] with bias or without
  Rule rule = Rule::softmax;
  std::size_t top_k = 0;   // in [1, n_experts]
  bool normalize = false;  // weights are divided by their sum
  float scale = 1;         // then multiplied by this
  // By group:
  std::size_t n_groups = 1;  // in [1, kMaxExpertGroups]: equal groups of neighbouring experts; two or more by sigmoids
  std::size_t top_groups = 1;                // in [1, n_groups]; they hold top_k experts or more
  std::vector<float> score_correction = {};  // [n_experts] by sigmoids

  /// The choices [top_k] of one row from its logits [n_experts], which are changed.
  void choose(float* logits, Choice* choices) const;

 private:
  void choose_by_group(const float* scores, Choice* choices) const;
};

/// An MLP: down_proj(act(gate_proj(h)) * up_proj(h)).
struct Expert {
  Linear gate_proj, up_proj, down_proj;
};

/// The gated activation of gpt-oss: g * sigmoid(alpha * g) * (u + 1) with g <= limit and -limit <= u <= limit.
struct ClampedSwiglu {
  float alpha = 1.702F;
  float limit = 7;
};

/// The block that takes an MLP's place in a layer.
struct Experts {
  Router router;
  std::vector<Expert> routed;         // [n_experts], of one size
  std::optional<Expert> shared;       // every row goes to it too
  std::optional<Linear> shared_gate;  // [1, hidden]: its sigmoid is the shared expert's weight; none: 1
  kernels::Activation activation = kernels::Activation::silu;
  std::optional<ClampedSwiglu> clamped = {};  // in place of `activation`

  /// x [rows, hidden], updated in place.
  void add_to(float* x, const Residual& norms, const Context& context) const;
};

}  // namespace skald::nn
