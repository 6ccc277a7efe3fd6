#include "decode/step_result.h"

#include <string>

#include "decode/candidates.h"
#include "skald/error.h"

namespace skald::decode {

void throw_unusable(std::int64_t step) {
  const std::string name = "step " + std::to_string(step);
  throw ModelError({.field = name,
                    .value = {},
                    .rule = "model produced non-finite logits at " + name +
                            " (load with --check-weights to look for damaged weights)"});
}

void throw_none_left(std::int64_t step) {
  throw ModelError(
      {.field = "step " + std::to_string(step), .value = {}, .rule = "the options leave no token to choose from"});
}

void report_logprob(std::span<const float> logits, std::int64_t n_top, TokenLogprob& token) {
  const double log_sum = log_sum_exp(logits);
  token.logprob = static_cast<float>(logits[static_cast<std::size_t>(token.token)] - log_sum);
  best_logprobs(logits, n_top, log_sum, token.top);
}

}  // namespace skald::decode
