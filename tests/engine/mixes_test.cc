// Drawn mixes: all kinds of requests at once, with prompts that begin alike, in little memory, some cancelled. Those
// that end have the bits that they have alone.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "engine/rig.h"
#include "engine/same_completions.h"
#include "skald/error.h"

namespace skald {
namespace {

using test::Rig;
using test::RigOptions;
using test::some_prompt;

constexpr const char* kKinds[] = {
    R"({"do_sample": false, "logprobs": 1})",
    R"({"temperature": 0.8, "logprobs": 1})",
    R"({"temperature": 0.9, "num_return_sequences": 3})",
    R"({"num_beams": 3, "num_return_sequences": 2})",
    R"({"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.4})",
    R"({"penalty_alpha": 0.6, "top_k": 3, "do_sample": false})",
    R"({"prompt_lookup_num_tokens": 4, "do_sample": false})",
    R"({"num_assistant_tokens": 3, "temperature": 0.6, "assistant_confidence_threshold": 0})",
    R"({"assistant_early_exit": 1, "assistant_confidence_threshold": 0, "do_sample": false})",
    R"({"guidance_scale": 1.4, "do_sample": false})",
    R"({"prompt_logprobs": 1, "temperature": 0.7})",
    R"({"do_sample": false, "prefix_cache": false})",
    R"({"do_sample": false, "cache_salt": "mine"})",
};

// Returns how often a request was preempted.
std::int64_t run_mix(unsigned number) {
  std::mt19937 random(number);
  const auto below = [&random](std::size_t n) { return static_cast<int>(random() % n); };
  RigOptions options{.draft = test::FakeOptions{.any_length = true, .memory = 3}};
  options.model = {.any_length = below(2) == 0, .memory = below(2) * 3};
  if (below(3) == 0) options.model.long_rope_from = 60;
  const RigOptions roomy = options;
  options.threads = 1 + below(2);
  options.engine = {.prefill_chunk = 8 + below(120), .growth = 1 + below(40)};
  options.budget_bytes = test::fake_block_bytes() * (18 + random() % 12);

  Rig rig(options);
  std::vector<std::pair<Prompt, GenerationConfig>> asked;
  std::vector<std::shared_ptr<engine::Group>> groups;
  for (int i = 0; i < 14; ++i) {
    std::vector<TokenId> prompt = some_prompt(1 + 33 * below(4), below(2));
    const std::vector<TokenId> tail = some_prompt(1 + below(30), i);
    prompt.insert(prompt.end(), tail.begin(), tail.end());
    GenerationConfig config = GenerationConfig::from_json(kKinds[below(std::size(kKinds))]);
    config.max_new_tokens = 5 + below(60);
    config.seed = static_cast<std::uint64_t>(below(100));
    try {
      groups.push_back(rig.submit({prompt}, config));
    } catch (const LimitError&) {
      continue;  // too large to run even alone
    }
    asked.emplace_back(prompt, config);
    if (below(6) == 0) groups.back()->cancel();
    if (below(4) == 0) static_cast<void>(groups[static_cast<std::size_t>(below(groups.size()))]->wait());
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto done = groups[i]->wait();
    if (done[0].finish_reason == FinishReason::cancelled) continue;
    SCOPED_TRACE(testing::Message() << "request " << i << ": " << asked[i].second.to_json());
    GenerationConfig config = asked[i].second;
    config.prefix_cache = false;
    test::expect_same_bits(done, Rig(roomy).run({asked[i].first}, config));
  }
  return rig.engine().statistics().preemptions;
}

TEST(Mixes, SameRequestSameAnswer) {
  std::int64_t preemptions = 0;
  for (unsigned number = 0; number < 60; ++number) {
    SCOPED_TRACE(testing::Message() << "mix " << number);
    preemptions += run_mix(number);
  }
  EXPECT_GE(preemptions, 10);
}

}  // namespace
}  // namespace skald
