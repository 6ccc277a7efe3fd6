#include "decode/prompt_logprobs.h"

#include "decode/draw.h"
#include "decode/step_result.h"

namespace skald::decode {

PromptLogprobs::PromptLogprobs(const SamplingRequest& request) : n_top_(request.config.prompt_logprobs.value_or(-1)) {
  if (!wanted()) return;
  entries_.resize(request.prompt.size() - 1);
  for (std::size_t i = 0; i < entries_.size(); ++i) entries_[i].token = request.prompt[i + 1];
}

bool PromptLogprobs::take(const LogitsSource& source, std::int32_t row, std::span<const float> logits) {
  if (!wanted() || !source.is_own(row) || source.position_of(row) >= 0) return false;
  if (!usable(logits)) throw_unusable(0);
  report_logprob(logits, n_top_, entries_[static_cast<std::size_t>(source.token_of(row))]);
  return true;
}

}  // namespace skald::decode
