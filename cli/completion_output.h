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

/// "--- prompt 1, completion 1 ---"
std::string completion_head(const Completion& completion);

/// `prompt` as a terminal may show it: its text, or that of its ids.
std::string prompt_text(const Model& model, const Prompt& prompt);

/// Writes the JSON lines of a prompt's completions as they end, but in their order.
class OrderedJsonLines {
 public:
  explicit OrderedJsonLines(bool with_timings) : with_timings_(with_timings) {}
  void add(const Completion& completion);

 private:
  bool with_timings_;
  std::int64_t next_ = 0;
  std::map<std::int64_t, std::string> waiting_;  // by index
};

/// Tokens and times of a call, for --stats.
class CallTimer {
 public:
  CallTimer();
  void count(const StreamEvent& event);
  /// A completion that belongs to the call.
  void add(const Completion& completion);
  /// "5 prompt tokens, first token after 0.012 s, 100 tokens in 0.110 s (909 tokens/s), seed 42"
  [[nodiscard]] std::string summary() const;

 private:
  double start_ = 0;
  double first_ = 0;  // 0: no token yet
  double last_ = 0;
  std::int64_t completions_ = 0;
  std::int64_t prompt_tokens_ = 0;
  std::int64_t tokens_ = 0;
  std::uint64_t seed_ = 0;  // of the first
};

}  // namespace skald::cli
