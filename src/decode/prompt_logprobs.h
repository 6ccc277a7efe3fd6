// What the model thought of the prompt's tokens (option "prompt_logprobs").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/logits_source.h"
#include "decode/sampling_request.h"

namespace skald::decode {

/// Of every prompt token but the first, from the rows of the prefill.
class PromptLogprobs {
 public:
  explicit PromptLogprobs(const SamplingRequest& request);

  /// Whether the rows of the prompt must give logits.
  [[nodiscard]] bool wanted() const { return n_top_ >= 0; }
  /// Takes a row of the prefill where it stands before the prompt's last token; else returns false. Any thread, each
  /// row once.
  bool take(const LogitsSource& source, std::int32_t row, std::span<const float> logits);
  [[nodiscard]] const std::vector<TokenLogprob>& entries() const { return entries_; }

 private:
  std::int64_t n_top_;
  std::vector<TokenLogprob> entries_ = {};
};

}  // namespace skald::decode
