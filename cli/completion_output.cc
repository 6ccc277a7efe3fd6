#include "completion_output.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "json_object.h"
#include "report.h"
#include "terminal.h"

namespace skald::cli {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string probability_json(const std::pair<TokenId, float>& pair) {
  return "[" + std::to_string(pair.first) + ", " + json_number(pair.second) + "]";
}

std::string logprob_json(const TokenLogprob& entry) {
  JsonObject object;
  object.add("token", entry.token).add("logprob", static_cast<double>(entry.logprob));
  if (!entry.top.empty()) {
    object.add_raw("top", json_array(entry.top, probability_json));
  }
  return object.text();
}

std::string notice_json(const Notice& notice) {
  JsonObject object;
  return object.add("option", notice.option).add_raw("value", notice.value).add("message", notice.message).text();
}

// `values` as nested lists of these sizes; -inf is null.
std::string tensor_json(std::span<const float> values, std::span<const std::int64_t> shape) {
  if (shape.size() == 1) return json_array(values, [](float value) { return json_number(value); });
  const auto n = static_cast<std::size_t>(shape[0]);
  std::string out = "[";
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t size = values.size() / n;
    out += (i > 0 ? ", " : "") + tensor_json(values.subspan(i * size, size), shape.subspan(1));
  }
  return out + "]";
}

void add_step_outputs(const StepOutputs& arrays, JsonObject& object) {
  const auto rows = [](const std::vector<float>& values, std::int64_t width) {
    return static_cast<std::int64_t>(values.size()) / std::max<std::int64_t>(1, width);
  };
  const auto add = [&](const char* name, const std::vector<float>& values, std::vector<std::int64_t> shape) {
    if (!values.empty()) object.add_raw(name, tensor_json(values, shape));
  };
  const std::int64_t vocab = arrays.vocab_size, states = arrays.n_layers + 1, hidden = arrays.hidden_size;
  add("scores", arrays.scores, {rows(arrays.scores, vocab), vocab});
  add("logits", arrays.logits, {rows(arrays.logits, vocab), vocab});
  add("hidden_states", arrays.hidden_states, {rows(arrays.hidden_states, states * hidden), states, hidden});
  if (arrays.attentions.empty()) return;
  std::int64_t n_keys = 0;
  object.add_raw("attentions", json_array(arrays.attentions, [&](const std::vector<float>& row) {
                   return tensor_json(row, std::array{arrays.n_layers, arrays.n_heads, ++n_keys});
                 }));
}

std::string candidate_json(const TraceCandidate& candidate) {
  JsonObject object;
  object.add("token", candidate.token)
      .add("probability", candidate.probability)
      .add("processed_probability", candidate.processed_probability)
      .add_raw("logits", json_array(candidate.logits, [](float logit) { return json_number(logit); }));
  return object.text();
}

std::string trace_json(const TokenTrace& trace) {
  const auto step_json = [](const TraceStep& step) {
    return JsonObject().add("processor", step.processor).add("removed", step.removed).text();
  };
  JsonObject object;
  object.add("entropy", trace.entropy)
      .add("processed_entropy", trace.processed_entropy)
      .add("rank", trace.rank)
      .add("left", trace.n_left)
      .add_raw("processors", json_array(trace.steps, step_json))
      .add_raw("candidates", json_array(trace.candidates, candidate_json));
  return object.text();
}

std::string timings_json(const Completion& completion) {
  const Timings& timings = completion.timings;
  JsonObject object;
  object.add("queued", timings.queued).add("prefill", timings.prefill).add("decode", timings.decode);
  object.add("tokens_per_s", timings.tokens_per_second(std::ssize(completion.token_ids)))
      .add("cached_prompt_tokens", timings.cached_prompt_tokens)
      .add("preemptions", timings.preemptions);
  return object.text();
}

}  // namespace

std::string logprobs_json(const std::vector<TokenLogprob>& entries) { return json_array(entries, logprob_json); }

std::string completion_json(const Completion& completion, bool with_timings) {
  JsonObject object;
  object.add("prompt_index", completion.prompt_index)
      .add("index", completion.index)
      .add("text", completion.text)
      .add_raw("token_ids", json_integers(completion.token_ids))
      .add("finish_reason", to_string(completion.finish_reason))
      .add("prompt_tokens", completion.prompt_tokens)
      .add("seed", completion.seed)
      .add("model_passes", completion.model_passes);
  if (!completion.healed_prompt.empty()) object.add_raw("healed_prompt", json_integers(completion.healed_prompt));
  if (completion.drafted_tokens > 0) {
    object.add("drafted_tokens", completion.drafted_tokens).add("accepted_tokens", completion.accepted_tokens);
  }
  if (!completion.stopped_by.empty()) object.add("stopped_by", completion.stopped_by);
  if (!completion.stop_text.empty()) object.add("stop_text", completion.stop_text);
  if (completion.stop_token) object.add("stop_token", *completion.stop_token);
  if (completion.score) object.add("score", *completion.score);
  if (!completion.beam_indices.empty()) object.add_raw("beam_indices", json_integers(completion.beam_indices));
  if (!completion.logprobs.empty()) object.add_raw("logprobs", logprobs_json(completion.logprobs));
  const auto add_logprobs = [&](const char* name, const std::vector<TokenLogprob>& entries) {
    if (!entries.empty()) object.add_raw(name, logprobs_json(entries));
  };
  add_logprobs("processed_logprobs", completion.processed_logprobs);
  add_logprobs("prompt_logprobs", completion.prompt_logprobs);
  if (!completion.trace.empty()) object.add_raw("trace", json_array(completion.trace, trace_json));
  if (completion.step_outputs) add_step_outputs(*completion.step_outputs, object);
  if (with_timings) object.add_raw("timings", timings_json(completion));
  if (!completion.notice.empty()) object.add("notice", completion.notice);
  if (!completion.notices.empty()) object.add_raw("notices", json_array(completion.notices, notice_json));
  return object.line();
}

std::string event_json(const StreamEvent& event) {
  JsonObject object;
  object.add("event", "text")
      .add("prompt_index", event.prompt_index)
      .add("index", event.index)
      .add("text", event.text)
      .add_raw("token_ids", json_integers(event.token_ids));
  if (!event.tentative.empty()) object.add("tentative", event.tentative);
  return object.line();
}

std::string completion_text(const Completion& completion, bool has_tokenizer) {
  if (has_tokenizer) return for_output(completion.text);
  std::string ids;
  for (const TokenId id : completion.token_ids) ids += (ids.empty() ? "" : ",") + std::to_string(id);
  return ids;
}

std::string completion_head(const Completion& completion) {
  return "--- prompt " + std::to_string(completion.prompt_index + 1) + ", completion " +
         std::to_string(completion.index + 1) + " ---";
}

std::string prompt_text(const Model& model, const Prompt& prompt) {
  if (model.info().encoder_layers > 0) return "";  // what comes out does not continue it
  if (const auto* text = std::get_if<std::string>(&prompt)) return escape_controls(*text);
  return model.has_tokenizer() ? escape_controls(model.tokenizer().decode(std::get<std::vector<TokenId>>(prompt))) : "";
}

void OrderedJsonLines::add(const Completion& completion) {
  waiting_[completion.index] = completion_json(completion, with_timings_);
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

void CallTimer::add(const Completion& completion) {
  if (completions_++ == 0) seed_ = completion.seed;
  if (completion.index == 0) prompt_tokens_ += completion.prompt_tokens;
  tokens_ += static_cast<std::int64_t>(completion.token_ids.size());
}

std::string CallTimer::summary() const {
  std::string text = std::to_string(prompt_tokens_) + " prompt tokens";
  if (first_ > 0) text += ", first token after " + fixed(first_ - start_, 3) + " s";
  text += ", " + std::to_string(tokens_) + " tokens";
  if (last_ > first_) {  // the first of each completion comes with the prompt
    text += " at " + fixed(static_cast<double>(tokens_ - completions_) / (last_ - first_), 1) + " tokens/s";
  }
  if (completions_ > 0) text += ", seed " + std::to_string(seed_);
  return text;
}

}  // namespace skald::cli
