// What the shared tests do not reach: Mamba-2's own settings and names, and a pass that is given up half-way.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "models/model_case.h"
#include "skald/error.h"
#include "support/temp_dir.h"

namespace skald::models {
namespace {

namespace fs = std::filesystem;

const fs::path kCase = fs::path(SKALD_TEST_DATA "/models") / "mamba2_groups_biases";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// The case with other settings: members that go before those of its config, whose own are renamed.
class Changed {
 public:
  Changed(const std::string& key, const std::string& value) {
    std::string config = read(kCase / "config.json");
    if (config.find("\"" + key + "\"") != std::string::npos) config = replaced(config, "\"" + key + "\"", "\"was\"");
    std::ofstream(folder_.path() / "config.json") << replaced(config, "{", "{\"" + key + "\": " + value + ",");
    fs::copy_file(kCase / "model.safetensors", folder_.path() / "model.safetensors");
  }
  [[nodiscard]] const fs::path& path() const { return folder_.path(); }

 private:
  test::TempDir folder_;
};

std::string message_of(const fs::path& folder) {
  ThreadPool pool(1);
  try {
    static_cast<void>(load_model(folder, {}, pool));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Mamba2, EveryWrongValueNamesKeyAndRule) {
  const auto expect = [](const char* key, const char* value, const char* rule) {
    const std::string message = message_of(Changed(key, value).path());
    EXPECT_NE(message.find(std::string("config.json: ") + key), std::string::npos) << message;
    EXPECT_NE(message.find(rule), std::string::npos) << key << " " << value << ": " << message;
  };
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_heads", "head_dim", "state_size",
                          "n_groups", "conv_kernel", "expand"}) {
    for (const char* value : {"\"4\"", "4.5", "-1", "0", "1e30", "true"})
      expect(key, value, "must be an integer in [1,");
  }
  for (const char* key : {"use_bias", "use_conv_bias", "tie_word_embeddings", "residual_in_fp32"}) {
    expect(key, "1", "must be true or false");
  }
  expect("conv_kernel", "33", "must be an integer in [1, 32]");
  expect("num_heads", "5", "must be expand * hidden_size = 96, not 80");
  expect("n_groups", "4", "must divide num_heads, which is 6");
  expect("hidden_act", "\"mish\"", "known are silu");
  expect("layer_norm_epsilon", "\"x\"", "must be a number in [0, 1]");
  for (const char* value : {"5", "[0]", "[0, 1, 2]", "[-1, 2]", "[2, 1]", "[0, \"x\"]", R"([0, {"__float__": "NaN"}])",
                            R"([{"__float__": "Infinity"}, 3])"}) {
    expect("time_step_limit", value, "must be an array [low, high]");
  }
  expect("quantization_config", "{}", "quantised checkpoints are not read");
}

TEST(Mamba2, AMisshapenConvolutionShowsBothShapes) {
  const std::string message = message_of(Changed("conv_kernel", "3").path());
  EXPECT_NE(message.find("conv1d.weight"), std::string::npos) << message;
  EXPECT_NE(message.find("[192,1,3]"), std::string::npos) << message;
  EXPECT_NE(message.find("[192,1,4]"), std::string::npos) << message;
}

TEST(Mamba2, EverySpellingOfNoUpperLimitLoads) {
  for (const char* value : {"[0.0, Infinity]", R"([0.0, {"__float__": "Infinity"}])", "null", "[0, 1e39]"}) {
    EXPECT_EQ(message_of(Changed("time_step_limit", value).path()), "") << value;
  }
}

TEST(Mamba2, TheEmbeddingMayBeNamedInTheSingular) {
  const Changed folder("rms_norm", "true");
  const std::string weights = read(kCase / "model.safetensors");
  std::ofstream(folder.path() / "model.safetensors", std::ios::binary)
      << replaced(weights, "\"backbone.embeddings.weight\":", "\"backbone.embedding.weight\": ");
  EXPECT_EQ(message_of(folder.path()), "");
}

TEST(Mamba2, APassGivenUpHalfWayLeavesNoTrace) {
  std::vector<ModelCase> cases = model_cases();
  const auto found = std::ranges::find(cases, kCase, &ModelCase::folder);
  if (found == cases.end()) GTEST_SKIP() << "other cases were chosen";
  ThreadPool pool(2);
  const auto model = load_model(kCase, {.bits = 32}, pool);
  const auto state = make_pool(*model);
  const nn::SequenceId whole = state->create();
  const auto wanted = run_rows(*model, *state, pool, case_rows(*found, whole, 0, 60)).at(59);

  const nn::SequenceId s = state->create();
  LogitsKeeper keeper(model->shape().vocab_size);
  for (const std::size_t begin : {std::size_t{0}, std::size_t{30}}) {
    ASSERT_TRUE(state->reserve(s, 20));
    int polls = 0;
    const auto after_one_layer = [&] { return ++polls == 2; };
    EXPECT_FALSE(model->forward({case_rows(*found, s, begin, begin + 20)}, *state, keeper, pool, after_one_layer));
    state->abandon(s);
    const auto logits = run_rows(*model, *state, pool, case_rows(*found, s, begin, begin + 30));
    if (begin == 30) {
      EXPECT_EQ(logits.at(29), wanted);
    }
  }
  EXPECT_TRUE(keeper.logits.empty());
}

}  // namespace
}  // namespace skald::models
