// One completion as its tokens come: history, text, log-probabilities, and when it ends.
#pragma once

#include <optional>
#include <vector>

#include "decode/strategies/sampling.h"  // SamplingRequest
#include "decode/strategy.h"
#include "decode/text_stream.h"

namespace skald::decode {

class CompletionWriter {
 public:
  /// Writes into `output`. Both arguments must outlive it.
  CompletionWriter(const SamplingRequest& request, std::int64_t index, Output& output);

  /// Takes the next token. Returns why the completion ends with it, if it does: then close() is due.
  [[nodiscard]] std::optional<FinishReason> append(const TokenLogprob& token);
  void close(FinishReason reason, std::string_view notice = {});

  [[nodiscard]] const std::vector<TokenId>& history() const { return history_; }  // visible prompt and what followed
  [[nodiscard]] std::int64_t n_generated() const { return std::ssize(output_->completion.token_ids); }
  [[nodiscard]] bool finished() const { return output_->finished; }
  /// What processors may know of the next step.
  [[nodiscard]] StepContext context() const;

 private:
  [[nodiscard]] bool stops(TokenId token) const;

  const SamplingRequest* request_;
  std::vector<TokenId> history_;
  TextStream text_;
  Output* output_;
};

}  // namespace skald::decode
