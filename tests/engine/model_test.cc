// The public Model on the random tiny checkpoints, and on the model that ships.
#include "skald/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <ostream>
#include <thread>

#include "formats/safetensors.h"
#include "kernels/kernels.h"
#include "skald/error.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

struct Golden {
  std::string folder;
  std::vector<TokenId> prompt;
  std::vector<TokenId> greedy;
};

std::vector<TokenId> read_ids(const TensorSource& source, const char* name) {
  const TensorInfo* const tensor = source.find(name);
  std::vector<TokenId> ids(tensor->bytes / sizeof(TokenId));
  source.read(*tensor, 0, std::as_writable_bytes(std::span(ids)));
  return ids;
}

std::vector<Golden> goldens() {
  std::vector<Golden> all;
  for (const auto& entry : fs::directory_iterator(SKALD_TEST_DATA "/models")) {
    if (!fs::exists(entry.path() / "expected.safetensors")) continue;
    const auto source = open_safetensors(entry.path() / "expected.safetensors");
    if (source->find("input") != nullptr) continue;  // an encoder's: its decoder's prompt is no prompt here
    all.push_back({entry.path(), read_ids(*source, "prompt"), read_ids(*source, "greedy")});
  }
  std::ranges::sort(all, {}, &Golden::folder);
  return all;
}

GenerationConfig greedy(std::int64_t n) { return {.max_new_tokens = n, .do_sample = false}; }

TEST(Model, GreedyTokensAreThoseOfTransformers) {
  for (const Golden& golden : goldens()) {
    SCOPED_TRACE(golden.folder);
    for (const std::int64_t chunk : {5, 512}) {
      const Model model = Model::load(golden.folder, {.bits = 32, .prefill_chunk = chunk});
      const auto completion = model.generate(golden.prompt, greedy(std::ssize(golden.greedy)))[0];
      EXPECT_EQ(completion.token_ids, golden.greedy);
    }
  }
}

void expect_same(const Completion& a, const Completion& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
  for (std::size_t i = 0; i < a.logprobs.size(); ++i) {
    EXPECT_EQ(a.logprobs[i].logprob, b.logprobs[i].logprob);
    EXPECT_EQ(a.logprobs[i].top, b.logprobs[i].top);
  }
}

constexpr std::size_t kTurns = 4;

struct Setting {
  const char* table;
  int bits;
  int kv_bits;
  std::size_t turn;  // the goldens of this one: each kTurns-th from here
};

std::ostream& operator<<(std::ostream& out, const Setting& setting) {
  return out << setting.table << ", " << setting.bits << " bits, keys and values " << setting.kv_bits;
}

// Each golden runs on every table, in one setting there and in another on the next table.
std::vector<Setting> settings() {
  std::vector<Setting> all;
  std::size_t shift = 0;
  for (const kernels::KernelTable* table : kernels::available_tables()) {
    std::size_t turn = shift++;
    for (const int bits : {32, 16, 4}) all.push_back({table->name, bits, 0, turn++ % kTurns});
    all.push_back({table->name, 4, 8, turn % kTurns});
  }
  return all;
}

/// On every kernel table that this machine can run, in f32, in 16 and in 4 bits; keys and values in 8.
class ModelOnTable : public testing::TestWithParam<Setting> {
 protected:
  void SetUp() override { kernels::use_table(GetParam().table); }
  void TearDown() override { kernels::use_table(before_); }

 private:
  std::string before_ = kernels::table().name;
};

TEST_P(ModelOnTable, SameRequestSameAnswer) {
  const int bits = GetParam().bits;
  const int kv_bits = GetParam().kv_bits;
  const std::vector<Golden> all = goldens();
  for (std::size_t at = GetParam().turn; at < all.size(); at += kTurns) {
    const Golden& golden = all[at];
    SCOPED_TRACE(golden.folder);
    const GenerationConfig config{.max_new_tokens = 24, .top_k = 30, .seed = 3, .logprobs = 4};
    std::vector<Prompt> prompts;
    for (std::size_t i = 0; i < 16; ++i) {
      const std::size_t length = 1 + golden.prompt.size() * i / 16;
      prompts.emplace_back(
          std::vector<TokenId>(golden.prompt.end() - static_cast<std::ptrdiff_t>(length), golden.prompt.end()));
    }
    std::vector<Completion> alone;
    {
      const Model model = Model::load(golden.folder, {.bits = bits, .kv_bits = kv_bits, .threads = 1});
      for (const Prompt& prompt : prompts) alone.push_back(model.generate(prompt, config)[0]);
      GenerationConfig four = config;
      four.num_return_sequences = 4;
      expect_same(model.generate(prompts[7], four)[0], alone[7]);
    }
    for (const std::int64_t chunk : {1, 7, 512}) {
      const Model model =
          Model::load(golden.folder, {.bits = bits, .kv_bits = kv_bits, .threads = 2, .prefill_chunk = chunk});
      const auto together = model.submit(prompts, config, [](const StreamEvent&) {}).wait();
      for (std::size_t i = 0; i < prompts.size(); ++i) expect_same(together[i], alone[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, ModelOnTable, testing::ValuesIn(settings()), [](const auto& info) {
  const std::string kv = info.param.kv_bits > 0 ? "_kv" + std::to_string(info.param.kv_bits) : "";
  return std::string(info.param.table) + "_" + std::to_string(info.param.bits) + kv;
});

TEST(Model, InspectsWithoutLoading) {
  for (const Golden& golden : goldens()) {
    const ModelInfo info = Model::inspect(golden.folder);
    EXPECT_EQ(info.format, fs::exists(fs::path(golden.folder) / "model.safetensors") ? "safetensors" : "PyTorch");
    EXPECT_GT(info.parameters, 1000);
    EXPECT_GT(info.weight_bytes_32, static_cast<std::size_t>(info.parameters) * 3);  // vectors do not count
    EXPECT_GT(info.weight_bytes_8, info.weight_bytes_4);
    if (info.hidden_size >= 32) {  // shorter rows are filled up
      EXPECT_GT(info.weight_bytes_32, info.weight_bytes_16);
      EXPECT_GT(info.weight_bytes_32, info.weight_bytes_8);
    }
    EXPECT_EQ(info.heads > 0, info.kv_bytes_per_token > 0);  // a recurrent model has neither
    EXPECT_EQ(info.heads > 0, info.kv_bytes_per_token_8 > 0);
    EXPECT_LE(info.kv_bytes_per_token_8, info.kv_bytes_per_token);
    EXPECT_EQ(info.tokenizer.empty(), !fs::exists(fs::path(golden.folder) / "tokenizer.json"));
  }
}

TEST(Model, FewerBitsTakeLessMemoryWhereRowsFillBlocks) {
  const ModelInfo info = Model::inspect(SKALD_MODELS "/skald-tales");
  EXPECT_GT(info.weight_bytes_32, info.weight_bytes_16);
  EXPECT_GT(info.weight_bytes_16, info.weight_bytes_8);
  EXPECT_GT(info.weight_bytes_8, info.weight_bytes_4);
}

TEST(Model, ADroppedGenerationIsCancelled) {
  const Golden golden = goldens().at(0);
  const Model model = Model::load(golden.folder);
  for (int i = 0; i < 20; ++i) (void)model.submit({golden.prompt}, greedy(2000));
  EXPECT_EQ(model.generate(golden.prompt, greedy(3))[0].token_ids,
            std::vector<TokenId>(golden.greedy.begin(), golden.greedy.begin() + 3));
}

TEST(Model, NoCallbackComesAfterTheGenerationIsDropped) {
  const Golden golden = goldens().at(0);
  const Model model = Model::load(golden.folder);
  for (int i = 0; i < 20; ++i) {
    auto calls = std::make_unique<std::atomic<int>>(0);  // freed before the engine has ended the call
    const auto generation = std::make_unique<Generation>(
        model.submit({golden.prompt}, greedy(2000), [&](const StreamEvent&) { ++*calls; }));
    while (*calls < i) std::this_thread::yield();
  }
}

TEST(Model, TheLastHandleMayGoInACallback) {
  const Golden golden = goldens().at(0);
  auto held = std::make_shared<std::optional<Model>>(Model::load(golden.folder));
  std::atomic<bool> dropped = false;
  std::optional<Generation> generation = (*held)->submit({golden.prompt}, greedy(50), [&](const StreamEvent&) {
    held->reset();
    dropped = true;
  });
  (void)generation->wait();
  EXPECT_TRUE(dropped);
}

TEST(Model, TheModelsOwnSettings) {
  const Golden golden = goldens().at(0);
  const test::TempDir folder;
  for (const char* name : {"config.json", "model.safetensors"}) fs::copy(fs::path(golden.folder) / name, folder.path());
  const TokenId eos = golden.greedy[4];
  (void)folder.write(
      "generation_config.json",
      R"({"do_sample": false, "max_new_tokens": 9, "vendor_field": 1, "eos_token_id": )" + std::to_string(eos) + "}");
  const Model model = Model::load(folder.path());
  EXPECT_EQ(model.generation_config().max_new_tokens, 9);
  EXPECT_EQ(model.generate(golden.prompt)[0].token_ids.back(), eos);
  EXPECT_FALSE(model.has_tokenizer());
  expect_error<UnsupportedError>([&] { (void)model.tokenizer(); }, "no tokenizer.json");
  expect_error<OptionError>([&] { (void)model.generate("text"); }, "no tokenizer");
  (void)folder.write("generation_config.json", R"({"forced_decoder_ids": [4]})");
  expect_error<OptionError>([&] { (void)Model::load(folder.path()); },
                            "forced_decoder_ids = [4]: is not available in this version");
}

TEST(Model, MissingFolder) {
  expect_error<PathError>([] { (void)Model::load("/nonexistent/model"); }, "/nonexistent/model");
  expect_error<PathError>([] { (void)Model::inspect("/nonexistent/model"); }, "/nonexistent/model");
}

}  // namespace
}  // namespace skald
