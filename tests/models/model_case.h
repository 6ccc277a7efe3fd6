// Model cases on disk (random_checkpoint.py), and the few lines that run a model over them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "models/decoder_model.h"

namespace skald::models {

struct ModelCase {
  std::filesystem::path folder;
  std::vector<TokenId> input;  // of the encoder; empty: there is none
  std::vector<TokenId> prompt;
  std::vector<TokenId> greedy;     // what follows it
  std::vector<std::int32_t> rows;  // positions of prompt + greedy
  std::vector<float> logits;       // [rows, vocab]

  [[nodiscard]] std::string name() const { return folder.filename(); }
  /// Token `position` of prompt + greedy.
  [[nodiscard]] TokenId token(std::size_t position) const {
    return position < prompt.size() ? prompt[position] : greedy[position - prompt.size()];
  }
  [[nodiscard]] std::size_t length() const { return prompt.size() + greedy.size(); }
  /// What length-dependent rotary scaling sees at `position`.
  [[nodiscard]] std::int64_t rope_length(std::size_t position) const {
    return static_cast<std::int64_t>(position < prompt.size() ? prompt.size() : position + 1);
  }
};

/// The cases of SKALD_MODEL_CASES, else those of tests/data/models.
std::vector<ModelCase> model_cases();

/// Keeps all logits, by row.
class LogitsKeeper : public OutputSink {
 public:
  explicit LogitsKeeper(std::int64_t vocab) : vocab_(static_cast<std::size_t>(vocab)) {}
  void on_logits(std::span<const std::int32_t> rows, float* logits) override;
  std::map<std::int32_t, std::vector<float>> logits;

 private:
  std::size_t vocab_;
};

/// A pool large enough for tests.
std::unique_ptr<StatePool> make_pool(const DecoderModel& model, std::int64_t draft = 0);

/// A new sequence for the case, with its input encoded where the model has an encoder.
nn::SequenceId begin_case(const DecoderModel& model, const ModelCase& c, StatePool& state, ThreadPool& pool);

/// Rows [begin, end) of prompt + greedy in `sequence`, all wanting logits.
std::vector<nn::Row> case_rows(const ModelCase& c, nn::SequenceId sequence, std::size_t begin, std::size_t end);

/// Reserves, runs and commits; logits by row of the batch.
std::map<std::int32_t, std::vector<float>> run_rows(const DecoderModel& model, StatePool& state, ThreadPool& pool,
                                                    std::vector<nn::Row> rows);

}  // namespace skald::models
