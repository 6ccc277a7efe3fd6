// Constraints against full enumeration: a model of 7 tokens, whose texts can all be written down.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "engine/rig.h"
#include "json/value.h"
#include "skald/error.h"
#include "text/tokenizer.h"

namespace skald {
namespace {

using test::Rig;
using Tokens = std::vector<TokenId>;

constexpr TokenId kVocab = 7, kEnd = 6;
const char* const kTexts[] = {"a", "b", "ab", "ba", "c", "ca", ""};

text::Tokenizer toy_tokenizer() {
  json::Object vocab;
  for (TokenId id = 0; id < kEnd; ++id) vocab.push_back({kTexts[id], static_cast<std::int64_t>(id)});
  const json::Object byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const json::Object end = {{"id", std::int64_t{kEnd}}, {"content", "<end>"}, {"single_word", false},
                            {"lstrip", false},          {"rstrip", false},    {"normalized", false},
                            {"special", true}};
  const json::Object tokenizer = {
      {"added_tokens", json::Array{end}},
      {"normalizer", nullptr},
      {"pre_tokenizer", byte_level},
      {"post_processor", nullptr},
      {"decoder", byte_level},
      {"model", json::Object{{"type", "BPE"}, {"vocab", vocab}, {"merges", json::Array{}}}}};
  return text::Tokenizer::from_json(tokenizer, "tokenizer.json");
}

// What is asked for, and by definition which tokens may follow which.
struct Rules {
  std::vector<std::vector<std::string>> phrases;
  std::vector<std::string> banned, stops;
  int length = 5;

  [[nodiscard]] static std::string text_of(const Tokens& tokens) {
    std::string text;
    for (const TokenId t : tokens) text += kTexts[t];
    return text;
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
  [[nodiscard]] bool has_phrases(const std::string& text) const {
    return std::ranges::all_of(phrases, [&](const auto& alternatives) {
      return std::ranges::any_of(alternatives, [&](const auto& a) { return has(text, a); });
    });
  }
  [[nodiscard]] bool has_any(const std::string& text, const std::vector<std::string>& parts) const {
    return std::ranges::any_of(parts, [&](const auto& part) { return has(text, part); });
  }
  // Whether some continuation of `tokens` has every phrase, nothing banned, and no stop before the last phrase.
  bool fits(Tokens& tokens) {
    const auto known = known_.find(tokens);
    if (known != known_.end()) return known->second;
    const std::string text = text_of(tokens);
    bool result = false;
    if (!has_any(text, banned) && !has_any(text, stops)) {
      result = has_phrases(text);
      for (TokenId t = 0; t < kEnd && !result && std::ssize(tokens) < length; ++t) {
        tokens.push_back(t);
        result = fits(tokens);
        tokens.pop_back();
      }
    }
    return known_[tokens] = result;
  }
  bool allowed(Tokens tokens, TokenId token) {
    const bool ready = has_phrases(text_of(tokens));
    if (token == kEnd) return ready;
    tokens.push_back(token);
    if (!ready) return fits(tokens);
    return !has_any(text_of(tokens), banned) && has_phrases(cut(text_of(tokens)));
  }
  // Without the stop that ends first and what follows it.
  [[nodiscard]] std::string cut(const std::string& text) const {
    for (std::size_t end = 1; end <= text.size(); ++end) {
      for (const std::string& stop : stops) {
        if (text.substr(0, end).ends_with(stop)) return text.substr(0, end - stop.size());
      }
    }
    return text;
  }

  std::map<Tokens, bool> known_ = {};
};

GenerationConfig config_of(const Rules& rules) {
  GenerationConfig config{.max_new_tokens = rules.length, .eos_token_id = Tokens{kEnd}, .logprobs = kVocab};
  if (!rules.banned.empty()) config.banned_strings = rules.banned;
  if (!rules.stops.empty()) config.stop_strings = rules.stops;
  std::vector<std::vector<TextOrIds>> phrases;
  for (const auto& alternatives : rules.phrases) phrases.emplace_back(alternatives.begin(), alternatives.end());
  if (!phrases.empty()) config.must_include = phrases;
  return config;
}

class Toy : public testing::Test {
 protected:
  // What followed a beginning: how often which token, and what the model said.
  struct Seen {
    std::array<int, kVocab> counts{};
    std::array<double, kVocab> raw{};
  };
  using Tree = std::map<Tokens, Seen>;

  static void count(const Completion& completion, Tree& tree) {
    Tokens before;
    for (const TokenLogprob& step : completion.logprobs) {
      Seen& seen = tree[before];
      ++seen.counts[static_cast<std::size_t>(step.token)];
      for (const auto& [token, logprob] : step.top) seen.raw[static_cast<std::size_t>(token)] = std::exp(logprob);
      before.push_back(step.token);
    }
  }

  // Probability of a token under the mask, renormalised.
  static std::array<double, kVocab> masked(const Seen& seen, const Tokens& before, Rules& rules) {
    std::array<double, kVocab> p{};
    double sum = 0;
    for (TokenId t = 0; t < kVocab; ++t) {
      const auto i = static_cast<std::size_t>(t);
      if (rules.allowed(before, t)) sum += p[i] = seen.raw[i];
    }
    for (double& value : p) value /= sum;
    return p;
  }

  // 4.5 standard deviations of the chi-square distribution above its mean, over all beginnings together.
  static void expect_distribution(const Tree& tree, Rules& rules) {
    double chi = 0;
    int freedom = 0;
    for (const auto& [before, seen] : tree) {
      const auto p = masked(seen, before, rules);
      const int n = std::accumulate(seen.counts.begin(), seen.counts.end(), 0);
      int cells = 0;
      for (std::size_t i = 0; i < kVocab; ++i) {
        EXPECT_TRUE(p[i] > 0 || seen.counts[i] == 0) << Rules::text_of(before) << " + " << kTexts[i];
        if (p[i] * n < 5) continue;
        chi += std::pow(seen.counts[i] - p[i] * n, 2) / (p[i] * n);
        ++cells;
      }
      freedom += std::max(0, cells - 1);
    }
    EXPECT_GT(freedom, 0);
    EXPECT_LT(chi, freedom + 4.5 * std::sqrt(2.0 * freedom) + 8);
  }

  void expect_greedy(const GenerationConfig& config, Rules& rules) {
    GenerationConfig greedy = config;
    greedy.do_sample = false;
    const Completion best = rig_.run({Tokens{1, 2, 3}}, greedy)[0];
    Tree tree;
    count(best, tree);
    Tokens before;
    for (const TokenLogprob& step : best.logprobs) {
      const auto p = masked(tree[before], before, rules);
      EXPECT_EQ(step.token, std::ranges::max_element(p) - p.begin());
      before.push_back(step.token);
    }
  }

  text::Tokenizer tokenizer_ = toy_tokenizer();
  Rig rig_{{.model = {.vocab_size = kVocab}, .tokenizer = &tokenizer_}};
};

TEST_F(Toy, SampledAsTheMaskedAndRenormalisedDistribution) {
  std::vector<Rules> cases = {
      {.phrases = {{"cab"}}, .banned = {}, .stops = {}},
      {.phrases = {{"aba"}, {"bab"}}, .banned = {}, .stops = {}, .length = 4},  // they overlap
      {.phrases = {{"cc", "bb"}, {"a"}}, .banned = {}, .stops = {}},
      {.phrases = {}, .banned = {"ab", "cc"}, .stops = {}},
      {.phrases = {{"ac"}, {"bb"}}, .banned = {"ca", "aa"}, .stops = {}},
      {.phrases = {{"bc"}}, .banned = {}, .stops = {"aa", "cb"}},
  };
  for (Rules& rules : cases) {
    GenerationConfig config = config_of(rules);
    config.temperature = 1.0;
    config.num_return_sequences = 128;
    Tree tree;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      config.seed = seed;
      for (const Completion& completion : rig_.run({Tokens{1, 2, 3}}, config)) {
        EXPECT_TRUE(rules.has_phrases(completion.text)) << completion.text;
        EXPECT_FALSE(rules.has_any(completion.text, rules.banned)) << completion.text;
        count(completion, tree);
      }
    }
    expect_distribution(tree, rules);
    config.num_return_sequences.reset();
    expect_greedy(config, rules);
  }
}

// What enumeration says fits is what is accepted, and then it is there.
TEST_F(Toy, DrawnRulesAreAcceptedExactlyWhereTheyFit) {
  std::mt19937 random(11);
  const auto word = [&](std::size_t longest) {
    std::string text;
    for (auto n = 1 + random() % longest; n > 0; --n) text += static_cast<char>('a' + random() % 3);
    return text;
  };
  int accepted = 0, refused = 0;
  for (int round = 0; round < 400; ++round) {
    Rules rules{.phrases = {}, .banned = {}, .stops = {}, .length = static_cast<int>(1 + random() % 6)};
    for (auto n = 1 + random() % 3; n > 0; --n) rules.phrases.push_back({word(5), word(5)});
    for (auto n = random() % 3; n > 0; --n) rules.banned.push_back(word(2) + word(2));
    for (auto n = random() % 2; n > 0; --n) rules.stops.push_back(word(2) + word(2));
    GenerationConfig config = config_of(rules);
    config.seed = static_cast<std::uint64_t>(round);
    if (round % 3 == 0) config.do_sample = false;
    if (round % 3 == 1) config.num_beams = 3;
    Tokens none;
    if (rules.fits(none)) {
      ++accepted;
      const std::string text = rig_.run({Tokens{1, 2, 3}}, config)[0].text;
      EXPECT_TRUE(rules.has_phrases(text)) << text;
      EXPECT_FALSE(rules.has_any(text, rules.banned)) << text;
    } else {
      ++refused;
      EXPECT_THROW(rig_.run({Tokens{1, 2, 3}}, config), OptionError);
    }
  }
  EXPECT_GT(accepted, 50);
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace skald
