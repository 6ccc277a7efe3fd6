// Requests for models with an encoder: their prompts are its input, encoded once.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "engine/engine.h"
#include "engine/prepare.h"
#include "models/decoder_model.h"
#include "skald/error.h"
#include "skald/model.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

template <typename E, typename Call>
void expect_error(Call&& call, std::initializer_list<std::string_view> parts) {
  const std::string message = test::message_of<E>(std::forward<Call>(call));
  for (const std::string_view part : parts) EXPECT_NE(message.find(part), std::string::npos) << message;
}

const std::string kT5 = SKALD_TEST_DATA "/models/t5_plain_scaled";
const std::string kBart = SKALD_TEST_DATA "/models/bart_tied";

std::vector<TokenId> some_input(int n, int which = 0) {
  std::vector<TokenId> ids;
  for (int i = 0; i < n; ++i) ids.push_back((i * 7 + which * 13 + i * i % 11) % 120);
  return ids;
}

GenerationConfig sampling(std::int64_t n = 1) {
  return {.max_new_tokens = 24,
          .eos_token_id = std::vector<TokenId>{130},
          .temperature = 0.9,
          .repetition_penalty = 1.2,
          .encoder_repetition_penalty = 1.1,
          .seed = 5,
          .num_return_sequences = n,
          .logprobs = 1};
}

void expect_same(const Completion& a, const Completion& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
  for (std::size_t i = 0; i < a.logprobs.size(); ++i) EXPECT_EQ(a.logprobs[i].logprob, b.logprobs[i].logprob);
}

// A draft model that encodes as well, the model's own first layers, and what the input has.
TEST(EncoderDecoder, DraftsChangeNothing) {
  const Model plain = Model::load(kT5, {.threads = 1});
  const std::vector<Prompt> prompts{some_input(9), some_input(30, 1), some_input(200, 2)};
  std::int64_t accepted = 0;
  for (const std::int64_t n : {1, 2}) {
    GenerationConfig config = sampling(n);
    const auto expected = plain.generate(prompts, config);
    const auto expect_all = [&](const Model& model, const GenerationConfig& drafted) {
      const auto done = model.generate(prompts, drafted);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expect_same(expected[i], done[i]);
        accepted += done[i].accepted_tokens;
      }
    };
    config.assistant_confidence_threshold = 0;
    expect_all(Model::load(kT5, {.threads = 1, .draft = kT5}), config);
    expect_all(Model::load(kT5, {.threads = 2, .draft = kBart}), config);  // does not read the third prompt
    config.prompt_lookup_num_tokens = 3;
    expect_all(plain, config);
    config.prompt_lookup_num_tokens = {};
    config.assistant_early_exit = 1;
    expect_all(plain, config);
  }
  EXPECT_GT(accepted, 100);
  expect_error<UnsupportedError>(
      [&] { static_cast<void>(Model::load(kT5, {.draft = SKALD_TEST_DATA "/models/gpt2_old_names"})); },
      {"both must be of one kind"});
}

TEST(EncoderDecoder, SameRequestSameAnswer) {
  for (const std::string& folder : {kT5, kBart}) {
    const Model alone = Model::load(folder, {.threads = 1});
    std::vector<Prompt> prompts;
    std::vector<Completion> expected;
    for (int i = 0; i < 16; ++i) {
      prompts.emplace_back(some_input(1 + 8 * i, i));
      expected.push_back(alone.generate(prompts.back(), sampling())[0]);
      EXPECT_EQ(expected.back().prompt_tokens, 1 + 8 * i);
    }
    EXPECT_NE(expected[14].token_ids, expected[15].token_ids);
    for (const std::int64_t room : {1, 100, 512}) {
      SCOPED_TRACE(folder + ", room for " + std::to_string(room));
      const Model together = Model::load(folder, {.threads = 2, .prefill_chunk = room});
      const auto completions = together.generate(prompts, sampling());
      ASSERT_EQ(completions.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) expect_same(expected[i], completions[i]);
    }
  }
}

TEST(EncoderDecoder, SeveralInputsAreEncodedInOnePass) {
  std::vector<Prompt> prompts;
  for (int i = 0; i < 16; ++i) prompts.emplace_back(some_input(30, i));
  for (const std::int64_t room : {60, 512}) {
    const Model model = Model::load(kT5, {.threads = 1, .prefill_chunk = room});
    const auto together = model.generate(prompts, sampling());
    EXPECT_LE(model.statistics().encoder_passes, room == 60 ? 8 : 1);
    for (std::size_t i = 0; i < prompts.size(); ++i)
      expect_same(together[i], model.generate(prompts[i], sampling())[0]);
  }
}

TEST(EncoderDecoder, StreamsWhatItReturns) {
  const Model model = Model::load(kBart, {.threads = 1});
  std::vector<TokenId> streamed;
  auto generation = model.submit({some_input(40)}, sampling(), [&](const StreamEvent& event) {
    streamed.insert(streamed.end(), event.token_ids.begin(), event.token_ids.end());
  });
  const auto completions = generation.wait();
  EXPECT_EQ(streamed, completions[0].token_ids);
  EXPECT_EQ(streamed.size(), 24U);
}

// An engine whose pool has room for the widest moment of one request and nothing more.
std::vector<Completion> run_in_least_memory(const Prompt& prompt, const GenerationConfig& config) {
  const auto threads = std::make_shared<ThreadPool>(1);
  const std::shared_ptr<const models::DecoderModel> model = models::load_model(kT5, {}, *threads);
  const auto encoder_length = std::ssize(std::get<std::vector<TokenId>>(prompt));
  const auto branches = static_cast<std::size_t>(config.num_return_sequences.value_or(1));
  constexpr std::size_t kBudget = std::size_t{64} << 20;
  const nn::StatePool measure(model->state_layout(), {.budget_bytes = kBudget});
  const std::size_t needed =
      measure.cross_blocks_for(encoder_length) + branches * measure.blocks_for(1 + *config.max_new_tokens);
  std::vector<engine::ModelSlot> slots(1);
  slots[0].model = model;
  slots[0].state = std::make_unique<nn::StatePool>(
      model->state_layout(), nn::StatePoolOptions{.budget_bytes = kBudget / measure.blocks_free() * needed});
  engine::Engine engine(std::move(slots), threads, {});
  GenerationConfig given = config;
  given.decoder_start_token_id = 0;
  const decode::ResolvedConfig resolved = decode::resolve(given, {}, Door::library);
  const engine::ModelSet models{.shape = model->shape()};
  const engine::CallSetup setup(resolved, models, engine);
  auto group = std::make_shared<engine::Group>();
  for (engine::Request& request : setup.make_requests({prompt})) group->add(std::move(request));
  engine.submit(group);
  return group->wait();
}

TEST(EncoderDecoder, ForksShareTheEncodersOutput) {
  const Model model = Model::load(kT5, {.threads = 1});
  const Prompt prompt = some_input(700);
  const auto several = run_in_least_memory(prompt, sampling(8));
  const auto roomy = model.generate(prompt, sampling(8));
  ASSERT_EQ(several.size(), 8U);
  for (std::size_t i = 0; i < several.size(); ++i) expect_same(roomy[i], several[i]);
  expect_same(model.generate(prompt, sampling())[0], several[0]);
}

TEST(EncoderDecoder, BeamsForkToo) {
  const Model model = Model::load(kT5, {.threads = 1});
  const GenerationConfig beams{.max_new_tokens = 12, .eos_token_id = std::vector<TokenId>{130}, .num_beams = 3};
  const auto alone = model.generate(Prompt(some_input(50)), beams);
  const auto together = model.generate({some_input(20, 1), some_input(50), some_input(9, 2)}, beams);
  EXPECT_EQ(together[1].token_ids, alone[0].token_ids);
  EXPECT_EQ(together[1].score, alone[0].score);
}

TEST(EncoderDecoder, AdmitsWhatFitsWithTheEncodersOutput) {
  const Model model = Model::load(kT5, {.threads = 1, .kv_budget_bytes = std::size_t{1} << 20});
  expect_error<LimitError>([&] { (void)model.generate(Prompt(some_input(5000)), sampling()); },
                           {"1 x 25 tokens from 5000", "can never fit"});
  std::vector<Prompt> many;  // of which few fit at once
  for (int i = 0; i < 20; ++i) many.emplace_back(some_input(300, i));
  for (const Completion& completion : model.generate(many, sampling())) {
    EXPECT_EQ(completion.token_ids.size(), 24U);
  }
}

TEST(EncoderDecoder, InputsLongerThanTheEncoderAreRefused) {
  const Model model = Model::load(kBart, {.threads = 1});
  EXPECT_EQ(model.generate(Prompt(some_input(128)), sampling())[0].token_ids.size(), 24U);
  expect_error<LimitError>([&] { (void)model.generate(Prompt(some_input(129)), sampling()); },
                           {"prompt 0", "129 tokens", "longer than the encoder's 128 positions"});
}

TEST(EncoderDecoder, LengthsCountTheDecodersTokens) {
  const Model model = Model::load(kBart, {.threads = 1});
  const Prompt prompt = some_input(60);
  GenerationConfig config{.max_length = 10, .eos_token_id = std::vector<TokenId>{130}, .do_sample = false};
  EXPECT_EQ(model.generate(prompt, config)[0].token_ids.size(), 9U);  // and the one that the decoder begins with
  config.forced_bos_token_id = 17;
  config.forced_eos_token_id = std::vector<TokenId>{130};
  const Completion forced = model.generate(prompt, config)[0];
  EXPECT_EQ(forced.token_ids.size(), 9U);
  EXPECT_EQ(forced.token_ids.front(), 17);
  EXPECT_EQ(forced.token_ids.back(), 130);
  EXPECT_EQ(forced.finish_reason, FinishReason::stop);
  config = {.max_new_tokens = 500, .eos_token_id = std::vector<TokenId>{130}, .do_sample = false};
  const Completion longest = model.generate(prompt, config)[0];
  EXPECT_EQ(longest.token_ids.size(), 128U);  // the last position's logits give one more
  EXPECT_EQ(longest.notice, "stopped at the model's last position, 128");
}

TEST(EncoderDecoder, TheDecoderBeginsWithTheTokenThatTheFilesName) {
  const test::TempDir folder;
  std::filesystem::copy(kBart, folder.path(), std::filesystem::copy_options::recursive);
  std::ifstream config_file(std::filesystem::path(kBart) / "config.json");
  std::stringstream config;
  config << config_file.rdbuf();
  const auto load_with = [&](const std::string& start, const std::string& bos) {
    std::string text = config.str();
    text.replace(text.find("\"decoder_start_token_id\": 2"), 27, "\"decoder_start_token_id\": " + start);
    text.replace(text.find("\"bos_token_id\": 0"), 17, "\"bos_token_id\": " + bos);
    std::ofstream(folder.path() / "config.json") << text;
    return Model::load(folder.path(), {.threads = 1});
  };
  const Prompt prompt = some_input(30);
  const GenerationConfig greedy{.max_new_tokens = 16, .do_sample = false};
  GenerationConfig given = greedy;
  given.decoder_start_token_id = 5;
  const auto expected = Model::load(kBart, {.threads = 1}).generate(prompt, given)[0].token_ids;
  EXPECT_EQ(load_with("5", "0").generate(prompt, greedy)[0].token_ids, expected);
  EXPECT_EQ(load_with("null", "5").generate(prompt, greedy)[0].token_ids, expected);
  expect_error<OptionError>([&] { (void)load_with("null", "null").generate(prompt, greedy); },
                            {"decoder_start_token_id", "name neither it nor a BOS token"});
  expect_error<OptionError>([&] { (void)load_with("131", "0").generate(prompt, greedy); },
                            {"decoder_start_token_id", "[0, 131)"});
  std::string silent = config.str();
  silent.replace(silent.find("decoder_start_token_id"), 22, "what_no_config_has_yet");
  std::ofstream(folder.path() / "config.json") << silent;  // BART's class says 2, as its files do
  EXPECT_EQ(Model::load(folder.path(), {.threads = 1}).generate(prompt, greedy)[0].token_ids,
            Model::load(kBart, {.threads = 1}).generate(prompt, greedy)[0].token_ids);
}

// Letters, and an end that the encoder's input gets.
std::string letters_tokenizer() {
  std::string vocab;
  for (int i = 0; i < 26; ++i) {
    vocab += std::string("\"") + static_cast<char>('a' + i) + "\": " + std::to_string(i) + ", ";
  }
  return R"({"added_tokens": [{"id": 26, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
      "normalized": false, "special": true}], "normalizer": null,
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
      "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair": [],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [26], "tokens": ["</s>"]}}},
      "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
      "model": {"type": "BPE", "merges": [], "vocab": {)" +
         vocab + R"("</s>": 26}}})";
}

TEST(EncoderDecoder, TextGoesInAndComesOut) {
  const test::TempDir folder;
  std::filesystem::copy(kBart, folder.path(), std::filesystem::copy_options::recursive);
  std::ofstream(folder.path() / "tokenizer.json") << letters_tokenizer();
  const Model model = Model::load(folder.path(), {.threads = 1});
  GenerationConfig config = sampling();
  config.temperature = 3;  // letters are 26 of 131 tokens
  const Completion of_text = model.generate(Prompt("hello"), config)[0];
  const Completion of_ids = model.generate(Prompt(std::vector<TokenId>{7, 4, 11, 11, 14, 26}), config)[0];
  expect_same(of_text, of_ids);
  EXPECT_EQ(of_text.prompt_tokens, 6);
  EXPECT_FALSE(of_text.text.empty());
  EXPECT_EQ(of_text.text, model.tokenizer().decode(of_text.token_ids, /*skip_special_tokens=*/true));
}

TEST(EncoderDecoder, CancelledWhileItEncodes) {
  const Model model = Model::load(kT5, {.threads = 1});
  auto generation = model.submit({some_input(8000)}, sampling());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  generation.cancel();
  const auto completions = generation.wait();
  EXPECT_EQ(completions[0].finish_reason, FinishReason::cancelled);
  EXPECT_TRUE(completions[0].token_ids.empty());
  EXPECT_EQ(model.generate(Prompt(some_input(10)), sampling())[0].token_ids.size(), 24U);
}

TEST(EncoderDecoder, InspectSaysWhatItIs) {
  const ModelInfo info = Model::inspect(kBart);
  EXPECT_EQ(info.encoder_layers, 2);
  EXPECT_EQ(info.layers, 2);
  EXPECT_EQ(info.heads, 4);
  EXPECT_EQ(info.context, 128);
}

}  // namespace
}  // namespace skald
