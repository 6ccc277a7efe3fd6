// What rows may want beside logits: hidden states, early logits and attentions, against transformers' own
// (make_tap_goldens.py), for every family.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "formats/safetensors.h"
#include "models/model_case.h"

namespace skald::models {
namespace {

constexpr float kTolerance = 1e-4F;  // of the largest value of a state

class TapKeeper final : public OutputSink {
 public:
  TapKeeper(const ModelShape& shape) : shape_(shape) {}
  void on_logits(std::span<const std::int32_t> /*rows*/, float* /*logits*/) override {}
  void on_hidden(std::int32_t /*row*/, std::int32_t layer, const float* h) override {
    hidden[layer].assign(h, h + shape_.hidden_size);
  }
  void on_logits_at(std::int32_t /*row*/, std::int32_t /*layer*/, const float* l) override {
    early.assign(l, l + shape_.vocab_size);
  }
  void on_attentions(std::int32_t /*row*/, std::int32_t layer, const float* p, std::int64_t heads,
                     std::int64_t keys) override {
    attentions[layer].assign(p, p + heads * keys);
  }
  std::map<std::int32_t, std::vector<float>> hidden, attentions;
  std::vector<float> early;

 private:
  const ModelShape& shape_;
};

std::vector<float> read_floats(const TensorSource& source, const TensorInfo& tensor) {
  std::vector<float> values(tensor.bytes / sizeof(float));
  source.read(tensor, 0, std::as_writable_bytes(std::span(values)));
  return values;
}

void expect_near(std::span<const float> wanted, std::span<const float> found, float tolerance, const char* what) {
  ASSERT_EQ(wanted.size(), found.size()) << what;
  float most = 0;
  for (const float v : wanted) most = std::max(most, std::abs(v));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_NEAR(wanted[i], found[i], tolerance * most) << what << " " << i;
  }
}

// What rows want of case `c`, against transformers in f32.
void check_taps(const ModelCase& c, int kv_bits, float tolerance) {
  const auto wanted = open_safetensors(std::filesystem::path(SKALD_TEST_DATA "/taps") / (c.name() + ".safetensors"));
  ThreadPool pool(2);
  const auto model = load_model(c.folder, {.bits = 32, .kv_bits = kv_bits}, pool);
  const auto state = make_pool(*model);
  const nn::SequenceId s = begin_case(*model, c, *state, pool);
  std::vector<nn::Row> rows = case_rows(c, s, 0, c.prompt.size());
  std::vector<std::int32_t> layers(static_cast<std::size_t>(model->shape().n_layers) + 1);
  std::iota(layers.begin(), layers.end(), 0);
  const std::vector<std::int32_t> first = {1};
  rows.back().wants = {
      .logits = true, .attentions = model->shape().n_heads > 0, .hidden_at = layers, .logits_at = first};
  TapKeeper out(model->shape());
  ASSERT_TRUE(state->reserve(s, static_cast<std::int64_t>(rows.size())));
  ASSERT_TRUE(model->forward({rows}, *state, out, pool));

  const std::vector<float> hidden = read_floats(*wanted, *wanted->find("hidden"));
  const auto width = static_cast<std::size_t>(model->shape().hidden_size);
  ASSERT_EQ(hidden.size(), layers.size() * width);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    expect_near(std::span(hidden).subspan(l * width, width), out.hidden.at(layers[l]), tolerance, "hidden");
  }
  expect_near(read_floats(*wanted, *wanted->find("early")), out.early, tolerance, "early");
  const TensorInfo* const attention = wanted->find("attention");
  if (attention == nullptr) return;
  const std::vector<float> probabilities = read_floats(*wanted, *attention);
  const std::size_t per_layer = probabilities.size() / (layers.size() - 1);
  for (std::size_t l = 0; l + 1 < layers.size(); ++l) {
    const auto of_layer = std::span(probabilities).subspan(l * per_layer, per_layer);
    expect_near(of_layer, out.attentions.at(layers[l]), tolerance, "attention");
  }
}

class Taps : public testing::TestWithParam<ModelCase> {};

TEST_P(Taps, EqualTheReference) { check_taps(GetParam(), 0, kTolerance); }

// Random models have sharp attention: their scores are large, and so is what rounding does to a probability.
TEST_P(Taps, AreNearItWithKeysAndValuesInEightBits) { check_taps(GetParam(), 8, 0.25F); }

std::vector<ModelCase> tap_cases() {
  std::vector<ModelCase> cases = model_cases();
  std::erase_if(cases, [](const ModelCase& c) {
    return !std::filesystem::exists(std::filesystem::path(SKALD_TEST_DATA "/taps") / (c.name() + ".safetensors"));
  });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Models, Taps, testing::ValuesIn(tap_cases()),
                         [](const auto& info) { return info.param.name(); });

}  // namespace
}  // namespace skald::models
