// Samplers that transformers does not have: against their definitions, spelled out.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "decode/chain_places.h"
#include "decode/options.h"
#include "decode/processors/count_penalty.h"
#include "decode/processors/dry.h"
#include "decode/processors/dynamic_temperature.h"
#include "decode/processors/mirostat.h"
#include "decode/processors/repetition_penalty.h"
#include "decode/processors/top_n_sigma.h"
#include "decode/processors/xtc.h"
#include "decode/processors_support.h"

namespace skald::decode {
namespace {

std::vector<std::size_t> best_first(const std::vector<float>& logits) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return logits[a] > logits[b]; });
  return order;
}

TEST(Samplers, TopNSigmaMeasuresFromTheLargest) {
  EXPECT_EQ(after(TopNSigma(1), {0, 4, 2, kOut}), (std::vector<float>{kOut, 4, kOut, kOut}));  // sigma 1.63
  EXPECT_EQ(after(TopNSigma(1.5), {0, 4, 2, kOut}), (std::vector<float>{kOut, 4, 2, kOut}));
  EXPECT_EQ(after(TopNSigma(1), {3, 3, 3}), (std::vector<float>{3, 3, 3}));
  EXPECT_EQ(after(TopNSigma(1), {kOut, 3}), (std::vector<float>{kOut, 3}));
}

TEST(Samplers, XtcLeavesTheLeastOfTheTopChoices) {
  const auto logits = [](std::vector<double> p) {
    std::vector<float> out;
    for (const double value : p) out.push_back(static_cast<float>(std::log(value)));
    return out;
  };
  const std::vector<float> row = logits({0.1, 0.4, 0.25, 0.2, 0.05});
  Xtc::Settings settings{.probability = 1, .threshold = 0.2, .seed = 1, .n_completions = 1, .keep = 1};
  std::vector<float> expected = row;
  expected[1] = expected[2] = kOut;
  settings.threshold = 0.19;
  EXPECT_EQ(after(Xtc(settings), row), expected);
  settings.threshold = 0.3;  // one token alone stays
  EXPECT_EQ(after(Xtc(settings), row), row);
  settings.keep = 4;
  settings.threshold = 0.19;
  EXPECT_EQ(after(Xtc(settings), row), row);
}

// How often it acts, and that nothing but seed, completion and step decides.
TEST(Samplers, XtcTossesACoinOfItsOwn) {
  const std::vector<float> row = {1, 1, 1, 1};
  const auto acts = [&](std::uint64_t seed, std::int32_t row_index, std::int64_t step) {
    const Xtc xtc({.probability = 0.3, .threshold = 0.1, .seed = seed, .n_completions = 4, .keep = 1});
    return after(*xtc.clone(), row, {.history = {}, .step = step, .row = row_index}) != row;
  };
  int n = 0;
  for (std::int64_t step = 0; step < 4000; ++step) {
    n += static_cast<int>(acts(7, 1, step));
    ASSERT_EQ(acts(7, 1, step), acts(7, 5, step)) << "the same completion of the next prompt";
  }
  EXPECT_NEAR(n, 1200, 120);
  int differ = 0;
  for (std::int64_t step = 0; step < 100; ++step) differ += static_cast<int>(acts(7, 1, step) != acts(7, 2, step));
  EXPECT_GT(differ, 10);
}

TEST(Samplers, DynamicTemperatureGoesWithTheEntropy) {
  // Even: the highest. One token alone: the lowest.
  EXPECT_EQ(after(DynamicTemperature(1, 0.5, 1), {3, 3, 3}), (std::vector<float>{2, 2, 2}));
  EXPECT_EQ(after(DynamicTemperature(1, 0.5, 1), {900, 0}), (std::vector<float>{1800, 0}));
  EXPECT_EQ(after(DynamicTemperature(1, 1, 1), {900, 0}), (std::vector<float>{900, kOut}));
  const std::vector<float> row = {2, 1, 0, -1};
  const auto p = softmax(row);
  double entropy = 0;
  for (const double value : p) entropy -= value * std::log(value);
  const double t = 0.3 + 1.4 * std::pow(entropy / std::log(4.0), 2.5);
  const auto scaled = after(DynamicTemperature(1, 0.7, 2.5), row);
  for (std::size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(scaled[i], row[i] / t, 1e-6);
}

// By the definition: for every earlier place, how many tokens before it equal those at the end.
TEST(Samplers, DryAgainstItsDefinition) {
  std::mt19937 rng(11);
  constexpr std::size_t kVocab = 6;
  for (int trial = 0; trial < 400; ++trial) {
    const std::size_t n = 1 + rng() % 40, n_kinds = 2 + rng() % 4;
    std::vector<TokenId> history(n);
    for (TokenId& token : history) token = static_cast<TokenId>(rng() % n_kinds);
    Dry::Settings settings{.multiplier = 0.8, .base = 1.75, .allowed_length = static_cast<std::int64_t>(rng() % 4)};
    settings.last_n = trial % 3 == 0 ? static_cast<std::int64_t>(rng() % 20) : -1;
    const TokenId breaker = trial % 2 == 0 ? 1 : -1;
    if (breaker >= 0) settings.breakers = std::make_shared<SequenceBreakers>(SequenceBreakers{{breaker}});
    std::vector<TokenId> window = history;
    if (settings.last_n >= 0 && n > static_cast<std::size_t>(settings.last_n)) {
      window.erase(window.begin(), window.end() - settings.last_n);
    }
    std::map<TokenId, std::size_t> longest;
    std::size_t limit = 0;
    while (limit < window.size() && window[window.size() - 1 - limit] != breaker) ++limit;
    for (std::size_t place = 1; place < window.size(); ++place) {  // window[place] would be said again
      std::size_t same = 0;
      while (same < place && window[place - 1 - same] == window[window.size() - 1 - same]) ++same;
      same = std::min(same, limit);
      if (same >= static_cast<std::size_t>(settings.allowed_length) && window[place] != breaker) {
        longest[window[place]] = std::max(longest[window[place]], same);
      }
    }
    std::vector<float> expected(kVocab, 1);
    const auto allowed = static_cast<std::size_t>(settings.allowed_length);
    if (window.size() > allowed && limit >= allowed) {
      for (const auto& [token, same] : longest) {
        expected[static_cast<std::size_t>(token)] -=
            static_cast<float>(0.8 * std::pow(1.75, static_cast<double>(same - allowed)));
      }
    }
    const auto scores = after(Dry(settings), std::vector<float>(kVocab, 1), {.history = history});
    for (std::size_t t = 0; t < kVocab; ++t) {
      ASSERT_NEAR(scores[t], expected[t], 1e-5 * std::abs(expected[t])) << trial << " token " << t;
    }
  }
}

TEST(Samplers, DryBreaksAtSequencesOfTokens) {
  Dry::Settings settings{.multiplier = 1, .base = 2, .allowed_length = 1};
  settings.breakers = std::make_shared<SequenceBreakers>(SequenceBreakers{{3, 4}});
  const std::vector<TokenId> history = {0, 1, 2, 0, 3, 4, 0};
  // "0" alone repeats: what stood before the breaker no longer counts, and 3 may follow it, too.
  EXPECT_EQ(after(Dry(settings), std::vector<float>(5, 0), {.history = history}),
            (std::vector<float>{0, -1, 0, -1, 0}));
}

class MirostatTest : public testing::TestWithParam<int> {};

// mu by hand along a run that steps back now and then; a clone goes on alike.
TEST_P(MirostatTest, FollowsAndRewinds) {
  constexpr std::size_t kVocab = 300;
  constexpr double kTau = 3, kEta = 0.2;
  std::mt19937 rng(5);
  std::unique_ptr<LogitsProcessor> processor = std::make_unique<Mirostat>(
      Mirostat::Settings{.version = GetParam(), .tau = kTau, .eta = kEta, .vocab_size = kVocab});
  std::vector<double> mu = {2 * kTau};
  for (int step = 0; step < 200; ++step) {
    const auto logits = random_logits(rng, kVocab, false);
    const auto p = softmax(logits);
    const auto order = best_first(logits);
    std::size_t n_kept = 0;
    if (GetParam() == 2) {
      while (n_kept < kVocab && -std::log2(p[order[n_kept]]) <= mu.back()) ++n_kept;
    } else {
      double products = 0, squares = 0;
      for (std::size_t i = 0; i + 1 < 100; ++i) {
        const double t = std::log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
        products += t * std::log(p[order[i]] / p[order[i + 1]]);
        squares += t * t;
      }
      const double s = products / squares, e = s - 1;
      const double k = std::pow(e * std::exp2(mu.back()) / (1 - std::pow(kVocab, -e)), 1 / s);
      n_kept = std::min<std::size_t>(kVocab, static_cast<std::size_t>(std::max(k, 1.0)));
    }
    n_kept = std::max<std::size_t>(n_kept, 1);
    std::vector<float> expected(kVocab, kOut);
    double held = 0;
    for (std::size_t i = 0; i < n_kept; ++i) {
      expected[order[i]] = logits[order[i]];
      held += p[order[i]];
    }
    ASSERT_EQ(after(*processor, logits), expected) << step;
    const std::size_t chosen = order[rng() % n_kept];
    processor->accept(static_cast<TokenId>(chosen));
    mu.push_back(mu.back() - kEta * (-std::log2(p[chosen] / held) - kTau));
    if (rng() % 4 == 0) {
      const std::size_t n = std::min<std::size_t>(rng() % 3, mu.size() - 1);
      processor->rewind(static_cast<std::int64_t>(n));
      mu.resize(mu.size() - n);
    }
    if (rng() % 5 == 0) processor = processor->clone();
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, MirostatTest, testing::Values(1, 2));

// Windows, exempt tokens and pads, along a run with steps back.
TEST(Penalties, CountWhatTheirWindowHolds) {
  std::mt19937 rng(6);
  constexpr std::size_t kVocab = 12;
  for (int trial = 0; trial < 60; ++trial) {
    const auto first = static_cast<std::int64_t>(rng() % 6);
    const std::int64_t last_n = trial % 3 == 0 ? -1 : static_cast<std::int64_t>(rng() % 9);
    const auto exempt = std::make_shared<const std::vector<TokenId>>(std::vector<TokenId>{3, 5});
    std::unique_ptr<LogitsProcessor> counts =
        std::make_unique<CountPenalty>(0.5, 0.25, TokenWindow(first, last_n, exempt));
    std::unique_ptr<LogitsProcessor> seen = std::make_unique<RepetitionPenalty>(2, TokenWindow(first, last_n, exempt));
    const auto draw = [&] { return static_cast<TokenId>(rng() % kVocab); };
    std::vector<TokenId> history(trial % 2 == 0 ? 5 : 100);
    std::generate(history.begin(), history.end(), draw);
    for (int step = 0; step < 60; ++step) {
      std::vector<float> by_count(kVocab, 1), by_use(kVocab, 1);
      std::size_t begin = std::min(static_cast<std::size_t>(first), history.size());
      if (last_n >= 0) begin = std::max(begin, history.size() - std::min<std::size_t>(last_n, history.size()));
      for (std::size_t i = begin; i < history.size(); ++i) {
        if (history[i] == 3 || history[i] == 5) continue;
        const auto token = static_cast<std::size_t>(history[i]);
        by_count[token] -= by_use[token] == 1 ? 0.75F : 0.5F;
        by_use[token] = 0.5;
      }
      ASSERT_EQ(after(*counts, std::vector<float>(kVocab, 1), {.history = history}), by_count) << trial << " " << step;
      ASSERT_EQ(after(*seen, std::vector<float>(kVocab, 1), {.history = history}), by_use) << trial << " " << step;
      for (auto n = rng() % 3; n > 0; --n) {
        history.push_back(draw());
        counts->accept(history.back());
        seen->accept(history.back());
      }
      if (rng() % 3 == 0) {
        const std::size_t n = std::min<std::size_t>(rng() % 4, history.size() - 1);
        history.resize(history.size() - n);
        counts->rewind(static_cast<std::int64_t>(n));
        seen->rewind(static_cast<std::int64_t>(n));
      }
      if (rng() % 5 == 0) counts = counts->clone();
    }
  }
}

std::vector<float> run(const GenerationConfig& config, const std::vector<float>& logits,
                       const std::vector<TokenId>& history = {0}, std::int64_t prompt_length = 1) {
  const ChainSetup setup{.prompt_length = prompt_length, .encoder_input = {}, .vocab_size = logits.size()};
  return after(build_chain(config, setup), logits, {.history = history, .prompt_length = prompt_length});
}

TEST(SamplerOrder, IsTheCallers) {
  const std::vector<float> row = {4, 3, 2, 1, 0};
  GenerationConfig config{.do_sample = true, .temperature = 4, .min_p = 0.3};
  // After the temperature nearly all are within 0.3 of the best; before it, the best two.
  config.samplers = {{"temperature", "min_p"}};
  EXPECT_EQ(run(config, row), (std::vector<float>{1, 0.75, 0.5, 0.25, 0}));
  config.samplers = {{"min_p", "temperature"}};
  EXPECT_EQ(run(config, row), (std::vector<float>{1, 0.75, kOut, kOut, kOut}));
  config.samplers = {{"temperature"}};  // what is not named does not act, what is unset does nothing
  EXPECT_EQ(run(config, row), (std::vector<float>{1, 0.75, 0.5, 0.25, 0}));
  config.samplers = std::vector<std::string>{};
  EXPECT_EQ(run(config, row), row);
  config.suppress_tokens = {{1}};  // rules are no samplers
  EXPECT_EQ(run(config, row), (std::vector<float>{4, kOut, 2, 1, 0}));
}

TEST(SamplerOrder, NamesWhatIsKnown) {
  GenerationConfig config;
  config.set("samplers", "top_k;temperature");
  EXPECT_EQ(config.samplers, (std::vector<std::string>{"top_k", "temperature"}));
  try {
    config.set("samplers", "top_k,topp");
    FAIL();
  } catch (const std::exception& error) {
    const std::string message = error.what();
    for (const std::string_view name : sampler_names()) EXPECT_NE(message.find(name), std::string::npos) << name;
    EXPECT_NE(message.find("topp"), std::string::npos);
  }
  for (const std::string_view name : sampler_names()) config.set("samplers", name);
  for (const Profile& profile : profiles()) {
    for (const std::string_view name : profile.order) EXPECT_NO_THROW(config.set("samplers", name)) << name;
    // Every sampler has a place in every profile.
    if (profile.order.empty()) continue;
    EXPECT_EQ(profile.order.size(), sampler_names().size() - 2) << profile.name;  // "penalties" stands for two
  }
}

TEST(SamplerOrder, MirostatTakesThePlaceOfTruncation) {
  GenerationConfig config{.do_sample = true, .top_k = 1, .mirostat = 2, .mirostat_tau = 100};
  EXPECT_EQ(run(config, {2, 1, 0}), (std::vector<float>{2, 1, 0}));
  config.samplers = {{"top_k", "mirostat"}};
  EXPECT_EQ(run(config, {2, 1, 0}), (std::vector<float>{2, kOut, kOut}));
}

TEST(Profiles, TopKTies) {
  const std::vector<float> row = {1, 3, 2, 2, 0};
  for (const auto& [profile, kept] :
       std::map<std::string, int>{{"hf", 3}, {"hf4", 3}, {"vllm", 3}, {"llamacpp", 2}, {"ct2", 2}, {"fllm", 2}}) {
    const auto scores = run({.profile = profile, .do_sample = true, .top_k = 2}, row);
    EXPECT_EQ(5 - std::count(scores.begin(), scores.end(), kOut), kept) << profile;
    EXPECT_EQ(scores[2], 2.0F) << "of equal ones the lowest id";
  }
}

TEST(Profiles, TopPCrossing) {
  // 0.5, 0.25, 0.125, 0.125: at p = 0.7 the second token crosses.
  const std::vector<float> row = {std::log(4.0F), std::log(2.0F), 0, 0};
  const auto with_crossing = std::vector<float>{row[0], row[1], kOut, kOut};
  for (const char* const profile : {"hf", "hf4", "vllm", "llamacpp", "ct2"}) {
    EXPECT_EQ(run({.profile = profile, .do_sample = true, .top_p = 0.7}, row), with_crossing) << profile;
  }
  EXPECT_EQ(run({.profile = "fllm", .do_sample = true, .top_p = 0.7}, row),
            (std::vector<float>{row[0], kOut, kOut, kOut}));
  EXPECT_EQ(run({.profile = "fllm", .do_sample = true, .top_p = 0.1}, row),
            (std::vector<float>{row[0], kOut, kOut, kOut}));  // the first always stays
}

TEST(Profiles, OrderOfTemperature) {
  const std::vector<float> row = {4, 3, 2, 1};
  const auto n_kept = [&](const char* profile) {
    const auto scores = run({.profile = profile, .do_sample = true, .temperature = 4, .min_p = 0.3}, row);
    return 4 - std::count(scores.begin(), scores.end(), kOut);
  };
  EXPECT_EQ(n_kept("hf"), 4);
  EXPECT_EQ(n_kept("vllm"), 4);
  EXPECT_EQ(n_kept("llamacpp"), 2);
}

TEST(Profiles, WhatPenaltiesCount) {
  const std::vector<TokenId> history = {0, 1};  // 0 is the prompt
  const std::vector<float> row = {4, 4, 4};
  const auto repetition = [&](const char* profile) {
    return run({.profile = profile, .do_sample = false, .repetition_penalty = 2}, row, history);
  };
  EXPECT_EQ(repetition("hf"), (std::vector<float>{2, 2, 4}));
  EXPECT_EQ(repetition("llamacpp"), (std::vector<float>{2, 2, 4}));
  EXPECT_EQ(repetition("fllm"), (std::vector<float>{4, 2, 4}));
  const auto presence = [&](const char* profile) {
    return run({.profile = profile, .do_sample = false, .presence_penalty = 1}, row, history);
  };
  EXPECT_EQ(presence("hf"), (std::vector<float>{4, 3, 4}));
  EXPECT_EQ(presence("vllm"), (std::vector<float>{4, 3, 4}));
  EXPECT_EQ(presence("llamacpp"), (std::vector<float>{3, 3, 4}));
}

// transformers 5 passes over the pads before a prompt, 4 does not.
TEST(Profiles, Pads) {
  const std::vector<TokenId> history = {0, 0, 1};
  for (const auto& [profile, of_pad] : std::map<std::string, float>{{"hf", 4}, {"hf4", 2}}) {
    const ChainSetup setup{.prompt_length = 3, .n_pads = 2, .encoder_input = {}, .vocab_size = 3};
    EXPECT_EQ(after(build_chain({.profile = profile, .repetition_penalty = 2}, setup), {4, 4, 4},
                    {.history = history, .prompt_length = 3}),
              (std::vector<float>{of_pad, 2, 4}));
  }
}

TEST(Profiles, AreTheOnesOfTheTable) {
  GenerationConfig config;
  for (const Profile& profile : profiles()) EXPECT_NO_THROW(config.set("profile", profile.name));
  EXPECT_THROW(config.set("profile", "hf5"), std::exception);
}

TEST(Renormalize, GivesLogProbabilities) {
  const auto scores = run({.do_sample = true, .top_k = 2, .renormalize_logits = true}, {0, 0, -1});
  EXPECT_NEAR(scores[0], -std::log(2.0), 1e-6);
  EXPECT_EQ(scores[2], kOut);
}

}  // namespace
}  // namespace skald::decode
