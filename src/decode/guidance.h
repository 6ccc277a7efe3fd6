// Guidance: logits made of those of several prompts or models.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/language_model.h"

namespace skald::decode {

/// What a request is guided by. Beside the request's own sequence run further ones, each with its own prompt, that are
/// given the same tokens; in the same pass, where they are of the same model. With s the log-probabilities of the
/// request's own sequence and b_i those of branch i, the logits are
///
///     u + scale (s - u)                    where there is an unconditional branch u, else the own logits
///     + sum over terms: weight (plus - minus)
///
/// Classifier-free guidance: Sanchez et al. 2023, https://arxiv.org/abs/2306.17806 (transformers,
/// UnbatchedClassifierFreeGuidanceLogitsProcessor). Experts and anti-experts: Liu et al. 2021,
/// https://arxiv.org/abs/2105.03023.
struct Guidance {
  struct Branch {
    ModelIndex model = 0;
    std::vector<TokenId> prompt;  // not empty
  };
  struct Term {
    std::int32_t plus = -1;   // number of a branch; -1: nothing is added
    std::int32_t minus = -1;  // likewise taken away
    float weight = 0;
  };
  std::vector<Branch> branches;
  std::int32_t unconditional = -1;  // number of a branch; -1: none
  float scale = 1;                  // of classifier-free guidance
  std::vector<Term> terms;
};

}  // namespace skald::decode
