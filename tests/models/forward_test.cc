// What rows may want, what is refused, and what a pass costs in allocations.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "formats/safetensors.h"
#include "models/allocation_count.h"
#include "models/model_case.h"
#include "skald/error.h"

namespace skald::models {
namespace {

const ModelCase& a_case(const std::string& name) {
  static const std::vector<ModelCase> cases = model_cases();
  for (const ModelCase& c : cases) {
    if (c.name() == name) return c;
  }
  throw std::runtime_error("no case " + name);
}

class Forward : public testing::Test {
 protected:
  const ModelCase& case_ = a_case("llama_biases_partly_grouped");
  ThreadPool pool_{2};
  std::unique_ptr<DecoderModel> model_ = load_model(case_.folder, {}, pool_);
  std::unique_ptr<StatePool> state_ = make_pool(*model_);
  nn::SequenceId s_ = state_->create();
};

class EverythingKeeper final : public LogitsKeeper {
 public:
  using LogitsKeeper::LogitsKeeper;
  void on_score(std::int32_t row, RowScore score) override { scores[row] = std::move(score); }
  void on_hidden(std::int32_t row, std::int32_t layer, const float* h) override {
    hidden[{row, layer}].assign(h, h + hidden_size);
  }
  void on_logits_at(std::int32_t row, std::int32_t layer, const float* l) override {
    logits_at[{row, layer}].assign(l, l + vocab_size);
  }
  void on_attentions(std::int32_t row, std::int32_t layer, const float* p, std::int64_t heads,
                     std::int64_t keys) override {
    attentions[{row, layer}].assign(p, p + heads * keys);
  }
  std::int64_t hidden_size = 0;
  std::int64_t vocab_size = 0;
  std::map<std::int32_t, RowScore> scores;
  std::map<std::pair<std::int32_t, std::int32_t>, std::vector<float>> hidden, logits_at, attentions;
};

TEST_F(Forward, DeliversWhateverRowsWant) {
  const std::vector<std::int32_t> layers = {0, 1, 2};
  std::vector<nn::Row> rows = case_rows(case_, s_, 0, case_.prompt.size());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    rows[r].wants = {.logits = r % 2 == 0, .score = r % 3 == 0};
    rows[r].wants.score_token = rows[r].token;
    rows[r].wants.score_top = 5;
  }
  rows[40].wants.hidden_at = layers;
  rows[40].wants.logits_at = layers;
  rows[41].wants.attentions = true;
  EverythingKeeper out(model_->shape().vocab_size);
  out.hidden_size = model_->shape().hidden_size;
  out.vocab_size = model_->shape().vocab_size;
  ASSERT_TRUE(state_->reserve(s_, static_cast<std::int64_t>(rows.size())));
  ASSERT_TRUE(model_->forward({rows}, *state_, out, pool_));
  EXPECT_EQ(out.logits.size(), (rows.size() + 1) / 2);
  EXPECT_EQ(out.scores.size(), (rows.size() + 2) / 3);

  const auto& logits = out.logits.at(36);
  double sum = 0;
  for (const float l : logits) sum += std::exp(static_cast<double>(l));
  const RowScore& score = out.scores.at(36);
  EXPECT_NEAR(score.log_prob, logits[static_cast<std::size_t>(rows[36].token)] - std::log(sum), 1e-4);
  ASSERT_EQ(score.top.size(), 5U);
  EXPECT_EQ(score.top[0].first, std::ranges::max_element(logits) - logits.begin());
  EXPECT_GE(score.top[0].second, score.top[4].second);

  // The last hidden state is behind the final norm, and so are its logits: the ones that the row would have got.
  EXPECT_EQ(out.hidden.size(), 3U);
  EXPECT_EQ(out.logits_at.size(), 3U);
  EXPECT_EQ((out.logits_at.at({40, 2})), out.logits.at(40));

  const auto heads = 4U;
  for (const std::int32_t layer : {0, 1}) {
    const auto& p = out.attentions.at({41, layer});
    ASSERT_EQ(p.size(), heads * 42);
    for (std::size_t h = 0; h < heads; ++h) {
      EXPECT_NEAR(std::accumulate(p.begin() + h * 42, p.begin() + (h + 1) * 42, 0.0), 1.0, 1e-5);
    }
  }
}

TEST_F(Forward, EmbeddingsMayStandForTokens) {
  std::vector<nn::Row> rows = case_rows(case_, s_, 0, 20);
  const std::vector<std::int32_t> embedding_layer = {0};
  for (nn::Row& row : rows) row.wants.hidden_at = embedding_layer;
  EverythingKeeper out(model_->shape().vocab_size);
  out.hidden_size = model_->shape().hidden_size;
  ASSERT_TRUE(state_->reserve(s_, 20));
  ASSERT_TRUE(model_->forward({rows}, *state_, out, pool_));
  state_->commit(s_, 20);
  const nn::SequenceId other = state_->create();
  std::vector<nn::Row> by_embedding = case_rows(case_, other, 0, 20);
  for (std::size_t r = 0; r < 20; ++r) {
    by_embedding[r].token = -1;
    by_embedding[r].embedding = out.hidden.at({static_cast<std::int32_t>(r), 0}).data();
  }
  EXPECT_EQ(run_rows(*model_, *state_, pool_, by_embedding), out.logits);
}

TEST_F(Forward, GivenEmbeddingsAreNotScaled) {
  const ModelCase& c = a_case("gemma2_by_turns");
  const auto model = load_model(c.folder, {}, pool_);
  const auto state = make_pool(*model);
  const std::vector<std::int32_t> embedding_layer = {0};
  const std::vector<float> embedding(48, 0.25F);
  EverythingKeeper out(model->shape().vocab_size);
  out.hidden_size = model->shape().hidden_size;
  const nn::SequenceId s = state->create();
  ASSERT_TRUE(state->reserve(s, 2));
  std::vector<nn::Row> rows = case_rows(c, s, 0, 2);
  for (nn::Row& row : rows) row.wants.hidden_at = embedding_layer;
  rows[1].token = -1;
  rows[1].embedding = embedding.data();
  ASSERT_TRUE(model->forward({rows}, *state, out, pool_));
  EXPECT_EQ(out.hidden.at({1, 0}), embedding);
  const auto source = open_safetensors(c.folder / "model.safetensors");
  std::vector<float> row(48);  // as it is stored
  source->read(*source->find("model.embed_tokens.weight"), static_cast<std::uint64_t>(c.token(0)) * 48 * sizeof(float),
               std::as_writable_bytes(std::span(row)));
  for (float& v : row) v *= std::sqrt(48.F);
  EXPECT_EQ(out.hidden.at({0, 0}), row);
}

TEST_F(Forward, ControlVectorsChangeTheirRowsOnly) {
  const nn::ControlVectors controls{.after_layer = {std::vector<float>(48, 0.5F), {}}};
  const auto plain = run_rows(*model_, *state_, pool_, case_rows(case_, s_, 0, 10));
  auto rows = case_rows(case_, state_->create(), 0, 10);
  rows[9].controls = &controls;
  const auto steered = run_rows(*model_, *state_, pool_, rows);
  EXPECT_EQ(plain.at(8), steered.at(8));
  EXPECT_NE(plain.at(9), steered.at(9));
}

TEST_F(Forward, AdaptersChangeTheRowsThatAskForThem) {
  EXPECT_TRUE(model_->adapts("model.layers.1.self_attn.q_proj"));
  EXPECT_FALSE(model_->adapts("model.layers.9.self_attn.q_proj"));
  const nn::LowRankDelta delta{
      .rank = 2, .scale = 0.5F, .a = std::vector<float>(2 * 48, 0.3F), .b = std::vector<float>(48 * 2, 0.7F)};
  const std::int32_t adapter = model_->add_adapter({{"model.layers.1.self_attn.q_proj", delta}});
  const auto plain = run_rows(*model_, *state_, pool_, case_rows(case_, s_, 0, 10));
  auto rows = case_rows(case_, state_->create(), 0, 10);
  rows[9].adapter = adapter;
  const auto adapted = run_rows(*model_, *state_, pool_, rows);
  EXPECT_EQ(plain.at(8), adapted.at(8));
  EXPECT_NE(plain.at(9), adapted.at(9));
  rows = case_rows(case_, state_->create(), 0, 10);
  rows[9].adapter = adapter;
  rows[9].adapter_scale = 0;
  EXPECT_EQ(plain, run_rows(*model_, *state_, pool_, rows));
  EXPECT_THROW(static_cast<void>(model_->add_adapter({{"model.layers.9.self_attn.q_proj", delta}})), OptionError);
}

TEST_F(Forward, CancelledPassesLeaveNothing) {
  const auto wanted = run_rows(*model_, *state_, pool_, case_rows(case_, s_, 0, 12));
  const nn::SequenceId other = state_->create();
  LogitsKeeper out(model_->shape().vocab_size);
  int polls = 0;
  ASSERT_TRUE(state_->reserve(other, 12));
  EXPECT_FALSE(model_->forward({case_rows(case_, other, 0, 12)}, *state_, out, pool_, [&] { return ++polls == 2; }));
  EXPECT_TRUE(out.logits.empty());
  state_->abandon(other);
  EXPECT_EQ(run_rows(*model_, *state_, pool_, case_rows(case_, other, 0, 12)), wanted);
}

TEST_F(Forward, RefusesRowsThatDoNotFit) {
  LogitsKeeper out(model_->shape().vocab_size);
  ASSERT_TRUE(state_->reserve(s_, 4));
  const auto refused = [&](auto change) {
    std::vector<nn::Row> rows = case_rows(case_, s_, 0, 3);
    change(rows);
    EXPECT_THROW(model_->forward({rows}, *state_, out, pool_), UsageError);
  };
  refused([](auto& rows) { rows[0].token = -1; });
  refused([](auto& rows) { rows[1].token = 160; });
  refused([](auto& rows) { rows[2].position = 7; });
  refused([](auto& rows) { rows.erase(rows.begin()); });
  const nn::ControlVectors short_one{.after_layer = {{1.0F}, {}}}, one_layer{.after_layer = {{}}};
  refused([&](auto& rows) { rows[1].controls = &short_one; });
  refused([&](auto& rows) { rows[1].controls = &one_layer; });
  refused([](auto& rows) { rows[1].adapter = 3; });
  refused([](auto& rows) { rows[1].wants = {.score = true}; });
}

class Steady : public testing::TestWithParam<const char*> {};

TEST_P(Steady, AllocatesNothingPerToken) {
  class Silent final : public OutputSink {
    void on_logits(std::span<const std::int32_t>, float*) override {}
  } out;
  const ModelCase& c = a_case(GetParam());
  ThreadPool pool(2);
  const auto model = load_model(c.folder, {}, pool);
  const auto state = make_pool(*model);
  const nn::SequenceId s = state->create();
  const std::size_t begin = 130;  // past the last growth of block tables
  run_rows(*model, *state, pool, case_rows(c, s, 0, begin));
  Batch batch{case_rows(c, s, begin, begin + 1)};
  std::size_t counted = 0;
  for (std::size_t p = begin; p < c.length(); ++p) {
    batch.rows[0].position = static_cast<std::int64_t>(p);
    batch.rows[0].token = c.token(p);
    const std::size_t before = allocation_count();
    ASSERT_TRUE(state->reserve(s, 1));
    ASSERT_TRUE(model->forward(batch, *state, out, pool));
    state->commit(s, 1);
    if (p > begin) counted += allocation_count() - before;
  }
  EXPECT_EQ(counted, 0U);
}

INSTANTIATE_TEST_SUITE_P(Models, Steady,
                         testing::Values("llama_biases_partly_grouped", "gpt_oss_mxfp4", "qwen2_moe_step_windows"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace skald::models
