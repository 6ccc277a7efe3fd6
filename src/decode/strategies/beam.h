// What beam searches pass around: hypotheses under way, what may follow them, and those that ended.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "decode/chain.h"
#include "decode/logits_source.h"
#include "decode/step_note.h"
#include "decode/text_stream.h"
#include "skald/model.h"  // FinishReason, TokenLogprob

namespace skald::decode {

constexpr float kNever = -1.0e9F;  // the reference adds it to scores that must not win

/// What is known of one step of a hypothesis. Hypotheses that begin alike share the steps of their beginning.
struct BeamStep {
  std::shared_ptr<BeamStep> before = {};  // null: this is the prompt, which has no token
  std::int32_t origin = 0;                // see Continuation
  StepNote note = {};
  StepOutputs states = {};  // of the rows that computed its token, or the prompt

  BeamStep() = default;
  BeamStep(const BeamStep&) = delete;
  BeamStep& operator=(const BeamStep&) = delete;
  ~BeamStep();  // step by step: a text may be longer than the stack is deep
};

/// The steps after the prompt up to `last`, in order.
std::vector<const BeamStep*> steps_to(const BeamStep* last);

/// A hypothesis that goes on.
struct Beam {
  LogitsSource source;
  std::vector<TokenId> history;  // visible prompt and what was generated
  ProcessorChain chain;
  TextStream text;  // looks for stop strings
  float score = 0;  // sum of log-probabilities
  std::shared_ptr<BeamStep> last = {};
};

/// One token after one beam.
struct Continuation {
  float score = 0;
  double rank = 0;          // greedy: the score; sampling: the place in the race
  std::int32_t beam = 0;    // that it follows
  std::int32_t row = 0;     // where that beam's row is kept
  std::int32_t origin = 0;  // that beam's number in the reference, which begins with copies of the first one
  TokenId token = 0;
  bool ends = false;
  FinishReason reason = FinishReason::length;
  const char* by = nullptr;  // the option that ends it
};

/// A hypothesis that ended, or would if the search did.
struct Hypothesis {
  std::vector<TokenId> tokens = {};
  std::shared_ptr<const BeamStep> last = {};
  double score = kNever;
  bool ended = false;  // by itself
  FinishReason reason = FinishReason::length;
  const char* by = nullptr;
  std::string notice = {};
};

}  // namespace skald::decode
