#include "decode/completion_writer.h"

#include <algorithm>

namespace skald::decode {
namespace {

constexpr std::int64_t kReservedTokens = 4096;  // longer completions grow their vectors now and then

}  // namespace

CompletionWriter::CompletionWriter(const SamplingRequest& request, std::int64_t index, Output& output)
    : request_(&request),
      text_(request.tokenizer, request.stops.strings, request.stops.include_stop),
      output_(&output) {
  const auto room = static_cast<std::size_t>(std::min(request.stops.max_new_tokens, kReservedTokens));
  history_.reserve(request.visible().size() + room);
  history_ = request.visible();
  Completion& completion = output_->completion;
  completion.prompt_index = request.prompt_index;
  completion.index = index;
  completion.seed = request.seed;
  completion.prompt_tokens = std::ssize(request.input());
  completion.token_ids.reserve(room);
  if (request.config.logprobs) completion.logprobs.reserve(room);
}

bool CompletionWriter::stops(TokenId token) const {
  const auto has = [token](const std::vector<TokenId>& tokens) {
    return std::ranges::find(tokens, token) != tokens.end();
  };
  return has(request_->stops.eos) || has(request_->stops.stop_tokens);
}

std::optional<FinishReason> CompletionWriter::append(const TokenLogprob& token) {
  Completion& completion = output_->completion;
  history_.push_back(token.token);
  completion.token_ids.push_back(token.token);
  if (request_->config.logprobs) completion.logprobs.push_back(token);
  if (text_.push(token.token, completion.text) || stops(token.token)) return FinishReason::stop;
  if (n_generated() >= request_->stops.max_new_tokens) {
    completion.notice = request_->stops.max_new_notice;
    return FinishReason::length;
  }
  if (request_->stops.deadline && std::chrono::steady_clock::now() > *request_->stops.deadline) {
    completion.notice = "stopped by max_time";
    return FinishReason::length;
  }
  return std::nullopt;
}

void CompletionWriter::close(FinishReason reason, std::string_view notice) {
  Completion& completion = output_->completion;
  if (text_.stop_text().empty() && text_.finish(completion.text)) reason = FinishReason::stop;
  if (!notice.empty()) completion.notice = notice;
  completion.stop_text = text_.stop_text();
  completion.finish_reason = reason;
  output_->finished = true;
}

StepContext CompletionWriter::context() const {
  const auto n = static_cast<std::int32_t>(request_->config.num_return_sequences.value_or(1));
  return {.history = history_,
          .prompt_length = std::ssize(history_) - n_generated(),
          .step = n_generated(),
          .row = static_cast<std::int32_t>(output_->completion.prompt_index) * n +
                 static_cast<std::int32_t>(output_->completion.index)};
}

}  // namespace skald::decode
