// Group and constrained beams, the rules of stopping, and beam sampling against exact enumeration.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "engine/rig.h"
#include "skald/error.h"
#include "support/expect_error.h"

namespace skald {
namespace {

using test::expect_error;
using test::Rig;
using test::some_prompt;

GenerationConfig beams(std::int64_t n) {
  return {.max_new_tokens = 20,
          .eos_token_id = std::vector<TokenId>{3, 17, 41},
          .do_sample = false,
          .num_beams = n,
          .num_return_sequences = n};
}

GenerationConfig groups() {
  GenerationConfig config = beams(6);
  config.num_beam_groups = 3;
  config.diversity_penalty = 1.5;
  return config;
}

GenerationConfig constrained() {
  GenerationConfig config = beams(4);
  config.force_words_ids = {{{{{50, 51}}}, {{{60}, {61, 62}}}}};
  return config;
}

TEST(Beams, GroupsAndConstraintsGiveOneAnswerAloneBesideOthersAndStreamed) {
  for (const GenerationConfig& config : {groups(), constrained()}) {
    const auto alone = Rig().run({some_prompt(40)}, config);
    Rig rig({.threads = 2, .engine = {.prefill_chunk = 7}});
    std::map<std::int64_t, std::vector<TokenId>> streamed;
    const auto together = rig.submit({some_prompt(33, 1), some_prompt(40)}, config,
                                     [&](const StreamEvent& event) {
                                       if (event.prompt_index == 0) return;
                                       auto& tokens = streamed[event.index];
                                       tokens.insert(tokens.end(), event.token_ids.begin(), event.token_ids.end());
                                     })
                              ->wait();
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(alone[i].token_ids, together[alone.size() + i].token_ids);
      EXPECT_EQ(alone[i].score, together[alone.size() + i].score);
      EXPECT_EQ(alone[i].beam_indices, together[alone.size() + i].beam_indices);
      EXPECT_EQ(alone[i].token_ids, streamed[static_cast<std::int64_t>(i)]);
      EXPECT_EQ(alone[i].token_ids.size(), alone[i].beam_indices.size());
    }
  }
}

TEST(Beams, ConstraintsAreMetOrTheNoticeSaysWhichAreNot) {
  const auto has = [](const std::vector<TokenId>& text, const std::vector<TokenId>& phrase) {
    return std::search(text.begin(), text.end(), phrase.begin(), phrase.end()) != text.end();
  };
  GenerationConfig config = constrained();
  for (const Completion& c : Rig().run({some_prompt(40)}, config)) {
    const bool met = has(c.token_ids, {50, 51}) && (has(c.token_ids, {60}) || has(c.token_ids, {61, 62}));
    EXPECT_TRUE(met || c.notice.find("missing") != std::string::npos) << c.notice;
  }
  config.max_new_tokens = 2;
  for (const Completion& c : Rig().run({some_prompt(40)}, config)) {
    EXPECT_NE(c.notice.find("not all constraints are met"), std::string::npos);
  }
}

TEST(Beams, PatienceOfOneStopsAsEarlyStoppingDoes) {
  GenerationConfig early = beams(4);
  early.early_stopping = EarlyStopping::yes;
  GenerationConfig patient = beams(4);
  patient.patience = 1;
  const auto a = Rig().run({some_prompt(40)}, early);
  const auto b = Rig().run({some_prompt(40)}, patient);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].token_ids, b[i].token_ids);
}

TEST(Beams, LengthPenaltyAfterWu) {
  GenerationConfig config = beams(4);
  config.length_penalty = 0.6;
  config.length_penalty_form = LengthPenaltyForm::gnmt;
  config.logprobs = 0;
  for (const Completion& c : Rig().run({some_prompt(40)}, config)) {
    double sum = 0;
    for (const TokenLogprob& token : c.logprobs) sum += token.logprob;
    const double n = static_cast<double>(c.token_ids.size());
    EXPECT_NEAR(*c.score, sum / std::pow((5 + n) / 6, 0.6), 1e-3);
  }
}

TEST(Beams, RefusalsNameOptionValueAndRule) {
  const auto refuse = [](GenerationConfig config, const std::string& part) {
    expect_error<OptionError>([&] { (void)Rig().run({some_prompt(4)}, config); }, part);
  };
  GenerationConfig config = groups();
  config.num_beam_groups = 4;
  refuse(config, "num_beam_groups = 4: must divide num_beams, 6");
  config.num_beam_groups = 12;
  refuse(config, "num_beam_groups = 12: must be at most num_beams, 6");
  config = groups();
  config.do_sample = true;
  refuse(config, "do_sample = true");
  config = groups();
  config.diversity_penalty = 0;
  refuse(config, "diversity_penalty = 0: must be above 0");
  config = constrained();
  config.num_beams = config.num_return_sequences = 1;
  refuse(config, "num_beams = 1: must be above 1");
  config = constrained();
  config.force_words_ids->push_back({{{96}}});
  refuse(config, "force_words_ids = 96");
  config = constrained();
  config.max_new_tokens = 1;
  refuse(config, "must fit into max_new_tokens, 1");
}

// Two beams of one step: of four tokens drawn without replacement the first two enter, the more probable one is best.
TEST(Beams, BeamSamplingHasTheProbabilitiesOfItsDraws) {
  constexpr int kCalls = 4000;
  Rig rig({.model = {.vocab_size = 7}});
  const std::vector<TokenId> prompt = {1, 5, 2};
  const auto all = rig.run({prompt}, {.max_new_tokens = 1, .do_sample = false, .logprobs = 7});
  std::vector<double> p(7);
  for (const auto& [token, logprob] : all[0].logprobs[0].top) p[static_cast<std::size_t>(token)] = std::exp(logprob);
  std::vector<double> expected(7);
  for (std::size_t i = 0; i < 7; ++i) {
    for (std::size_t j = 0; j < 7; ++j) {
      if (i != j) expected[p[i] > p[j] ? i : j] += p[i] * p[j] / (1 - p[i]);
    }
  }
  std::vector<int> found(7);
  for (int call = 0; call < kCalls; ++call) {
    const auto best = rig.run(
        {prompt}, {.max_new_tokens = 1, .do_sample = true, .seed = static_cast<std::uint64_t>(call), .num_beams = 2});
    ++found[static_cast<std::size_t>(best[0].token_ids[0])];
  }
  double chi_square = 0;
  for (std::size_t i = 0; i < 7; ++i) {
    const double mean = kCalls * expected[i];
    if (mean > 1e-9) chi_square += (found[i] - mean) * (found[i] - mean) / mean;
  }
  EXPECT_LT(chi_square, 30);  // 6 degrees of freedom: once in 25000
}

}  // namespace
}  // namespace skald
