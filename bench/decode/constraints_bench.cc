// What constraints on the text and stop strings cost, at vocabularies of 32k and 128k: to set up for a call, and a
// token. The tokens are words of random letters, with and without a space before them, as a byte-level tokenizer has
// them.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "decode/chain.h"
#include "decode/constraints/constraints.h"
#include "decode/sampling_request.h"
#include "decode/text_stream.h"
#include "json/value.h"

namespace skald::decode {
namespace {

constexpr std::int64_t kPrompt = 64, kNew = 4096;  // tokens

// 256 single bytes would need their spellings; letters and spaces are enough to write any of the phrases below.
text::Tokenizer make_tokenizer(std::size_t vocab_size) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same work in every run
  json::Object vocab;
  std::vector<std::string> words = {"\xC4\xA0"};  // the spelling of a space
  for (char c = 'a'; c <= 'z'; ++c) words.emplace_back(1, c);
  std::set<std::string> known(words.begin(), words.end());
  while (known.size() < vocab_size) {
    std::string word = random() % 2 == 0 ? "\xC4\xA0" : "";
    for (std::size_t n = 2 + random() % 7; n > 0; --n) word += static_cast<char>('a' + random() % 26);
    if (known.insert(word).second) words.push_back(word);
  }
  for (const std::string& word : words) vocab.push_back({word, static_cast<std::int64_t>(vocab.size())});
  const json::Object byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return text::Tokenizer::from_json(
      json::Object{{"added_tokens", json::Array{}},
                   {"normalizer", nullptr},
                   {"pre_tokenizer", byte_level},
                   {"post_processor", nullptr},
                   {"decoder", byte_level},
                   {"model", json::Object{{"type", "BPE"}, {"vocab", vocab}, {"merges", json::Array{}}}}},
      "tokenizer.json");
}

const text::Tokenizer& tokenizer_of(std::size_t vocab_size) {
  static const text::Tokenizer small = make_tokenizer(32000), large = make_tokenizer(128256);
  return vocab_size == 32000 ? small : large;
}

struct Case {
  const char* name;
  const char* json;
};

constexpr Case kCases[] = {
    {"none", "{}"},
    {"banned_strings, 3", R"({"banned_strings": ["dragon", "the end", "castle in the air"]})"},
    {"must_include, 1", R"({"must_include": ["dragon"]})"},
    {"must_include, 4 with alternatives",
     R"({"must_include": ["dragon", "castle", ["knight", "squire"], "long ago"]})"},
    {"prefix of 40 bytes", R"({"prefix": "once upon a time there was a fox and a he"})"},
    {"allowed_tokens, 1000", nullptr},
};

std::string thousand_tokens() {
  std::string ids;
  for (int id = 0; id < 1000; ++id) ids += (id > 0 ? "," : "") + std::to_string(id * 7);
  return R"({"allowed_tokens": [)" + ids + "]}";
}

// A call's options made ready, and the chain of one sequence.
class Bench {
 public:
  Bench(const Case& each, std::size_t vocab_size)
      : config_(GenerationConfig::from_json(each.json != nullptr ? each.json : thousand_tokens())),
        vocab_size_(vocab_size) {
    config_.do_sample = false;
    stops_.eos = {3};
    set_up();
  }
  void set_up() {
    constraints_ = Constraints::make(
        {.config = config_, .stops = stops_, .tokenizer = &tokenizer_of(vocab_size_), .vocab_size = vocab_size_});
  }
  [[nodiscard]] ProcessorChain chain() const {
    return build_chain(config_, {.prompt_length = kPrompt,
                                 .max_length = kPrompt + kNew,
                                 .encoder_input = {},
                                 .vocab_size = vocab_size_,
                                 .constraints = constraints_.get()});
  }

 private:
  GenerationConfig config_;
  StopRules stops_;
  std::size_t vocab_size_;
  std::shared_ptr<const Constraints> constraints_;
};

void run_set_up(benchmark::State& state, const Case& each, std::size_t vocab_size) {
  Bench bench(each, vocab_size);
  for (auto _ : state) bench.set_up();
}

void run_token(benchmark::State& state, const Case& each, std::size_t vocab_size) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same work in every run
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(vocab_size), row(vocab_size);
  for (float& logit : logits) logit = normal(random);
  const Bench bench(each, vocab_size);
  ProcessorChain chain = bench.chain();
  std::vector<TokenId> history(kPrompt, 1);
  Candidates candidates(vocab_size);
  for (auto _ : state) {
    if (std::ssize(history) == kPrompt + kNew / 2) {
      state.PauseTiming();
      chain = bench.chain();
      history.resize(kPrompt);
      state.ResumeTiming();
    }
    std::ranges::copy(logits, row.begin());
    std::swap(row[random() % vocab_size], row[random() % vocab_size]);
    candidates.reset(row);
    chain.apply({.history = history, .prompt_length = kPrompt, .step = std::ssize(history) - kPrompt}, candidates);
    history.push_back(candidates.argmax());
    chain.accept(history.back());
  }
}

struct Stops {
  const char* name;
  std::size_t n;
  std::size_t length;  // bytes of each
};

constexpr Stops kStops[] = {{"text without stop strings", 0, 0},
                            {"1 stop string of 8 bytes", 1, 8},
                            {"64 stop strings of 1024 bytes", 64, 1024}};

std::vector<std::string> stop_strings(const Stops& stops) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same work in every run
  std::vector<std::string> strings(stops.n);
  for (std::string& string : strings) {
    while (string.size() < stops.length) string += static_cast<char>('a' + random() % 26);
  }
  return strings;
}

void run_stop_set_up(benchmark::State& state, const Stops& stops) {
  const std::vector<std::string> strings = stop_strings(stops);
  for (auto _ : state) benchmark::DoNotOptimize(std::make_shared<const StopStrings>(strings));
}

void run_stop_token(benchmark::State& state, const Stops& stops, std::size_t vocab_size) {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same work in every run
  std::shared_ptr<const StopStrings> strings;
  if (stops.n > 0) strings = std::make_shared<const StopStrings>(stop_strings(stops));
  TextStream stream(&tokenizer_of(vocab_size), strings, false);
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(stream.push(static_cast<TokenId>(random() % vocab_size), out));
  }
}

// "what/set-up/32000", "what/token/32000"
template <typename Run>
void add(const std::string& what, const char* part, std::size_t vocab_size, Run run) {
  const std::string name = what + "/" + part + "/" + std::to_string(vocab_size);
  benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond);
}

void add_all(std::size_t vocab_size) {
  for (const Case& each : kCases) {
    add(each.name, "set-up", vocab_size, [each, vocab_size](auto& state) { run_set_up(state, each, vocab_size); });
    add(each.name, "token", vocab_size, [each, vocab_size](auto& state) { run_token(state, each, vocab_size); });
  }
  for (const Stops& each : kStops) {
    add(each.name, "set-up", vocab_size, [each](auto& state) { run_stop_set_up(state, each); });
    add(each.name, "token", vocab_size, [each, vocab_size](auto& state) { run_stop_token(state, each, vocab_size); });
  }
}

}  // namespace
}  // namespace skald::decode

int main(int argc, char** argv) {
  for (const std::size_t vocab_size : {std::size_t{32000}, std::size_t{128256}}) skald::decode::add_all(vocab_size);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
