// Completions that must be the same to the last bit.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "skald/model.h"

namespace skald::test {

inline void expect_same_logprobs(const std::vector<TokenLogprob>& a, const std::vector<TokenLogprob>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].logprob, b[i].logprob);
    EXPECT_EQ(a[i].top, b[i].top);
  }
}

inline void expect_same_bits(const Completion& a, const Completion& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  EXPECT_EQ(a.finish_reason, b.finish_reason);
  EXPECT_EQ(a.score, b.score);
  EXPECT_EQ(a.beam_indices, b.beam_indices);
  expect_same_logprobs(a.logprobs, b.logprobs);
  expect_same_logprobs(a.prompt_logprobs, b.prompt_logprobs);
  ASSERT_EQ(a.step_outputs == nullptr, b.step_outputs == nullptr);
  if (!a.step_outputs) return;
  EXPECT_EQ(a.step_outputs->scores, b.step_outputs->scores);
  EXPECT_EQ(a.step_outputs->hidden_states, b.step_outputs->hidden_states);
  EXPECT_EQ(a.step_outputs->attentions, b.step_outputs->attentions);
}

inline void expect_same_bits(const std::vector<Completion>& a, const std::vector<Completion>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) expect_same_bits(a[i], b[i]);
}

}  // namespace skald::test
