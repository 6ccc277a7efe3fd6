// What beam searches pass around: hypotheses under way, what may follow them, and those that ended.
#pragma once

#include <cstdint>
#include <vector>

#include "decode/chain.h"
#include "decode/logits_source.h"
#include "decode/text_stream.h"
#include "skald/model.h"  // FinishReason, TokenLogprob

namespace skald::decode {

constexpr float kNever = -1.0e9F;  // the reference adds it to scores that must not win

/// A hypothesis that goes on.
struct Beam {
  LogitsSource source;
  std::vector<TokenId> history;  // visible prompt and what was generated
  ProcessorChain chain;
  TextStream text;  // looks for stop strings
  float score = 0;  // sum of log-probabilities
  std::vector<TokenLogprob> logprobs = {};
  std::vector<std::int32_t> beam_indices = {};
};

/// One token after one beam.
struct Continuation {
  float score = 0;
  double rank = 0;          // greedy: the score; sampling: the place in the race
  std::int32_t beam = 0;    // that it follows
  std::int32_t origin = 0;  // that beam's number in the reference, which begins with copies of the first one
  TokenLogprob token = {};
  bool ends = false;
  FinishReason reason = FinishReason::length;
};

/// A hypothesis that ended, or would if the search did.
struct Hypothesis {
  std::vector<TokenId> tokens = {};
  std::vector<TokenLogprob> logprobs = {};
  std::vector<std::int32_t> beam_indices = {};
  double score = kNever;
  bool ended = false;  // by itself
  FinishReason reason = FinishReason::length;
  std::string notice = {};
};

}  // namespace skald::decode
