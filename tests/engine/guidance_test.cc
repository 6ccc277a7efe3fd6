// Guidance: the logits of several prompts or models, put together.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/rig.h"
#include "engine/small_tokenizer.h"
#include "skald/error.h"

namespace skald {
namespace {

using test::Rig;
using test::RigOptions;
using test::some_prompt;

constexpr std::size_t kVocab = 96;
const RigOptions kModel{.model = {.memory = 6}};  // what was a prompt and what was generated are the same to it

// Log-probabilities of the token after `prompt`, by token, from a run of its own.
std::vector<double> log_probs(const RigOptions& options, std::vector<TokenId> prompt) {
  std::vector<double> all(kVocab);
  Rig rig(options);
  rig.set_hooks({.logits_processors = {[&](const StepView&, std::span<float> logits) {
                   double sum = 0;
                   for (const float l : logits) sum += std::exp(static_cast<double>(l));
                   for (std::size_t t = 0; t < kVocab; ++t) all[t] = logits[t] - std::log(sum);
                 }}});
  static_cast<void>(rig.run({std::move(prompt)}, {.max_new_tokens = 1, .do_sample = false}));
  return all;
}

std::size_t best_of(const std::vector<double>& scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

TEST(Guidance, ClassifierFreeIsTheFormula) {
  const std::vector<TokenId> negative = some_prompt(7, 3);
  std::vector<TokenId> text = some_prompt(20), away = negative;
  const auto done = Rig(kModel).run(
      {text}, {.max_new_tokens = 12, .do_sample = false, .guidance_scale = 2.5, .negative_prompt_ids = negative});
  for (const TokenId token : done[0].token_ids) {
    const auto s = log_probs(kModel, text), u = log_probs(kModel, away);
    std::vector<double> guided(kVocab);
    for (std::size_t t = 0; t < kVocab; ++t) guided[t] = 2.5 * (s[t] - u[t]) + u[t];
    EXPECT_EQ(static_cast<std::size_t>(token), best_of(guided));
    text.push_back(token);
    away.push_back(token);
  }
}

TEST(Guidance, ExpertsAddAndTakeAway) {
  const RigOptions expert{.model = {.memory = 2}}, anti{.model = {.memory = 3}};
  const RigOptions all{
      .model = kModel.model, .experts = {{"good", 1}, {"bad", 2}}, .further = {expert.model, anti.model}};
  std::vector<TokenId> text = some_prompt(20);
  const std::vector<ExpertTerm> terms{{.expert = "good", .anti_expert = "bad", .weight = 1.5}};
  const auto done = Rig(all).run({text}, {.max_new_tokens = 12, .do_sample = false, .experts = terms});
  for (const TokenId token : done[0].token_ids) {
    const auto own = log_probs(kModel, text), plus = log_probs(expert, text), minus = log_probs(anti, text);
    std::vector<double> guided(kVocab);
    for (std::size_t t = 0; t < kVocab; ++t) guided[t] = own[t] + 1.5 * (plus[t] - minus[t]);
    EXPECT_EQ(static_cast<std::size_t>(token), best_of(guided));
    text.push_back(token);
  }
}

GenerationConfig guided(bool samples) {
  return {.max_new_tokens = 30,
          .do_sample = samples,
          .temperature = 0.8,
          .seed = 6,
          .guidance_scale = 1.7,
          .negative_prompt_ids = some_prompt(50, 8),
          .num_return_sequences = samples ? 3 : 1};
}

TEST(Guidance, OneAnswerWhateverElseRunsAndHoweverItIsDrafted) {
  for (const bool samples : {false, true}) {
    const auto alone = Rig().run({some_prompt(40)}, guided(samples));
    Rig rig({.threads = 2, .engine = {.prefill_chunk = 7}, .draft = test::FakeOptions{}});
    const auto other = rig.submit({some_prompt(60, 2)}, {.max_new_tokens = 40, .seed = 2});
    const auto together = rig.submit({some_prompt(11, 1), some_prompt(40)}, guided(samples))->wait();
    static_cast<void>(other->wait());
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(alone[i].token_ids, together[alone.size() + i].token_ids);
    }
  }
}

TEST(Guidance, OfStrengthZeroIsNone) {
  const text::Tokenizer tokenizer = test::small_tokenizer();
  GenerationConfig config{.max_new_tokens = 20, .seed = 3, .logprobs = 0};
  const auto plain = Rig({.tokenizer = &tokenizer}).run({some_prompt(20)}, config);
  config.guide_attribute = "cheerful";
  config.guide_strength = 0;
  const auto zero = Rig({.tokenizer = &tokenizer}).run({some_prompt(20)}, config);
  EXPECT_EQ(plain[0].token_ids, zero[0].token_ids);
  for (std::size_t i = 0; i < plain[0].logprobs.size(); ++i) {
    EXPECT_EQ(plain[0].logprobs[i].logprob, zero[0].logprobs[i].logprob);
  }
  config.guide_strength = 3;
  EXPECT_NE(Rig({.tokenizer = &tokenizer}).run({some_prompt(20)}, config)[0].token_ids, plain[0].token_ids);
}

TEST(Guidance, AttributesOfOnesOwn) {
  const text::Tokenizer tokenizer = test::small_tokenizer();
  GenerationConfig config{.max_new_tokens = 20, .seed = 3, .guide_attribute = "cheerful=2"};
  Rig rig({.tokenizer = &tokenizer});
  const auto library = rig.run({some_prompt(20)}, config);
  config.guide_attribute = "mine";
  config.guide_strength = 2;
  for (const Attribute& attribute : attribute_library()) {
    if (attribute.name == "cheerful")
      config.attributes = {{{"other", "a", "b"}, {"mine", attribute.positive, attribute.negative}}};
  }
  EXPECT_EQ(rig.run({some_prompt(20)}, config)[0].token_ids, library[0].token_ids);
}

TEST(Guidance, OfContrastiveSearch) {
  Rig rig;
  GenerationConfig config{.max_new_tokens = 20, .do_sample = false, .top_k = 4, .penalty_alpha = 0.3};
  const auto plain = rig.run({some_prompt(20)}, config);
  config.guidance_scale = 1;
  EXPECT_EQ(rig.run({some_prompt(20)}, config)[0].token_ids, plain[0].token_ids);
  config.guidance_scale = 3;
  config.negative_prompt_ids = {{some_prompt(20, 1)}};
  const auto guided = rig.run({some_prompt(20)}, config);
  EXPECT_NE(guided[0].token_ids, plain[0].token_ids);
  EXPECT_EQ(rig.run({some_prompt(20), some_prompt(9, 2)}, config)[0].token_ids, guided[0].token_ids);
}

TEST(Guidance, UnknownNamesAreRefused) {
  const text::Tokenizer tokenizer = test::small_tokenizer();
  Rig rig({.tokenizer = &tokenizer});
  const auto message = [&](const GenerationConfig& config) -> std::string {
    try {
      static_cast<void>(rig.run({some_prompt(5)}, config));
    } catch (const OptionError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message({.guide_attribute = "cheery"}).find("known are cheerful, positive, negative"), std::string::npos)
      << message({.guide_attribute = "cheery"});
  EXPECT_NE(message({.guide_attribute = "cheerful=x"}).find("must be a number in [-100, 100]"), std::string::npos);
  EXPECT_NE(message({.experts = {{{.expert = "who"}}}}).find("no expert is loaded"), std::string::npos);
  EXPECT_NE(message({.guidance_scale = 2, .negative_prompt_ids = {{96}}}).find("must be in [0, 96)"),
            std::string::npos);
}

}  // namespace
}  // namespace skald
