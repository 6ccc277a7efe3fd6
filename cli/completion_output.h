// Completions as text for people and as JSON lines for programs.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "skald/model.h"

namespace skald::cli {

/// {"prompt_index": 0, "index": 0, "text": "...", "token_ids": [...], "finish_reason": "length", ...} and a line end.
/// `with_timings`: and where the time went, which differs from run to run.
std::string completion_json(const Completion& completion, bool with_timings);

/// {"event": "text", "prompt_index": 0, "index": 0, "text": "...", "token_ids": [...], "tentative": "..."} and a line
/// end; `tentative` only where there is any.
std::string event_json(const StreamEvent& event);

/// [{"token": 316, "logprob": -2.19, "top": [[316, -2.19], ...]}, ...]
std::string logprobs_json(const std::vector<TokenLogprob>& entries);

/// What a person reads of `completion`: its text, or its ids where the model has no tokenizer.
std::string completion_text(const Completion& completion, bool has_tokenizer);

/// `prompt` as a terminal may show it: its text, or that of its ids.
std::string prompt_text(const Model& model, const Prompt& prompt);

/// Writes the JSON lines of a call as completions end, but in the order of prompts and their completions.
class OrderedJsonLines {
 public:
  OrderedJsonLines(std::int64_t per_prompt, bool with_timings) : per_prompt_(per_prompt), with_timings_(with_timings) {}
  void add(const Completion& completion);

 private:
  std::int64_t per_prompt_;
  bool with_timings_;
  std::int64_t next_ = 0;
  std::map<std::int64_t, std::string> waiting_;  // by prompt_index * per_prompt_ + index
};

/// Tokens and times of a call, for --stats.
class CallTimer {
 public:
  CallTimer();
  void count(const StreamEvent& event);
  /// "5 prompt tokens, first token after 0.012 s, 100 tokens in 0.110 s (909 tokens/s), seed 42"
  [[nodiscard]] std::string summary(const std::vector<Completion>& completions) const;

 private:
  double start_ = 0;
  double first_ = 0;  // 0: no token yet
  double last_ = 0;
};

}  // namespace skald::cli
