// What comes back beside the tokens: it agrees with itself, and asking for it changes nothing.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/rig.h"
#include "support/expect_error.h"

namespace skald {
namespace {

constexpr float kOut = -std::numeric_limits<float>::infinity();
constexpr std::size_t kVocab = 96;

GenerationConfig drawn_config() {
  return {.max_new_tokens = 12,
          .do_sample = true,
          .temperature = 0.8,
          .top_k = 20,
          .top_p = 0.9,
          .repetition_penalty = 1.2,
          .suppress_tokens = {{3, 4}},
          .seed = 11,
          .logprobs = 3};
}

GenerationConfig asking_for_all(GenerationConfig config) {
  config.processed_logprobs = 3;
  config.prompt_logprobs = 2;
  config.output_scores = config.output_logits = config.output_hidden_states = config.trace = true;
  return config;
}

void expect_equal(const std::vector<TokenLogprob>& a, const std::vector<TokenLogprob>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].token, b[i].token);
    EXPECT_EQ(a[i].logprob, b[i].logprob);
    EXPECT_EQ(a[i].top, b[i].top);
  }
}

double log_sum(std::span<const float> row) {
  double sum = 0;
  for (const float logit : row) sum += std::exp(static_cast<double>(logit));
  return std::log(sum);
}

TEST(Outputs, AskingChangesNothing) {
  test::Rig rig;
  for (const std::int64_t n : {1, 3}) {
    GenerationConfig config = drawn_config();
    config.num_return_sequences = n;
    const auto plain = rig.run({test::some_prompt(20), test::some_prompt(9, 1)}, config);
    const auto full = rig.run({test::some_prompt(20), test::some_prompt(9, 1)}, asking_for_all(config));
    ASSERT_EQ(plain.size(), full.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
      EXPECT_EQ(plain[i].token_ids, full[i].token_ids);
      expect_equal(plain[i].logprobs, full[i].logprobs);
      EXPECT_EQ(plain[i].step_outputs, nullptr);
      EXPECT_TRUE(plain[i].trace.empty());
    }
  }
}

TEST(Outputs, ArraysAgreeWithLogprobs) {
  test::Rig rig;
  for (const auto& c : rig.run({test::some_prompt(20)}, asking_for_all(drawn_config()))) {
    const std::size_t steps = c.token_ids.size();
    const StepOutputs& arrays = *c.step_outputs;
    ASSERT_EQ(arrays.scores.size(), steps * kVocab);
    ASSERT_EQ(arrays.logits.size(), steps * kVocab);
    ASSERT_EQ(arrays.hidden_states.size(), (20 + steps - 1) * 3 * static_cast<std::size_t>(arrays.hidden_size));
    for (std::size_t s = 0; s < steps; ++s) {
      const auto token = static_cast<std::size_t>(c.token_ids[s]);
      const std::span logits = std::span(arrays.logits).subspan(s * kVocab, kVocab);
      const std::span scores = std::span(arrays.scores).subspan(s * kVocab, kVocab);
      EXPECT_NEAR(logits[token] - log_sum(logits), c.logprobs[s].logprob, 1e-5);
      EXPECT_NEAR(scores[token] - log_sum(scores), c.processed_logprobs[s].logprob, 1e-5);
      EXPECT_EQ(scores[3], kOut);
      EXPECT_LE(std::ranges::count_if(scores, [](float score) { return score > kOut; }), 20);
    }
    const std::vector<float> transitions = transition_scores(c, /*normalize=*/true);
    for (std::size_t s = 0; s < steps; ++s) EXPECT_NEAR(transitions[s], c.processed_logprobs[s].logprob, 1e-5);
  }
}

// Beams of every kind, and contrastive search.
std::vector<GenerationConfig> searches() {
  const GenerationConfig base{.max_new_tokens = 12, .do_sample = false, .repetition_penalty = 1.2, .logprobs = 2};
  std::vector<GenerationConfig> all(6, base);
  all[0].num_beams = 3;
  all[0].num_return_sequences = 2;
  all[1].num_beams = 4;
  all[1].num_beam_groups = 2;
  all[1].diversity_penalty = 0.5;
  all[2].num_beams = 3;
  all[2].force_words_ids = {{{{5, 6}}}};
  all[3].num_beams = 2;
  all[3].do_sample = true;
  all[3].seed = 4;
  all[4].num_beams = 2;
  all[4].guidance_scale = 1.5;
  all[5].penalty_alpha = 0.6;
  all[5].top_k = 4;
  return all;
}

// The same tokens by greedy decoding that has no choice.
Completion forced(const std::vector<TokenId>& tokens, GenerationConfig config) {
  test::Rig rig;
  rig.set_hooks({.prefix_allowed_tokens_fn = [&](const StepView& view) -> std::vector<TokenId> {
    return {tokens[view.token_ids.size() - static_cast<std::size_t>(view.prompt_length)]};
  }});
  config.num_beams = config.num_beam_groups = config.num_return_sequences = {};
  config.force_words_ids = {};
  config.penalty_alpha = config.diversity_penalty = config.guidance_scale = {};
  config.do_sample = false;
  return rig.run({test::some_prompt(20)}, config)[0];
}

TEST(Outputs, SearchesTellWhatGreedyDecodingOfTheSameTokensTells) {
  for (const GenerationConfig& config : searches()) {
    test::Rig rig;
    const auto plain = rig.run({test::some_prompt(20)}, config);
    const auto full = rig.run({test::some_prompt(20)}, asking_for_all(config));
    ASSERT_EQ(plain.size(), full.size());
    for (std::size_t i = 0; i < full.size(); ++i) {
      const Completion& c = full[i];
      EXPECT_EQ(plain[i].token_ids, c.token_ids);
      expect_equal(plain[i].logprobs, c.logprobs);
      EXPECT_EQ(c.stopped_by, "max_new_tokens");
      const Completion same = forced(c.token_ids, asking_for_all(config));
      ASSERT_EQ(same.token_ids, c.token_ids);
      expect_equal(same.logprobs, c.logprobs);
      expect_equal(same.prompt_logprobs, c.prompt_logprobs);
      EXPECT_EQ(same.step_outputs->logits, c.step_outputs->logits);
      EXPECT_EQ(same.step_outputs->hidden_states, c.step_outputs->hidden_states);
      ASSERT_EQ(c.trace.size(), c.token_ids.size());
      for (std::size_t s = 0; s < c.trace.size(); ++s) EXPECT_EQ(same.trace[s].rank, c.trace[s].rank);
    }
  }
}

TEST(Outputs, ScoresOfBeamsAddUp) {
  test::Rig rig;
  for (const GenerationConfig& config : searches()) {
    if (!config.num_beams) continue;
    for (const Completion& c : rig.run({test::some_prompt(20)}, asking_for_all(config))) {
      double sum = 0;
      for (const float score : transition_scores(c)) sum += score;
      EXPECT_NEAR(sum / static_cast<double>(c.token_ids.size()), *c.score, 1e-4);
    }
  }
}

TEST(Outputs, BeamsTellWhatEndedThem) {
  test::Rig rig;
  GenerationConfig config{.max_new_tokens = 8, .do_sample = false, .num_beams = 3};
  const Completion full = rig.run({test::some_prompt(10)}, config)[0];
  config.eos_token_id = {{full.token_ids[3]}};
  config.early_stopping = EarlyStopping::yes;
  config.num_return_sequences = 3;
  std::size_t n_stopped = 0;
  for (const Completion& c : rig.run({test::some_prompt(10)}, config)) {
    const bool stopped = c.finish_reason == FinishReason::stop;
    EXPECT_EQ(c.stopped_by, stopped ? "eos_token_id" : "max_new_tokens");
    EXPECT_EQ(c.stop_token, stopped ? std::optional(full.token_ids[3]) : std::nullopt);
    n_stopped += stopped ? 1 : 0;
  }
  EXPECT_GT(n_stopped, 0);
  config.max_time = 1e-9;
  const Completion late = rig.run({test::some_prompt(10)}, config)[0];
  EXPECT_EQ(late.finish_reason, FinishReason::time);
  EXPECT_EQ(late.stopped_by, "max_time");
}

TEST(Outputs, TraceSumsUp) {
  test::Rig rig;
  for (const auto& c : rig.run({test::some_prompt(20)}, asking_for_all(drawn_config()))) {
    ASSERT_EQ(c.trace.size(), c.token_ids.size());
    for (std::size_t s = 0; s < c.trace.size(); ++s) {
      const TokenTrace& trace = c.trace[s];
      ASSERT_EQ(trace.steps.size(), 5);
      std::int64_t left = kVocab;
      for (const TraceStep& step : trace.steps) left -= step.removed;
      EXPECT_EQ(left, trace.n_left);
      EXPECT_EQ(trace.candidates[0].token, c.token_ids[s]);
      EXPECT_NEAR(std::log(trace.candidates[0].probability), c.logprobs[s].logprob, 1e-5);
      EXPECT_NEAR(std::log(trace.candidates[0].processed_probability), c.processed_logprobs[s].logprob, 1e-5);
      for (const TraceCandidate& candidate : trace.candidates) {
        ASSERT_EQ(candidate.logits.size(), trace.steps.size() + 1);
        const auto at = s * kVocab + static_cast<std::size_t>(candidate.token);
        EXPECT_EQ(candidate.logits.front(), c.step_outputs->logits[at]);
        EXPECT_EQ(candidate.logits.back(), c.step_outputs->scores[at]);
      }
    }
  }
}

TEST(Outputs, PromptLogprobsDoNotDependOnChunksAndCompany) {
  test::Rig rig, chunked({.threads = 2, .engine = {.prefill_chunk = 7}});
  GenerationConfig config = drawn_config();
  config.prompt_logprobs = 3;
  const Completion alone = rig.run({test::some_prompt(40)}, config)[0];
  ASSERT_EQ(alone.prompt_logprobs.size(), 39);
  EXPECT_EQ(alone.prompt_logprobs[4].token, test::some_prompt(40)[5]);
  const auto both = chunked.run({test::some_prompt(40), test::some_prompt(30, 1)}, config);
  expect_equal(alone.prompt_logprobs, both[0].prompt_logprobs);
}

TEST(Outputs, DraftsLeaveTheSame) {
  test::Rig rig({.model = {.memory = 1}});
  GenerationConfig config = asking_for_all({.max_new_tokens = 60, .do_sample = false, .logprobs = 2});
  const Completion alone = rig.run({test::some_prompt(30)}, config)[0];
  config.prompt_lookup_num_tokens = 5;
  const Completion drafted = rig.run({test::some_prompt(30)}, config)[0];
  EXPECT_GT(drafted.accepted_tokens, 0);
  EXPECT_EQ(alone.token_ids, drafted.token_ids);
  EXPECT_EQ(alone.step_outputs->scores, drafted.step_outputs->scores);
  EXPECT_EQ(alone.step_outputs->hidden_states, drafted.step_outputs->hidden_states);
  expect_equal(alone.processed_logprobs, drafted.processed_logprobs);
  expect_equal(alone.prompt_logprobs, drafted.prompt_logprobs);
}

TEST(Outputs, WhatEndedItIsTold) {
  test::Rig rig;
  GenerationConfig config{.max_new_tokens = 5, .do_sample = false};
  const Completion full = rig.run({test::some_prompt(10)}, config)[0];
  EXPECT_EQ(full.stopped_by, "max_new_tokens");
  EXPECT_GE(full.timings.prefill, 0);
  EXPECT_GE(full.timings.decode, 0);
  config.eos_token_id = {{full.token_ids[2]}};
  const Completion stopped = rig.run({test::some_prompt(10)}, config)[0];
  EXPECT_EQ(stopped.stopped_by, "eos_token_id");
  EXPECT_EQ(stopped.stop_token, full.token_ids[2]);
}

TEST(Outputs, RefusalsNameTheOption) {
  test::Rig rig;
  const auto refused = [&](GenerationConfig config, const std::string& field) {
    try {
      (void)rig.run({test::some_prompt(10)}, config);
      ADD_FAILURE() << field << " was taken";
    } catch (const OptionError& error) {
      EXPECT_EQ(error.fields().field, field) << error.what();
    }
  };
  refused({.logprobs = 21}, "logprobs");
  refused({.processed_logprobs = 21}, "processed_logprobs");
  refused({.output_attentions = true}, "output_attentions");  // the fake model has none
  refused({.max_new_tokens = 16000000, .output_logits = true}, "output_logits");
}

}  // namespace
}  // namespace skald
