// What a completion carries beside its tokens, where it is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "skald/export.h"
#include "skald/generation_config.h"

namespace skald {

/// Log-probability of one chosen token, and of the best alternatives where asked for.
struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0;
  std::vector<std::pair<TokenId, float>> top;  // best first
};

/// Arrays that were kept of every step (output_scores, output_logits, output_hidden_states, output_attentions), under
/// transformers' names; what was not asked for is empty. Row-major.
struct StepOutputs {
  std::int64_t vocab_size = 0;
  std::int64_t n_layers = 0;
  std::int64_t hidden_size = 0;
  std::int64_t n_heads = 0;
  std::vector<float> scores = {};  // [steps, vocab_size]: after all processors; -inf: taken out
  std::vector<float> logits = {};  // [steps, vocab_size]: as the model gave them
  /// [rows, n_layers + 1, hidden_size], a row for each token that was computed: those of the prompt, then those of the
  /// continuation but its last. 0 is the embedding; the last is behind the final norm.
  std::vector<float> hidden_states = {};
  /// By row as above: probabilities [n_layers, n_heads, row + 1].
  std::vector<std::vector<float>> attentions = {};
};

/// Where the time of a completion went: seconds, and what saved or cost some.
struct Timings {
  double queued = 0;                      // until its request was admitted
  double prefill = 0;                     // from then to the first token
  double decode = 0;                      // from the first token to the last
  std::int64_t cached_prompt_tokens = 0;  // that an earlier request had computed: they took no time
  std::int64_t preemptions = 0;           // times that its request gave its memory to older ones
  /// Tokens a second after the first of `n_tokens`; 0 where that was not measured.
  [[nodiscard]] double tokens_per_second(std::int64_t n_tokens) const {
    return decode > 0 ? static_cast<double>(n_tokens - 1) / decode : 0;
  }
};

/// One processor at one step.
struct TraceStep {
  std::string processor;     // the option that it acts for
  std::int64_t removed = 0;  // tokens that it took out
};

/// One token at one step, before and after every processor.
struct TraceCandidate {
  TokenId token = 0;
  double probability = 0;            // that the model gave it
  double processed_probability = 0;  // after all processors: what is drawn from
  std::vector<float> logits = {};    // [steps + 1]: the model's, then after each processor; -inf: taken out
};

/// What happened at one step (option "trace").
struct TokenTrace {
  double entropy = 0;            // nats, of the model's distribution
  double processed_entropy = 0;  // of what is drawn from
  std::int64_t rank = 0;         // of the chosen token in the model's distribution; 1: the most probable
  std::int64_t n_left = 0;       // tokens that could be drawn
  std::vector<TraceStep> steps = {};
  std::vector<TraceCandidate> candidates = {};  // the chosen token, then the most probable others
};

}  // namespace skald
