// What each option that shapes the logits costs per token, at vocabularies of 32k and 128k: one apply() in the middle
// of a text of 1024 tokens, over logits that are copied anew each time ("none" is that copy alone).
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "decode/chain.h"

namespace skald::decode {
namespace {

constexpr std::int64_t kPrompt = 512, kLength = 1024;  // tokens

struct Option {
  const char* name;
  const char* json;
};

constexpr Option kOptions[] = {
    {"none", "{}"},
    {"sequence_bias", R"({"sequence_bias": [[[5], 1], [[7, 8], 2], [[9, 1, 4], -3]]})"},
    {"encoder_repetition_penalty", R"({"encoder_repetition_penalty": 1.2})"},
    {"repetition_penalty", R"({"repetition_penalty": 1.2})"},
    {"repetition_penalty, last 64", R"({"repetition_penalty": 1.2, "repeat_last_n": 64})"},
    {"frequency_penalty", R"({"frequency_penalty": 0.2})"},
    {"dry", R"({"dry_multiplier": 0.8})"},
    {"no_repeat_ngram_size", R"({"no_repeat_ngram_size": 3})"},
    {"encoder_no_repeat_ngram_size", R"({"encoder_no_repeat_ngram_size": 3})"},
    {"bad_words_ids", R"({"bad_words_ids": [[5, 6], [7], [8, 9, 10]]})"},
    {"min_new_tokens", R"({"min_new_tokens": 1000, "eos_token_id": 2})"},
    {"suppress_tokens", R"({"suppress_tokens": [5, 6, 7]})"},
    {"forced_eos_token_id", R"({"forced_eos_token_id": 2})"},
    {"remove_invalid_values", R"({"remove_invalid_values": true})"},
    {"exponential_decay_length_penalty", R"({"exponential_decay_length_penalty": [5, 1.01], "eos_token_id": 2})"},
    {"temperature", R"({"temperature": 0.7})"},
    {"dynatemp_range", R"({"dynatemp_range": 0.5})"},
    {"top_n_sigma", R"({"top_n_sigma": 1})"},
    {"top_h", R"({"top_h": 0.4})"},
    {"top_k 50", R"({"top_k": 50})"},
    {"top_p 0.95", R"({"top_p": 0.95})"},
    {"min_p", R"({"min_p": 0.05})"},
    {"typical_p", R"({"typical_p": 0.95})"},
    {"epsilon_cutoff", R"({"epsilon_cutoff": 0.0003})"},
    {"eta_cutoff", R"({"eta_cutoff": 0.0003})"},
    {"xtc", R"({"xtc_probability": 1, "xtc_threshold": 0.01})"},
    {"mirostat 1", R"({"mirostat": 1})"},
    {"mirostat 2", R"({"mirostat": 2})"},
    {"watermark, lefthash", R"({"watermarking_config": {}})"},
    {"watermark, selfhash", R"({"watermarking_config": {"seeding_scheme": "selfhash"}})"},
    {"watermark, SynthID of 30 keys",
     R"({"watermarking_config": {"keys": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]}})"},
    {"renormalize_logits", R"({"renormalize_logits": true})"},
    {"temperature, top_k 50, top_p 0.95", R"({"temperature": 0.7, "top_k": 50, "top_p": 0.95})"},
    {"temperature, top_k 50, top_p, min_p, penalties",
     R"({"temperature": 0.7, "top_k": 50, "top_p": 0.95, "min_p": 0.05, "repetition_penalty": 1.1, "frequency_penalty": 0.1})"},
    {"llamacpp's defaults",
     R"({"profile": "llamacpp", "temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05})"},
    {"top_k 50, SynthID of 30 keys",
     R"({"top_k": 50, "watermarking_config": {"keys": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]}})"},
};

void run(benchmark::State& state, const Option& option, std::size_t vocab_size) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(vocab_size), row(vocab_size);
  for (float& logit : logits) logit = normal(random);
  std::vector<TokenId> history(kLength);
  for (TokenId& token : history) token = static_cast<TokenId>(random() % 600);
  GenerationConfig config = GenerationConfig::from_json(option.json);
  config.do_sample = true;
  const ChainSetup setup{.prompt_length = kPrompt,
                         .max_length = kLength + 1,
                         .encoder_input = std::span(history).first(kPrompt),
                         .vocab_size = vocab_size};
  const ProcessorChain chain = build_chain(config, setup);
  Candidates candidates(vocab_size);
  const StepContext step{.history = history, .prompt_length = kPrompt, .step = kLength - kPrompt};
  for (auto _ : state) {
    std::copy(logits.begin(), logits.end(), row.begin());
    candidates.reset(row);
    chain.apply(step, candidates);
    benchmark::DoNotOptimize(candidates.size());
  }
}

}  // namespace
}  // namespace skald::decode

int main(int argc, char** argv) {
  for (const auto& option : skald::decode::kOptions) {
    for (const std::size_t vocab_size : {std::size_t{32000}, std::size_t{128256}}) {
      const std::string name = std::string(option.name) + "/" + std::to_string(vocab_size);
      benchmark::RegisterBenchmark(name.c_str(), [option, vocab_size](benchmark::State& state) {
        skald::decode::run(state, option, vocab_size);
      })->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
