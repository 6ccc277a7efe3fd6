// What each strategy's bookkeeping costs a step, at vocabularies of 32k and 128k, without a model: one plan, take() of
// its rows one after the other, and advance(), in the middle of a text of some 600 tokens. The logits of a row are
// copied anew; "copy of a row" is that alone, which each figure has once for every row of the step.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "decode/strategies/beam_search.h"
#include "decode/strategies/constrained_beam_search.h"
#include "decode/strategies/contrastive.h"
#include "decode/strategies/group_beam_search.h"
#include "decode/strategies/sampling.h"

namespace skald::decode {
namespace {

constexpr std::int64_t kPrompt = 512, kNew = 256;  // tokens
constexpr std::size_t kHidden = 2048;              // width of the model
constexpr std::int32_t kLayers = 22;
constexpr std::size_t kRows = 16;  // different rows of logits

// Handles, and nothing behind them.
class NoModel final : public LanguageModel {
 public:
  explicit NoModel(std::size_t vocab_size) : vocab_size_(static_cast<std::int64_t>(vocab_size)) {}
  [[nodiscard]] std::int64_t vocab_size(ModelIndex /*model*/) const override { return vocab_size_; }
  [[nodiscard]] std::int64_t position_limit(ModelIndex /*model*/) const override { return 0; }
  [[nodiscard]] std::int32_t n_layers(ModelIndex /*model*/) const override { return kLayers; }
  [[nodiscard]] bool tied_embeddings(ModelIndex /*model*/) const override { return false; }
  [[nodiscard]] bool rewinds(ModelIndex /*model*/) const override { return true; }
  [[nodiscard]] std::int64_t restart_length(ModelIndex /*model*/) const override { return 0; }
  SequenceHandle create(ModelIndex /*model*/, std::int64_t /*prompt_length*/) override { return next_++; }
  SequenceHandle fork(ModelIndex /*model*/, SequenceHandle /*parent*/) override { return next_++; }
  void rewind(ModelIndex /*model*/, SequenceHandle /*sequence*/, std::int64_t /*n*/) override {}
  void drop(ModelIndex /*model*/, SequenceHandle /*sequence*/) override {}

 private:
  std::int64_t vocab_size_;
  SequenceHandle next_ = 0;
};

// The rows of a step that want something.
class Rows final : public StepPlan {
 public:
  struct Row {
    bool logits;
    RowWants wants;
  };
  std::int32_t add(ModelIndex /*model*/, SequenceHandle /*sequence*/, std::span<const TokenId> tokens,
                   std::int64_t n_logits, const RowWants& also) override {
    const auto first = static_cast<std::int32_t>(rows_.size());
    const std::int64_t n = also.of_all_rows() ? std::ssize(tokens) : n_logits;
    for (std::int64_t i = 0; i < n; ++i) rows_.push_back({also.all_logits || i >= n - n_logits, also});
    return first;
  }
  void clear() { rows_.clear(); }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
};

// A strategy on logits that are drawn beforehand.
class Bench {
 public:
  Bench(const char* json, std::size_t vocab_size)
      : model_(vocab_size), logits_(kRows * vocab_size), row_(vocab_size), hidden_(kHidden), scratch_(vocab_size) {
    std::normal_distribution<float> normal(0, 3);
    for (float& logit : logits_) logit = normal(random_);
    for (float& h : hidden_) h = normal(random_);
    request_.config = GenerationConfig::from_json(json);
    request_.stops.max_new_tokens = kNew;
    request_.vocab_size = vocab_size;
    request_.seed = 1;
    request_.forced_words = request_.config.force_words_ids.value_or(std::vector<ForcedWord>{});
    request_.draft.lookup = request_.config.prompt_lookup_num_tokens.value_or(0);
    for (std::int64_t i = 0; i < kPrompt; ++i) request_.prompt.push_back(static_cast<TokenId>(random_() % 600));
    if (request_.config.guidance_scale) {
      Guidance guidance;
      guidance.branches.push_back({.model = 0, .prompt = request_.prompt});
      guidance.unconditional = 0;
      guidance.scale = static_cast<float>(*request_.config.guidance_scale);
      request_.guidance = std::make_shared<const Guidance>(std::move(guidance));
    }
    begin();
  }

  void step() {
    plan_.clear();
    strategy_->plan(plan_);
    for (std::size_t r = 0; r < plan_.rows().size(); ++r) take(static_cast<std::int32_t>(r), plan_.rows()[r]);
    strategy_->advance();
  }
  [[nodiscard]] bool over() const { return strategy_->finished(); }
  void begin() {
    strategy_ = make();
    step();  // the prompt
  }

 private:
  [[nodiscard]] std::unique_ptr<DecodingStrategy> make() {
    const GenerationConfig& config = request_.config;
    if (!request_.forced_words.empty()) return std::make_unique<ConstrainedBeamSearch>(request_, model_);
    if (config.num_beam_groups) return std::make_unique<GroupBeamSearch>(request_, model_);
    if (config.num_beams) return std::make_unique<BeamSearch>(request_, model_);
    if (config.penalty_alpha) return std::make_unique<Contrastive>(request_, model_);
    return std::make_unique<Sampling>(request_, model_);
  }

  [[nodiscard]] std::span<const float> some_logits() {
    return std::span(logits_).subspan(random_() % kRows * row_.size(), row_.size());
  }

  void take(std::int32_t number, const Rows::Row& row) {
    for (const std::int32_t layer : row.wants.hidden_at) strategy_->take_hidden(number, layer, hidden_);
    for (const std::int32_t layer : row.wants.logits_at) strategy_->take_early(number, layer, some_logits());
    if (!row.logits) return;
    std::ranges::copy(some_logits(), row_.begin());
    strategy_->take(number, row_, scratch_);
  }

  std::mt19937 random_{1};  // NOLINT(cert-msc51-cpp): the same work in every run
  NoModel model_;
  std::vector<float> logits_;  // [kRows, vocab_size]
  std::vector<float> row_;     // [vocab_size]
  std::vector<float> hidden_;  // [kHidden]
  Scratch scratch_;
  SamplingRequest request_;
  Rows plan_;
  std::unique_ptr<DecodingStrategy> strategy_;
};

struct Case {
  const char* name;
  const char* json;  // null: the copy of the logits alone
};

constexpr Case kCases[] = {
    {"copy of a row", nullptr},
    {"greedy", R"({"do_sample": false})"},
    {"sampling from all tokens", R"({"do_sample": true})"},
    {"sampling, temperature, top_k 50, top_p",
     R"({"do_sample": true, "temperature": 0.7, "top_k": 50, "top_p": 0.95})"},
    {"5 samples of the same", R"({"do_sample": true, "temperature": 0.7, "top_k": 50, "top_p": 0.95,
                                  "num_return_sequences": 5})"},
    {"greedy, log-probabilities and the 5 best", R"({"do_sample": false, "logprobs": 5})"},
    {"5 beams", R"({"num_beams": 5})"},
    {"5 beams, drawn", R"({"num_beams": 5, "do_sample": true})"},
    {"6 beams in 3 groups", R"({"num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 0.5})"},
    {"5 beams, constrained", R"({"num_beams": 5, "force_words_ids": [[5, 6], [[7, 8], [9]]]})"},
    {"contrastive, top_k 4", R"({"penalty_alpha": 0.6, "top_k": 4})"},
    {"DoLa, 6 layers", R"({"dola_layers": "low"})"},
    {"classifier-free guidance", R"({"guidance_scale": 1.5})"},
    {"prompt lookup of 4", R"({"prompt_lookup_num_tokens": 4})"},
};

void run_copy(benchmark::State& state, std::size_t vocab_size) {
  std::vector<float> logits(kRows * vocab_size, 1.F), row(vocab_size);
  std::size_t next = 0;
  for (auto _ : state) {
    std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(next++ % kRows * vocab_size), vocab_size, row.begin());
    benchmark::DoNotOptimize(row.data());
  }
}

void run(benchmark::State& state, const Case& each, std::size_t vocab_size) {
  if (each.json == nullptr) return run_copy(state, vocab_size);
  Bench bench(each.json, vocab_size);
  for (auto _ : state) {
    if (bench.over()) {
      state.PauseTiming();
      bench.begin();
      state.ResumeTiming();
    }
    bench.step();
  }
}

}  // namespace
}  // namespace skald::decode

int main(int argc, char** argv) {
  for (const auto& each : skald::decode::kCases) {
    for (const std::size_t vocab_size : {std::size_t{32000}, std::size_t{128256}}) {
      const std::string name = std::string(each.name) + "/" + std::to_string(vocab_size);
      benchmark::RegisterBenchmark(name.c_str(), [each, vocab_size](benchmark::State& state) {
        skald::decode::run(state, each, vocab_size);
      })->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
