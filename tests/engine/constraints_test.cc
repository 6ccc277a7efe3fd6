// Constraints hold in every strategy: on a fake model, and on the model that ships.
#include <gtest/gtest.h>

#include <map>

#include "engine/rig.h"
#include "engine/small_tokenizer.h"
#include "skald/error.h"

namespace skald {
namespace {

using test::Rig;
using test::some_prompt;

// The ways to choose tokens that a constraint has to hold in.
std::vector<GenerationConfig> strategies() {
  return {
      {.max_new_tokens = 40, .do_sample = false},
      {.max_new_tokens = 40, .temperature = 1.0, .seed = 5, .num_return_sequences = 4},
      {.max_new_tokens = 40, .temperature = 0.7, .top_k = 20, .top_p = 0.9, .seed = 6, .num_return_sequences = 2},
      {.max_new_tokens = 40, .do_sample = false, .prompt_lookup_num_tokens = 6},
      {.max_new_tokens = 40, .num_beams = 4, .num_return_sequences = 4},
      {.max_new_tokens = 40, .do_sample = true, .seed = 9, .num_beams = 3, .num_return_sequences = 2},
      {.max_new_tokens = 40, .do_sample = false, .top_k = 4, .penalty_alpha = 0.6},
  };
}

class Constrained : public testing::Test {
 protected:
  // The completions, after checking that what was streamed is what came back.
  std::vector<Completion> run(const std::vector<Prompt>& prompts, const GenerationConfig& config) {
    std::map<std::pair<std::int64_t, std::int64_t>, std::string> streamed;
    auto completions = rig_.submit(prompts, config,
                                   [&](const StreamEvent& event) {
                                     streamed[{event.prompt_index, event.index}] += event.text;
                                   })
                           ->wait();
    for (const Completion& c : completions) EXPECT_EQ((streamed[{c.prompt_index, c.index}]), c.text);
    return completions;
  }
  std::string refused(const GenerationConfig& config) {
    try {
      rig_.run({some_prompt(5)}, config);
    } catch (const OptionError& error) {
      return error.what();
    }
    return "accepted";
  }

  text::Tokenizer tokenizer_ = test::small_tokenizer();
  Rig rig_{{.threads = 2, .tokenizer = &tokenizer_}};
};

TEST_F(Constrained, BannedTextNeverAppears) {
  const std::vector<Prompt> prompts = {some_prompt(9), some_prompt(14, 3)};
  for (GenerationConfig config : strategies()) {
    for (int round = 0; round < 12; ++round) {
      const auto before = run(prompts, config);
      // Ban something of what came: parts that begin and end inside tokens.
      const std::string& text = before[static_cast<std::size_t>(round) % before.size()].text;
      std::vector<std::string> banned = config.banned_strings.value_or(std::vector<std::string>{});
      for (std::size_t at = static_cast<std::size_t>(round) % 5; at + 4 < text.size(); at += 11) {
        std::string some = text.substr(at, 1 + at % 4);
        const bool readable = std::ranges::all_of(some, [](char c) { return c > 0; });
        if (readable && banned.size() < 64) banned.push_back(std::move(some));
      }
      config.banned_strings = banned;
      for (const Completion& completion : run(prompts, config)) {
        for (const std::string& b : banned) EXPECT_EQ(completion.text.find(b), std::string::npos) << b;
      }
    }
  }
}

bool includes(const std::string& text, const std::vector<std::vector<TextOrIds>>& phrases) {
  return std::ranges::all_of(phrases, [&](const auto& alternatives) {
    return std::ranges::any_of(alternatives, [&](const TextOrIds& alternative) {
      return text.find(std::get<std::string>(alternative)) != std::string::npos;
    });
  });
}

TEST_F(Constrained, PhrasesAreThereInTheEnd) {
  const std::vector<std::vector<std::vector<TextOrIds>>> cases = {
      {{"opera"}},
      {{" the"}, {"stop", "never"}},
      {{"abc"}, {"bcd"}, {"cde"}},
      {{"\xc3\xa9\xe2\x82\xac"}, {" of the"}},
      {{"a"}, {"b"}, {"c"}, {"d"}, {"e"}, {"f"}, {"g"}, {"h"}, {"i"}, {"j"}, {"k"}, {"l"}, {"m"}, {"n"}, {"o"}, {"p"}},
  };
  for (GenerationConfig config : strategies()) {
    for (const auto& phrases : cases) {
      config.must_include = phrases;
      config.eos_token_id = {{52, 53, 70, 71}};
      config.stop_strings = {{"B", "Z!"}};
      for (const Completion& completion : run({some_prompt(9), some_prompt(14, 3)}, config)) {
        EXPECT_TRUE(includes(completion.text, phrases)) << completion.text;
      }
    }
  }
}

TEST_F(Constrained, PhrasesThatFitInNoOtherWay) {
  // "stopera" is st + opera, "the of" begins with a space that has to be there.
  GenerationConfig config{.max_new_tokens = 3, .temperature = 3.0};
  config.must_include = {{" the"}, {"stopera"}};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    config.seed = seed;
    EXPECT_TRUE(includes(run({some_prompt(4)}, config)[0].text, *config.must_include));
  }
  config.max_new_tokens = 2;
  EXPECT_EQ(refused(config), "must_include = 3 tokens: its phrases need so many, and max_new_tokens leaves 2");
}

TEST_F(Constrained, PhrasesAsTokenIds) {
  GenerationConfig config{.max_new_tokens = 20, .do_sample = false};
  config.must_include = {{std::vector<TokenId>{*tokenizer_.token_to_id("st"), *tokenizer_.token_to_id("opera")}}};
  EXPECT_NE(run({some_prompt(4)}, config)[0].text.find("stopera"), std::string::npos);
}

TEST_F(Constrained, PhrasesAreRefusedByNameAndReason) {
  const auto with = [](std::vector<std::vector<TextOrIds>> phrases) {
    GenerationConfig config{.max_new_tokens = 20};
    config.must_include = std::move(phrases);
    return config;
  };
  EXPECT_EQ(refused(with({{""}})), "must_include = item 0: is empty: each text has 1 to 1024 bytes");
  EXPECT_EQ(refused(with({{std::vector<TokenId>{90}}})), "must_include = item 0: its token ids are no text");
  EXPECT_EQ(refused(with({{"a\xe6\x97\xa5"}})),
            "must_include: the tokens that may be chosen cannot write all of its phrases");
  GenerationConfig config = with({{"opera"}});
  config.banned_strings = {{"per"}};
  EXPECT_EQ(refused(config), "must_include = 'opera': contains 'per', which is in banned_strings");
  config = with({{"opera"}});
  config.stop_strings = {{"op"}};
  EXPECT_EQ(refused(config), "must_include = 'opera': contains 'op', which is in stop_strings and would end the text");
  config = with({{std::string(21, 'x')}});
  EXPECT_EQ(refused(config), "must_include = 21 tokens: its phrases need so many, and max_new_tokens leaves 20");
  config = with({{std::string(20, 'x')}});
  EXPECT_EQ(refused(config), "accepted");
  config.forced_eos_token_id = {{90}};
  EXPECT_EQ(refused(config), "must_include = 20 tokens: its phrases need so many, and max_new_tokens leaves 19");
  EXPECT_EQ(refused(with({65, {"a"}})), "must_include = 65 items: at most 64 are allowed");
}

TEST_F(Constrained, BannedTextIsRefusedByNameAndRange) {
  EXPECT_EQ(refused({.banned_strings = {{"a", ""}}}), "banned_strings = text 1: is empty: each has 1 to 1024 bytes");
  EXPECT_EQ(refused({.banned_strings = {std::vector<std::string>(65, "a")}}),
            "banned_strings = 65 texts: at most 64 are allowed");
  EXPECT_EQ(refused({.banned_strings = {{"a\xef\xbf\xbd"}}}),
            "banned_strings = 'a\xef\xbf\xbd': must not contain U+FFFD");
  EXPECT_EQ(refused({.banned_strings = {{std::string(1025, 'x')}}}),
            "banned_strings = text 0: has 1025 bytes: each has 1 to 1024");
}

}  // namespace
}  // namespace skald
