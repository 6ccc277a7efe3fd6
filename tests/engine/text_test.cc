// Text through the engine: streamed pieces, stop strings, characters cut in half.
#include <gtest/gtest.h>

#include <map>

#include "base/utf8.h"
#include "engine/rig.h"
#include "engine/small_tokenizer.h"

namespace skald {
namespace {

using test::Rig;
using test::some_prompt;

class Text : public testing::Test {
 protected:
  text::Tokenizer tokenizer_ = test::small_tokenizer();
  Rig rig_{{.threads = 2, .tokenizer = &tokenizer_}};
};

TEST_F(Text, PiecesAreWholeCharactersAndAddUpToTheDecodedTokens) {
  std::vector<Prompt> prompts;
  for (int i = 0; i < 12; ++i) prompts.emplace_back(some_prompt(4 + i, i));
  std::map<std::int64_t, std::string> streamed;
  const auto group =
      rig_.submit(prompts, {.max_new_tokens = 200, .temperature = 1.5, .seed = 3}, [&](const StreamEvent& event) {
        EXPECT_EQ(first_invalid_utf8(event.text), event.text.size());
        streamed[event.prompt_index] += event.text;
      });
  for (const Completion& completion : group->wait()) {
    EXPECT_EQ(completion.text, streamed[completion.prompt_index]);
    EXPECT_EQ(completion.text, tokenizer_.decode(completion.token_ids, /*skip_special_tokens=*/true));
    EXPECT_EQ(completion.token_ids.size(), 200U);
  }
}

// Every substring of what would be generated stops it there, wherever tokens and characters are cut.
TEST_F(Text, StopStringsAnywhere) {
  const GenerationConfig config{.max_new_tokens = 60, .temperature = 1.5, .seed = 8};
  const std::string full = rig_.run({some_prompt(9)}, config)[0].text;
  for (std::size_t begin = 0; begin < full.size(); ++begin) {
    for (const std::size_t length : {1U, 2U, 5U, 9U}) {
      const std::string stop = full.substr(begin, length);
      if (begin + length > full.size() || first_invalid_utf8(stop) != stop.size()) continue;
      GenerationConfig stopping = config;
      stopping.stop_strings = {{"never seen", stop}};
      std::string streamed;
      const auto completion =
          rig_.submit({some_prompt(9)}, stopping, [&](const StreamEvent& event) { streamed += event.text; })->wait()[0];
      EXPECT_EQ(completion.text, full.substr(0, full.find(stop)));
      EXPECT_EQ(streamed, completion.text);
      EXPECT_EQ(completion.stop_text, stop);
      EXPECT_EQ(completion.finish_reason, FinishReason::stop);
      stopping.include_stop = true;
      EXPECT_EQ(rig_.run({some_prompt(9)}, stopping)[0].text, full.substr(0, full.find(stop) + length));
    }
  }
}

TEST_F(Text, ASpecialTokenAsStopString) {
  GenerationConfig config{.max_new_tokens = 3000, .stop_strings = {{"<end>"}}, .temperature = 2.0, .seed = 2};
  const auto completion = rig_.run({some_prompt(9)}, config)[0];
  EXPECT_EQ(completion.finish_reason, FinishReason::stop);
  EXPECT_EQ(completion.token_ids.back(), 90);
  EXPECT_EQ(completion.stop_token, 90);
  EXPECT_EQ(completion.text.find("<end>"), std::string::npos);
}

TEST_F(Text, PromptsAreEncoded) {
  const GenerationConfig config{.max_new_tokens = 10, .do_sample = false};
  const std::vector<TokenId> ids = tokenizer_.encode("the opera").ids;
  EXPECT_EQ(rig_.run({"the opera"}, config)[0].token_ids, rig_.run({ids}, config)[0].token_ids);
}

}  // namespace
}  // namespace skald
