#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>

#include "decode/chain.h"
#include "decode/options.h"
#include "decode/processors/repetition_penalty.h"
#include "decode/processors_support.h"
#include "json/value.h"

namespace skald::decode {
namespace {

std::vector<float> apply(const GenerationConfig& config, std::vector<float> logits,
                         const std::vector<TokenId>& history = {1}) {
  Candidates candidates(logits.size());
  candidates.reset(logits);
  build_chain(config, {.prompt_length = static_cast<std::int64_t>(history.size()),
                       .encoder_input = history,
                       .vocab_size = logits.size()})
      .apply({.history = history, .prompt_length = static_cast<std::int64_t>(history.size())}, candidates);
  return dense(candidates, logits.size());
}

// The reference's own processors, ties included: tests/decode/make_processor_goldens.py.
TEST(Processors, EqualThoseOfTransformers) {
  const json::Value cases = json::parse_file(std::string(SKALD_TEST_DATA) + "/decode/processors.json");
  for (std::size_t number = 0; number < cases.as_array().size(); ++number) {
    SCOPED_TRACE(number);
    const json::Value& golden = cases.as_array()[number];
    GenerationConfig config = read_generation_config(*golden.find("options"), "options", UnknownFields::refuse);
    config.do_sample = true;
    std::vector<float> logits;
    for (const auto& value : golden.find("logits")->as_array()) logits.push_back(static_cast<float>(value.as_number()));
    std::vector<TokenId> history;
    for (const auto& id : golden.find("history")->as_array()) history.push_back(static_cast<TokenId>(id.as_integer()));
    const std::int64_t prompt_length = golden.find("prompt_length")->as_integer();
    Candidates candidates(logits.size());
    candidates.reset(logits);
    build_chain(config, {.prompt_length = prompt_length,
                         .encoder_input = std::span(history).first(static_cast<std::size_t>(prompt_length)),
                         .vocab_size = logits.size()})
        .apply({.history = history, .prompt_length = prompt_length}, candidates);
    const std::vector<float> scores = dense(candidates, logits.size());
    const auto& expected = golden.find("scores")->as_array();
    // Which of several equal logits top_p and top_h drop is the order of an unstable sort there: compared as a
    // multiset.
    std::vector<float> ours = scores, theirs;
    for (const auto& value : expected) theirs.push_back(value.is_null() ? kOut : static_cast<float>(value.as_number()));
    if (!config.top_p && !config.top_h) {
      EXPECT_EQ(ours, theirs);
      continue;
    }
    std::sort(ours.begin(), ours.end());
    std::sort(theirs.begin(), theirs.end());
    EXPECT_EQ(ours, theirs);
  }
}

TEST(Processors, TopKKeepsTies) {
  EXPECT_EQ(apply({.do_sample = true, .top_k = 2}, {1, 3, 2, 2, 0}), (std::vector<float>{kOut, 3, 2, 2, kOut}));
  EXPECT_EQ(apply({.do_sample = true, .top_k = 0}, {1, 3}), (std::vector<float>{1, 3}));
  EXPECT_EQ(apply({.do_sample = true, .top_k = -1}, {1, 3}), (std::vector<float>{1, 3}));
  EXPECT_EQ(apply({.do_sample = true, .top_k = 1}, {kOut, kOut, 3}), (std::vector<float>{kOut, kOut, 3}));
  std::mt19937 rng(3);
  for (const std::size_t k : {1U, 7U, 255U, 256U, 257U, 900U, 1000U, 5000U}) {
    for (const bool tied : {false, true}) {
      const auto logits = random_logits(rng, 1000, tied);
      auto descending = logits;
      std::sort(descending.begin(), descending.end(), std::greater<>());
      const float least = k < 1000 ? descending[k - 1] : kOut;
      auto expected = logits;
      for (float& logit : expected) logit = logit >= least ? logit : kOut;
      EXPECT_EQ(apply({.do_sample = true, .top_k = static_cast<std::int64_t>(k)}, logits), expected);
    }
  }
}

// The reference's definition, literally: ascending, cumulative, drop where <= 1 - p.
TEST(Processors, TopPDropsTheTail) {
  std::mt19937 rng(4);
  for (const double p : {0.01, 0.3, 0.5, 0.9, 0.99, 0.9999}) {
    for (const std::size_t n : {1U, 5U, 64U, 65U, 3000U}) {
      const auto logits = random_logits(rng, n, false);
      const auto probabilities = softmax(logits);
      std::vector<std::size_t> order(n);
      std::iota(order.begin(), order.end(), 0);
      std::sort(order.begin(), order.end(), [&](auto a, auto b) { return logits[a] < logits[b]; });
      auto expected = logits;
      double sum = 0;
      for (std::size_t i = 0; i + 1 < n; ++i) {
        sum += probabilities[order[i]];
        if (static_cast<float>(sum) <= static_cast<float>(1 - p)) expected[order[i]] = kOut;
      }
      EXPECT_EQ(apply({.do_sample = true, .top_p = p}, logits), expected) << p << " " << n;
    }
  }
  // On exact ties and sums: ten equal tokens at 0.9 keep nine, the lower ids.
  auto nine = std::vector<float>(10, 1);
  nine[9] = kOut;
  EXPECT_EQ(apply({.do_sample = true, .top_p = 0.9}, std::vector<float>(10, 1)), nine);
}

TEST(Processors, MinPComparesWithTheBest) {
  std::mt19937 rng(5);
  for (const double p : {0.01, 0.1, 0.7, 1.0}) {
    const auto logits = random_logits(rng, 500, false);
    const auto probabilities = softmax(logits);
    const double best = *std::max_element(probabilities.begin(), probabilities.end());
    auto expected = logits;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (probabilities[i] < p * best) expected[i] = kOut;
    }
    EXPECT_EQ(apply({.do_sample = true, .min_p = p}, logits), expected);
  }
}

TEST(Processors, RepetitionPenaltyCountsATokenOnce) {
  EXPECT_EQ(apply({.do_sample = false, .repetition_penalty = 2.0}, {4, -4, 4, -4}, {0, 1, 0, 0, 1}),
            (std::vector<float>{2, -8, 4, -4}));
}

TEST(Processors, RepetitionPenaltyRewinds) {
  std::mt19937 rng(6);
  constexpr std::size_t kVocab = 12;
  std::vector<TokenId> history;
  for (int i = 0; i < 5; ++i) history.push_back(static_cast<TokenId>(rng() % kVocab));
  std::unique_ptr<LogitsProcessor> processor = std::make_unique<RepetitionPenalty>(2.0, TokenWindow());
  for (int step = 0; step < 300; ++step) {
    std::vector<float> logits(kVocab, 1), expected(kVocab, 1);
    for (const TokenId token : history) expected[static_cast<std::size_t>(token)] = 0.5;
    Candidates candidates(kVocab);
    candidates.reset(logits);
    processor->apply({.history = history}, candidates);
    ASSERT_EQ(dense(candidates, kVocab), expected) << step;
    for (auto n = rng() % 3; n > 0; --n) {
      history.push_back(static_cast<TokenId>(rng() % kVocab));
      processor->accept(history.back());
    }
    if (rng() % 3 == 0) {
      const std::size_t n = std::min<std::size_t>(rng() % 4, history.size() - 1);
      history.resize(history.size() - n);
      processor->rewind(static_cast<std::int64_t>(n));
    }
    if (rng() % 5 == 0) processor = processor->clone();
  }
}

TEST(Processors, MinLengthHoldsBackEveryEos) {
  const GenerationConfig config{.min_new_tokens = 3, .eos_token_id = {{0, 2}}, .do_sample = false};
  const std::vector<float> logits = {1, 2, 3, 4};
  const ProcessorChain chain = build_chain(config, {.prompt_length = 4, .encoder_input = {}, .vocab_size = 4});
  for (std::size_t n_new = 0; n_new < 5; ++n_new) {
    const std::vector<TokenId> history(4 + n_new, 1);
    auto row = logits;
    Candidates candidates(4);
    candidates.reset(row);
    chain.apply({.history = history, .prompt_length = 4}, candidates);
    EXPECT_EQ(dense(candidates, 4), n_new < 3 ? (std::vector<float>{kOut, 2, kOut, 4}) : logits) << n_new;
  }
}

TEST(Processors, AnEosThatIsListedTwiceGrowsOnce) {
  const GenerationConfig once{.eos_token_id = std::vector<TokenId>{2},
                              .exponential_decay_length_penalty = LengthDecay{.start = 0, .factor = 2}};
  GenerationConfig twice = once;
  twice.eos_token_id = std::vector<TokenId>{2, 2};
  const std::vector<float> logits{1, 2, 3, 4};
  const auto after = [&](const GenerationConfig& config) {
    Candidates candidates(logits.size());
    std::vector<float> own = logits;
    candidates.reset(own);
    const std::vector<TokenId> history{0, 1};
    build_chain(config, {.prompt_length = 1, .encoder_input = {}, .vocab_size = own.size()})
        .apply({.history = history, .prompt_length = 1}, candidates);
    return dense(candidates, own.size());
  };
  EXPECT_EQ(after(once), (std::vector<float>{1, 2, 6, 4}));
  EXPECT_EQ(after(twice), after(once));
}

TEST(Processors, ForcedTokensComeAtTheirLength) {
  const std::vector<float> logits{1, 2, 3, 4};
  const auto at = [&](const GenerationConfig& config, const std::vector<TokenId>& history) {
    Candidates candidates(logits.size());
    std::vector<float> own = logits;
    candidates.reset(own);
    const ChainSetup setup{.prompt_length = 1, .max_length = 5, .encoder_input = {}, .vocab_size = own.size()};
    build_chain(config, setup).apply({.history = history, .prompt_length = 1}, candidates);
    return dense(candidates, own.size());
  };
  const GenerationConfig first{.suppress_tokens = std::vector<TokenId>{1},
                               .begin_suppress_tokens = std::vector<TokenId>{3},
                               .forced_bos_token_id = 2};
  EXPECT_EQ(at(first, {0}), (std::vector<float>{kOut, kOut, 0, kOut}));
  EXPECT_EQ(at(first, {0, 2}), (std::vector<float>{1, kOut, 3, kOut}));  // what begins is what follows it
  EXPECT_EQ(at(first, {0, 2, 0}), (std::vector<float>{1, kOut, 3, 4}));
  const GenerationConfig last{.bad_words_ids = std::vector<std::vector<TokenId>>{{3}},
                              .forced_eos_token_id = std::vector<TokenId>{1, 3}};
  EXPECT_EQ(at(last, {0, 1, 2}), (std::vector<float>{1, 2, 3, kOut}));
  EXPECT_EQ(at(last, {0, 1, 2, 0}), (std::vector<float>{kOut, 0, kOut, 0}));
}

TEST(Processors, OnlySamplingShapesTheDistribution) {
  const GenerationConfig config{.do_sample = false, .temperature = 0.5, .top_k = 1, .top_p = 0.1, .min_p = 0.9};
  EXPECT_EQ(build_chain(config, {.prompt_length = 1, .encoder_input = {}, .vocab_size = 4}).size(), 0U);
}

TEST(Candidates, TheWayTheyAreHeldDoesNotShow) {
  std::mt19937 rng(7);
  const auto logits = random_logits(rng, 300, true);
  auto a = logits, b = logits;
  Candidates held_dense(300), held_sparse(300);
  held_dense.reset(a);
  held_sparse.reset(b);
  held_sparse.keep_if([](float) { return true; });
  EXPECT_EQ(held_dense.argmax(), held_sparse.argmax());
  EXPECT_EQ(held_dense.max(), held_sparse.max());
  (void)held_sparse.sorted();
  for (Candidates* candidates : {&held_dense, &held_sparse}) {
    candidates->remove(candidates->argmax());
    candidates->top_k(40);
    candidates->top_p(0.8);
  }
  EXPECT_EQ(dense(held_dense, 300), dense(held_sparse, 300));
  EXPECT_EQ(held_dense.argmax(), held_sparse.argmax());
  const auto sorted = held_dense.sorted();
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    EXPECT_TRUE(sorted[i - 1].logit > sorted[i].logit ||
                (sorted[i - 1].logit == sorted[i].logit && sorted[i - 1].token < sorted[i].token));
  }
}

TEST(Candidates, NoneLeft) {
  std::vector<float> logits(5, kOut);
  Candidates candidates(5);
  candidates.reset(logits);
  EXPECT_EQ(candidates.argmax(), -1);
  candidates.top_k(2);
  candidates.top_p(0.5);
  EXPECT_EQ(candidates.argmax(), -1);
  EXPECT_EQ(candidates.sorted().size(), 0U);
}

}  // namespace
}  // namespace skald::decode
