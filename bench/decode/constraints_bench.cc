// What constraints on the text cost, at vocabularies of 32k and 128k: making them ready for a call, and a step.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "decode/chain.h"
#include "decode/constraints/constraints.h"
#include "decode/sampling_request.h"
#include "json/value.h"
#include "text/token_bytes.h"

namespace skald::decode {
namespace {

// Letters, and words made of them, half of which begin with a space.
text::Tokenizer word_tokenizer(std::int64_t n_tokens) {
  std::mt19937 random(1);
  json::Object vocab;
  for (char c = 'a'; c <= 'z'; ++c) vocab.push_back({std::string(1, c), static_cast<std::int64_t>(vocab.size())});
  vocab.push_back({"Ġ", static_cast<std::int64_t>(vocab.size())});
  for (std::int64_t id = std::ssize(vocab); id < n_tokens; ++id) {
    std::string word = id % 2 == 0 ? "Ġ" : "";
    for (auto n = 1 + random() % 5; n > 0; --n) word += "etaoinshrdlu"[random() % 12];
    word += 'q';  // behind it the number, so that no two are alike
    for (auto rest = static_cast<std::uint64_t>(id); rest > 0; rest /= 26) word += static_cast<char>('a' + rest % 26);
    vocab.push_back({word, id});
  }
  const json::Object byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const json::Object tokenizer = {
      {"added_tokens", json::Array{}},
      {"normalizer", nullptr},
      {"pre_tokenizer", byte_level},
      {"post_processor", nullptr},
      {"decoder", byte_level},
      {"model", json::Object{{"type", "BPE"}, {"vocab", vocab}, {"merges", json::Array{}}}}};
  return text::Tokenizer::from_json(tokenizer, "tokenizer.json");
}

struct Case {
  const char* name;
  const char* json;
  std::int64_t step;  // of 200
};

constexpr Case kCases[] = {
    {"banned_strings, 8",
     R"({"banned_strings": ["king", "queen", " lord", "dragon", "sword", "gold", " the end", "once"]})", 50},
    {"must_include, room left", R"({"must_include": ["dragon", "golden ring", ["silver", "iron"]]})", 50},
    {"must_include, tight", R"({"must_include": ["dragon", "golden ring", ["silver", "iron"]]})", 178},
    {"prefix", R"({"prefix": "once upon a time there was"})", 0},
    {"allowed_tokens, 4", R"({"allowed_tokens": [1, 2, 3, 4]})", 50},
};

void run(benchmark::State& state, const Case& each, const text::Tokenizer& tokenizer, bool whole_call) {
  const auto vocab_size = static_cast<std::size_t>(tokenizer.id_limit());
  static_cast<void>(tokenizer.bytes());
  const GenerationConfig config = GenerationConfig::from_json(each.json);
  const StopRules stops;
  const ConstraintSetup made_for{.config = config, .stops = stops, .tokenizer = &tokenizer, .vocab_size = vocab_size};
  if (whole_call) {
    for (auto _ : state) benchmark::DoNotOptimize(Constraints::make(made_for));
    return;
  }
  const auto constraints = Constraints::make(made_for);
  ChainSetup setup;
  setup.prompt_length = 10;
  setup.max_length = 210;
  setup.vocab_size = vocab_size;
  ProcessorChain chain;
  constraints->add_to(chain, setup);
  std::vector<float> logits(vocab_size, 1.F), row(vocab_size);
  Candidates candidates(vocab_size);
  const std::vector<TokenId> history(10 + static_cast<std::size_t>(each.step), 3);
  if (each.step > 0) chain.accept(3);  // 'd': a dragon may have begun
  for (auto _ : state) {
    std::copy(logits.begin(), logits.end(), row.begin());
    candidates.reset(row);
    chain.apply({.history = history, .prompt_length = 10, .step = each.step}, candidates);
    benchmark::DoNotOptimize(row.data());
  }
}

}  // namespace
}  // namespace skald::decode

int main(int argc, char** argv) {
  const skald::text::Tokenizer small = skald::decode::word_tokenizer(32000);
  const skald::text::Tokenizer large = skald::decode::word_tokenizer(128256);
  for (const auto* const tokenizer : {&small, &large}) {
    const std::string size = "/" + std::to_string(tokenizer->id_limit());
    benchmark::RegisterBenchmark(("once a tokenizer" + size).c_str(), [tokenizer](benchmark::State& state) {
      for (auto _ : state) benchmark::DoNotOptimize(skald::text::TokenBytes(*tokenizer).size());
    })->Unit(benchmark::kMicrosecond);
    for (const auto& each : skald::decode::kCases) {
      for (const bool whole_call : {true, false}) {
        const std::string name = std::string(each.name) + (whole_call ? "/call" : "/step") + size;
        benchmark::RegisterBenchmark(name.c_str(), [each, tokenizer, whole_call](benchmark::State& state) {
          skald::decode::run(state, each, *tokenizer, whole_call);
        })->Unit(benchmark::kMicrosecond);
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
