#include "completion_output.h"

#include <chrono>

#include "json_object.h"
#include "report.h"
#include "terminal.h"

namespace skald::cli {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string logprob_json(const TokenLogprob& entry) {
  JsonObject object;
  object.add("token", entry.token).add("logprob", static_cast<double>(entry.logprob));
  if (!entry.top.empty()) {
    object.add_raw("top", json_array(entry.top, [](const auto& pair) {
                     return "[" + std::to_string(pair.first) + ", " + json_number(pair.second) + "]";
                   }));
  }
  return object.text();
}

std::string notice_json(const Notice& notice) {
  JsonObject object;
  return object.add("option", notice.option).add_raw("value", notice.value).add("message", notice.message).text();
}

}  // namespace

std::string completion_json(const Completion& completion) {
  JsonObject object;
  object.add("prompt_index", completion.prompt_index)
      .add("index", completion.index)
      .add("text", completion.text)
      .add_raw("token_ids", json_integers(completion.token_ids))
      .add("finish_reason", to_string(completion.finish_reason))
      .add("prompt_tokens", completion.prompt_tokens)
      .add("seed", completion.seed)
      .add("model_passes", completion.model_passes);
  if (completion.drafted_tokens > 0) {
    object.add("drafted_tokens", completion.drafted_tokens).add("accepted_tokens", completion.accepted_tokens);
  }
  if (!completion.stop_text.empty()) object.add("stop_text", completion.stop_text);
  if (completion.score) object.add("score", *completion.score);
  if (!completion.logprobs.empty()) object.add_raw("logprobs", json_array(completion.logprobs, logprob_json));
  if (!completion.notice.empty()) object.add("notice", completion.notice);
  if (!completion.notices.empty()) object.add_raw("notices", json_array(completion.notices, notice_json));
  return object.line();
}

std::string completion_text(const Completion& completion, bool has_tokenizer) {
  if (has_tokenizer) return for_output(completion.text);
  std::string ids;
  for (const TokenId id : completion.token_ids) ids += (ids.empty() ? "" : ",") + std::to_string(id);
  return ids;
}

std::string prompt_text(const Model& model, const Prompt& prompt) {
  if (model.info().encoder_layers > 0) return "";  // what comes out does not continue it
  if (const auto* text = std::get_if<std::string>(&prompt)) return escape_controls(*text);
  return model.has_tokenizer() ? escape_controls(model.tokenizer().decode(std::get<std::vector<TokenId>>(prompt))) : "";
}

void OrderedJsonLines::add(const Completion& completion) {
  waiting_[completion.prompt_index * per_prompt_ + completion.index] = completion_json(completion);
  for (auto first = waiting_.begin(); first != waiting_.end() && first->first == next_; ++next_) {
    write_output(first->second);
    first = waiting_.erase(first);
  }
}

CallTimer::CallTimer() : start_(now()) {}

void CallTimer::count(const StreamEvent& event) {
  if (event.token_ids.empty()) return;
  last_ = now();
  if (first_ == 0) first_ = last_;
}

std::string CallTimer::summary(const std::vector<Completion>& completions) const {
  std::int64_t prompt_tokens = 0;
  std::int64_t tokens = 0;
  for (const Completion& completion : completions) {
    if (completion.index == 0) prompt_tokens += completion.prompt_tokens;
    tokens += static_cast<std::int64_t>(completion.token_ids.size());
  }
  std::string text = std::to_string(prompt_tokens) + " prompt tokens";
  if (first_ > 0) text += ", first token after " + fixed(first_ - start_, 3) + " s";
  text += ", " + std::to_string(tokens) + " tokens";
  if (last_ > first_) {  // the first of each completion comes with the prompt
    const auto later = static_cast<double>(tokens - static_cast<std::int64_t>(completions.size()));
    text += " at " + fixed(later / (last_ - first_), 1) + " tokens/s";
  }
  if (!completions.empty()) text += ", seed " + std::to_string(completions[0].seed);
  return text;
}

}  // namespace skald::cli
