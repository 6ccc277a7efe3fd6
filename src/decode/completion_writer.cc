#include "decode/completion_writer.h"

#include <algorithm>

namespace skald::decode {
namespace {

constexpr std::int64_t kReservedTokens = 4096;  // longer completions grow their vectors now and then
constexpr std::size_t kMostTakenBack = 4;       // tokens: so many are held back from a stream

}  // namespace

CompletionWriter::CompletionWriter(const SamplingRequest& request, std::int64_t index, Output& output, bool takes_back)
    : request_(&request),
      text_(request.tokenizer, request.stops.strings, request.stops.include_stop),
      notes_(request.config, request.vocab_size),
      arrays_(notes_.make_arrays()),
      takes_back_(takes_back),
      output_(&output) {
  const auto room = static_cast<std::size_t>(std::min(request.stops.max_new_tokens, kReservedTokens));
  history_.reserve(request.visible().size() + room);
  history_ = request.visible();
  Completion& completion = output_->completion;
  completion = request.begun(index);
  completion.token_ids.reserve(room);
  if (request.config.logprobs) completion.logprobs.reserve(room);
  completion.step_outputs = arrays_;
}

FinishReason CompletionWriter::end(FinishReason reason, std::string_view by) const {
  output_->completion.stopped_by = by;
  return reason;
}

std::optional<FinishReason> CompletionWriter::append(const StepNote& note) {
  notes_.keep(note, output_->completion, arrays_.get());
  return append(note.chosen);
}

std::optional<FinishReason> CompletionWriter::append(const TokenLogprob& token) {
  Completion& completion = output_->completion;
  if (takes_back_) remember();
  history_.push_back(token.token);
  completion.token_ids.push_back(token.token);
  if (request_->config.logprobs) completion.logprobs.push_back(token);
  if (text_.push(token.token, completion.text)) return end(FinishReason::stop, "stop_strings");
  if (const char* const by = request_->stop_of(token.token)) {
    completion.stop_token = token.token;
    return end(FinishReason::stop, by);
  }
  if (n_generated() >= request_->stops.max_new_tokens) {
    completion.notice = request_->stops.max_new_notice;
    return end(FinishReason::length, request_->length_option());
  }
  if (request_->stops.is_late()) {
    completion.notice = "stopped by max_time";
    return end(FinishReason::time, "max_time");
  }
  if (request_->meets_criterion(completion.index, history_)) return end(FinishReason::stop, "stopping_criteria");
  return std::nullopt;
}

// What is told ends before the tokens that may be taken back.
void CompletionWriter::remember() {
  if (undo_.size() < kMostTakenBack) {
    undo_.push_back({text_, output_->completion.text.size()});
  } else {  // the oldest one's memory serves again
    std::rotate(undo_.begin(), undo_.begin() + 1, undo_.end());
    undo_.back().text = text_;
    undo_.back().text_bytes = output_->completion.text.size();
  }
  output_->text_settled = undo_.front().text_bytes;
  output_->tokens_settled = static_cast<std::size_t>(n_generated() + 1) - undo_.size();
}

TokenId CompletionWriter::take_back() {
  Completion& completion = output_->completion;
  text_ = std::move(undo_.back().text);
  completion.text.resize(undo_.back().text_bytes);
  undo_.pop_back();
  completion.token_ids.pop_back();
  if (request_->config.logprobs) completion.logprobs.pop_back();
  notes_.take_back(completion, arrays_.get());
  const TokenId token = history_.back();
  history_.pop_back();
  return token;
}

void CompletionWriter::close(FinishReason reason, std::string_view notice) {
  Completion& completion = output_->completion;
  if (text_.stop_text().empty() && text_.finish(completion.text)) reason = end(FinishReason::stop, "stop_strings");
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
