// What every strategy does with the logits of a step: refuses what cannot be decided, reports log-probabilities.
#pragma once

#include <cstdint>
#include <span>

#include "skald/model.h"  // TokenLogprob

namespace skald::decode {

/// The logits are not numbers to choose by. Throws ModelError.
[[noreturn]] void throw_unusable(std::int64_t step);
/// The options took every token out. Throws ModelError.
[[noreturn]] void throw_none_left(std::int64_t step);

/// Fills in the log-probability of `token.token` and the `n_top` best, from logits [vocab_size] that no option changed.
void report_logprob(std::span<const float> logits, std::int64_t n_top, TokenLogprob& token);

}  // namespace skald::decode
