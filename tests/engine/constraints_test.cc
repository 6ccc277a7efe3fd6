// Constraints hold in every strategy: on a fake model, and on the model that ships.
#include <gtest/gtest.h>

#include <map>

#include "decode/constraints/allowed_tokens.h"
#include "engine/rig.h"
#include "engine/small_tokenizer.h"
#include "skald/error.h"

namespace skald {
namespace {

using decode::Candidates;
using decode::PrefixAllowed;
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

// Llama 2's tokenizer drops the first space, and spells what it has no token for in bytes, of which a run that is no
// UTF-8 has no text.
TEST(ConstrainedBytes, PhrasesOfByteTokensAreThere) {
  const text::Tokenizer tokenizer = text::Tokenizer::load(SKALD_TEST_DATA "/tokenizers/llama2");
  Rig rig{{.model = {.vocab_size = tokenizer.id_limit()}, .tokenizer = &tokenizer}};
  GenerationConfig config{.max_new_tokens = 24, .temperature = 1.5, .num_return_sequences = 8};
  config.must_include = {{"\xf0\x9f\x98\x80"}, {"a\nb", "\xc3\xa9\n"}, {" the"}};
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    config.seed = seed;
    for (const Completion& completion : rig.run({some_prompt(6)}, config)) {
      EXPECT_TRUE(includes(completion.text, *config.must_include)) << completion.text;
    }
    GenerationConfig begins{.max_new_tokens = 9, .temperature = 1.5, .seed = seed};
    begins.prefix = "the \xf0\x9f\x98\x80";
    EXPECT_TRUE(rig.run({some_prompt(6)}, begins)[0].text.starts_with(*begins.prefix));
    GenerationConfig form{.seed = seed};
    form.set("segments", R"([{"text": "Alice: "}, {"max_new_tokens": 9, "stop_strings": ["\n"], "temperature": 1.3},
                             {"text": "Bob"}])");
    const std::string text = rig.run({some_prompt(6)}, form)[0].text;
    EXPECT_TRUE(text.starts_with("Alice: ") && text.ends_with("Bob")) << text;
  }
}

TEST_F(Constrained, ThePrefixComesFirst) {
  for (GenerationConfig config : strategies()) {
    for (const char* prefix : {"opera the", " of\n", "stop", "\xc3\xa9", "q"}) {
      config.prefix = prefix;
      config.must_include = {{"zebra"}};
      config.eos_token_id = {{52, 53, 70, 71}};
      for (const Completion& completion : run({some_prompt(9), some_prompt(14, 3)}, config)) {
        EXPECT_TRUE(completion.text.starts_with(prefix)) << completion.text;
        EXPECT_NE(completion.text.find("zebra"), std::string::npos);
      }
    }
  }
  GenerationConfig config{.max_new_tokens = 6, .prefix = "stopera"};
  EXPECT_EQ(refused(config), "accepted");
  config.max_new_tokens = 1;
  EXPECT_EQ(refused(config), "prefix = 2 tokens: it needs so many, and max_new_tokens leaves 1");
  config.max_new_tokens = 6;
  config.must_include = {{"zebra"}};
  EXPECT_EQ(refused(config), "must_include = 7 tokens: prefix and phrases need so many, and max_new_tokens leaves 6");
  config.banned_strings = {{"per"}};
  EXPECT_EQ(refused(config), "prefix = 'stopera': contains 'per', which is in banned_strings");
}

TEST_F(Constrained, OnlyAllowedTokens) {
  for (GenerationConfig config : strategies()) {
    config.allowed_tokens = {{std::string(" the"), std::vector<TokenId>{5}, std::string("opera")}};
    for (const Completion& completion : run({some_prompt(9)}, config)) {
      for (const TokenId token : completion.token_ids) {
        EXPECT_TRUE(token == 5 || tokenizer_.token_bytes(token) == " the" || tokenizer_.token_bytes(token) == "opera");
      }
    }
  }
  GenerationConfig config{.max_new_tokens = 3};
  config.allowed_tokens = {{std::string("operas")}};
  EXPECT_EQ(refused(config), "allowed_tokens = 'operas': is the text of no token");
  config.allowed_tokens = {{std::vector<TokenId>{96}}};
  EXPECT_EQ(refused(config), "allowed_tokens = 96: must be in [0, 96): the model has no such token");
}

// A dialogue: the form is there, each turn ends with its newline, and what is streamed is what comes back.
TEST_F(Constrained, SegmentsHaveTheirForm) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    GenerationConfig config{.seed = seed};
    config.set("segments", R"([{"repeat": 2, "segments": [
        {"text": "Alice, "}, {"max_new_tokens": 9, "stop_strings": ["\n", "e"], "temperature": 1.3},
        {"text": "Bob, "}, {"max_new_tokens": 4, "temperature": 0}]}, {"text": "."}])");
    config.eos_token_id = {{52, 53, 70, 71}};
    if (seed % 2 == 1) config.banned_strings = {{"a", "st"}};
    const Completion completion = run({some_prompt(7, static_cast<int>(seed))}, config)[0];
    const std::string& text = completion.text;
    EXPECT_EQ(text, tokenizer_.decode(completion.token_ids, /*skip_special_tokens=*/true));
    EXPECT_EQ(completion.finish_reason, FinishReason::stop);
    ASSERT_TRUE(text.starts_with("Alice, ") && text.ends_with(".")) << text;
    std::size_t at = 0;
    for (const char* fixed : {"Alice, ", "Bob, ", "Alice, ", "Bob, "}) {
      at = text.find(fixed, at);
      ASSERT_NE(at, std::string::npos) << text;
      at += std::string_view(fixed).size();
      if (*fixed != 'A') continue;
      // The turn has its stop, if at all, at its end.
      const std::string turn = text.substr(at, text.find("Bob, ", at) - at);
      const std::size_t stop = turn.find_first_of("\ne");
      EXPECT_TRUE(stop == std::string::npos || stop + 1 == turn.size()) << text;
    }
  }
}

// Completions of a form: the first is that of one alone, the others are drawn anew, and each has the form.
TEST_F(Constrained, FormsOfSeveralCompletions) {
  GenerationConfig config{.seed = 3, .logprobs = 1};
  config.set("segments", R"([{"text": "Alice, "}, {"max_new_tokens": 9, "temperature": 1.3},
                             {"text": "Bob, "}, {"max_new_tokens": 4, "temperature": 1}])");
  config.eos_token_id = {{52}};
  const Completion alone = run({some_prompt(40)}, config)[0];
  config.do_sample = true;
  config.num_return_sequences = 3;
  const auto several = run({some_prompt(9, 2), some_prompt(40)}, config);
  ASSERT_EQ(several.size(), 6);
  EXPECT_EQ(several[3].token_ids, alone.token_ids);
  for (std::size_t i = 0; i < several.size(); ++i) {
    EXPECT_EQ(several[i].index, static_cast<std::int64_t>(i) % 3);
    EXPECT_TRUE(several[i].text.starts_with("Alice, ") && several[i].text.find("Bob, ") != std::string::npos);
  }
  EXPECT_NE(several[3].token_ids, several[4].token_ids);
  EXPECT_NE(several[4].token_ids, several[5].token_ids);
}

TEST_F(Constrained, SegmentsAreRefusedByNameAndReason) {
  const auto refuse = [&](const char* segments, GenerationConfig config = {}) {
    try {
      config.set("segments", segments);
    } catch (const OptionError& error) {
      return std::string(error.what());
    }
    return refused(config);
  };
  EXPECT_EQ(refuse(R"([{"text": "a"}])"), "segments: must have a segment that is generated");
  EXPECT_EQ(refuse(R"([{"text": ""}, {"max_new_tokens": 3}])"),
            "segments = item 0: is empty: each text has 1 to 1024 bytes");
  EXPECT_EQ(refuse(R"([{"stop_strings": ["a"]}])"),
            "segments = item 0: needs a text, or max_new_tokens for one that is generated");
  EXPECT_EQ(refuse(R"([{"max_new_tokens": 3, "num_beams": 2}])"),
            "segments = item 0, 'num_beams': is no option of a segment");
  EXPECT_EQ(refuse(R"([{"repeat": 0, "segments": [{"max_new_tokens": 3}]}])"),
            "segments = item 0: must have repeat, in [1, 1024], and a list of segments");
  EXPECT_EQ(refuse(R"([{"max_new_tokens": 3}])", {.num_beams = 2}),
            "segments: cannot be combined with num_beams above 1");
  EXPECT_EQ(refuse(R"([{"max_new_tokens": 3}])", {.trace = true}), "segments: cannot be combined with trace");
}

// transformers' prefix_allowed_tokens_fn: only what the caller's code says; an empty list is an error.
TEST_F(Constrained, TheCallersCodeSaysWhatMayCome) {
  std::vector<float> logits(96, 1.F);
  Candidates candidates(96);
  const std::vector<TokenId> history = {1, 2, 3};
  PrefixAllowed processor([](const StepView& view) { return std::vector<TokenId>{view.token_ids.back(), 7}; }, 1);
  candidates.reset(logits);
  processor.apply({.history = history}, candidates);
  EXPECT_EQ(std::ranges::count(logits, 1.F), 2);
  EXPECT_EQ(candidates.argmax(), 3);
  std::ranges::fill(logits, -std::numeric_limits<float>::infinity());
  candidates.reset(logits);
  processor.apply({.history = history}, candidates);
  EXPECT_EQ(logits[3], 0);
  EXPECT_EQ(logits[7], 0);
  PrefixAllowed none([](const StepView&) { return std::vector<TokenId>{}; }, 1);
  EXPECT_THROW(none.apply({.history = history}, candidates), OptionError);
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
