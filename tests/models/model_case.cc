#include "models/model_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "formats/safetensors.h"

namespace skald::models {
namespace {

template <typename T>
std::vector<T> read_array(const TensorSource& source, const char* name) {
  const TensorInfo* const tensor = source.find(name);
  if (tensor == nullptr) throw std::runtime_error(std::string("expected.safetensors lacks ") + name);
  std::vector<T> values(tensor->bytes / sizeof(T));
  source.read(*tensor, 0, std::as_writable_bytes(std::span(values)));
  return values;
}

ModelCase read_case(const std::filesystem::path& folder) {
  const auto source = open_safetensors(folder / "expected.safetensors");
  ModelCase c;
  c.folder = folder;
  if (source->find("input") != nullptr) c.input = read_array<TokenId>(*source, "input");
  c.prompt = read_array<TokenId>(*source, "prompt");
  c.greedy = read_array<TokenId>(*source, "greedy");
  c.rows = read_array<std::int32_t>(*source, "rows");
  c.logits = read_array<float>(*source, "logits");
  return c;
}

}  // namespace

std::vector<ModelCase> model_cases() {
  const char* const chosen = std::getenv("SKALD_MODEL_CASES");
  std::vector<ModelCase> cases;
  for (const auto& entry :
       std::filesystem::directory_iterator(chosen != nullptr ? chosen : SKALD_TEST_DATA "/models")) {
    if (entry.is_directory()) cases.push_back(read_case(entry.path()));
  }
  std::ranges::sort(cases, {}, &ModelCase::folder);
  return cases;
}

void LogitsKeeper::on_logits(std::span<const std::int32_t> rows, float* values) {
  EXPECT_LE(rows.size(), 64U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    logits[rows[i]].assign(values + i * vocab_, values + (i + 1) * vocab_);
  }
}

std::unique_ptr<StatePool> make_pool(const DecoderModel& model, std::int64_t draft) {
  return std::make_unique<StatePool>(model.state_layout(), nn::StatePoolOptions{.kv_type = model.shape().kv_type,
                                                                                .budget_bytes = std::size_t{1} << 30,
                                                                                .longest_draft = draft});
}

nn::SequenceId begin_case(const DecoderModel& model, const ModelCase& c, StatePool& state, ThreadPool& pool) {
  const nn::SequenceId sequence = state.create();
  if (model.encoder() == nullptr) return sequence;
  const EncoderInput input{.sequence = sequence, .tokens = c.input};
  EXPECT_TRUE(model.encode({&input, 1}, state, pool));
  return sequence;
}

std::vector<nn::Row> case_rows(const ModelCase& c, nn::SequenceId sequence, std::size_t begin, std::size_t end) {
  std::vector<nn::Row> rows;
  for (std::size_t p = begin; p < end; ++p) {
    rows.push_back({.sequence = sequence,
                    .position = static_cast<std::int64_t>(p),
                    .rope_length = c.rope_length(p),
                    .token = c.token(p),
                    .wants = {.logits = true}});
  }
  return rows;
}

std::map<std::int32_t, std::vector<float>> run_rows(const DecoderModel& model, StatePool& state, ThreadPool& pool,
                                                    std::vector<nn::Row> rows) {
  std::map<nn::SequenceId, std::int64_t> counts;
  for (const nn::Row& row : rows) ++counts[row.sequence];
  for (const auto& [sequence, n] : counts) EXPECT_TRUE(state.reserve(sequence, n));
  LogitsKeeper keeper(model.shape().vocab_size);
  EXPECT_TRUE(model.forward({std::move(rows)}, state, keeper, pool));
  for (const auto& [sequence, n] : counts) state.commit(sequence, n);
  return std::move(keeper.logits);
}

}  // namespace skald::models
