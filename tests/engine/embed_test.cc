// Embeddings of the model that ships: the hidden states that generation reports, pooled.
#include "skald/embed.h"

#include <gtest/gtest.h>

#include <cmath>

#include "skald/error.h"
#include "support/expect_error.h"

namespace skald {
namespace {

using test::expect_error;

const Model& shipped() {
  static const Model model = Model::load(SKALD_MODELS "/skald-tales", {.bits = 32});
  return model;
}

// [rows, hidden] after `layer` layers, by what generation reports.
std::vector<std::vector<float>> states(const std::string& text, std::int64_t layer) {
  const auto done =
      shipped().generate(text, {.max_new_tokens = 1, .do_sample = false, .output_hidden_states = true})[0];
  const StepOutputs& out = *done.step_outputs;
  const std::int64_t stride = (out.n_layers + 1) * out.hidden_size;
  std::vector<std::vector<float>> rows;
  for (std::int64_t at = layer * out.hidden_size; at < std::ssize(out.hidden_states); at += stride) {
    rows.emplace_back(out.hidden_states.begin() + at, out.hidden_states.begin() + at + out.hidden_size);
  }
  return rows;
}

TEST(Embed, PoolsHiddenStates) {
  const std::string text = "The wolf ran into the deep dark forest.";
  const std::int64_t all = shipped().info().layers;
  for (const std::int64_t layer : {std::int64_t{0}, std::int64_t{2}, all}) {
    const auto rows = states(text, layer);
    const auto get = [&](Pooling pooling) {
      return embed(shipped(), {text}, {.pooling = pooling, .normalize = false, .layer = layer})[0];
    };
    EXPECT_EQ(get(Pooling::first), rows.front());
    EXPECT_EQ(get(Pooling::last), rows.back());
    const std::vector<float> mean = get(Pooling::mean);
    for (std::size_t i = 0; i < mean.size(); ++i) {
      double sum = 0;
      for (const auto& row : rows) sum += static_cast<double>(row[i]);
      ASSERT_EQ(mean[i], static_cast<float>(sum / static_cast<double>(rows.size()))) << i;
    }
  }
}

TEST(Embed, IsTheSameAloneAndAmongOthers) {
  std::string longest;  // more than one chunk of a prompt
  for (int i = 0; i < 90; ++i) longest += "Once upon a time. ";
  const std::vector<Prompt> texts = {"The fox", longest, std::vector<TokenId>{5, 6, 7}, "A well in the garden"};
  const auto together = embed(shipped(), texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(together[i], embed(shipped(), {texts[i]})[0]) << i;
    double squares = 0;
    for (const float value : together[i]) squares += static_cast<double>(value) * static_cast<double>(value);
    EXPECT_NEAR(squares, 1, 1e-5);
  }
}

TEST(Embed, RefusesWhatItCannot) {
  expect_error<OptionError>([] { (void)embed(shipped(), {"x"}, {.layer = 99}); }, "layer = 99: must be in [0, 4]");
  expect_error<OptionError>([] { (void)embed(shipped(), {"x"}, {.layer = -1}); }, "layer = -1");
  expect_error<OptionError>([] { (void)embed(shipped(), {"x", ""}); }, "text 1: is empty");
  expect_error<OptionError>([] { (void)embed(shipped(), {std::vector<TokenId>{1, 70000}}); }, "text 0[1] = 70000");
  expect_error<OptionError>([] { (void)embed(shipped(), {}); }, "prompts");
  const Model learned =
      Model::load(SKALD_TEST_DATA "/models/gpt2_old_names", {.bits = 32});  // has a row for each position
  expect_error<LimitError>([&] { (void)embed(learned, {std::vector<TokenId>(5000, 5)}); }, "text 0 = 5000 tokens");
  const Model seq2seq = Model::load(SKALD_TEST_DATA "/models/t5_plain_scaled", {.bits = 32});
  expect_error<UnsupportedError>([&] { (void)embed(seq2seq, {std::vector<TokenId>{5}}); }, "has an encoder");
}

}  // namespace
}  // namespace skald
