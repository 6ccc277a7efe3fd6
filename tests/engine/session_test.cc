// Sessions: a tree of tokens that continues, forks and resumes with the bits of one call; scores of given texts.
#include "skald/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

namespace fs = std::filesystem;
using test::expect_error;

std::string tiny_model(const std::string& name = "llama_tied_llama3") {
  return std::string(SKALD_TEST_DATA "/models/") + name;
}

const std::vector<TokenId> kPrompt = {5, 9, 31, 7, 12, 40, 3};

GenerationConfig drawn(std::mt19937& random) {
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  GenerationConfig config{.max_new_tokens = 40, .do_sample = !one_in(4), .seed = random() % 1000};
  if (config.do_sample) {
    config.temperature = 1.5;
    if (one_in(2)) config.top_k = 50;
    if (one_in(2)) config.top_p = 0.95;
    if (one_in(3)) config.min_p = 0.01;
    if (one_in(3)) config.typical_p = 0.9;
  }
  if (one_in(2)) config.repetition_penalty = 1.3;
  if (one_in(3)) config.frequency_penalty = 0.3;
  if (one_in(3)) config.no_repeat_ngram_size = 3;
  if (one_in(3)) config.min_new_tokens = 20;
  if (one_in(3)) config.prompt_lookup_num_tokens = 3;
  if (one_in(2)) config.logprobs = 3;
  if (one_in(2)) config.processed_logprobs = 2;
  if (one_in(3)) config.output_scores = true;
  if (one_in(3)) config.trace = true;
  return config;
}

void expect_equal(const std::vector<TokenLogprob>& a, const std::vector<TokenLogprob>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].token, b[i].token);
    EXPECT_EQ(a[i].logprob, b[i].logprob);
    EXPECT_EQ(a[i].top, b[i].top);
  }
}

void expect_equal(const Completion& a, const Completion& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  EXPECT_EQ(a.text, b.text);
  expect_equal(a.logprobs, b.logprobs);
  expect_equal(a.processed_logprobs, b.processed_logprobs);
  EXPECT_EQ(a.step_outputs == nullptr, b.step_outputs == nullptr);
  if (a.step_outputs && b.step_outputs) {
    EXPECT_EQ(a.step_outputs->scores, b.step_outputs->scores);
  }
  ASSERT_EQ(a.trace.size(), b.trace.size());
  for (std::size_t i = 0; i < a.trace.size(); ++i) EXPECT_EQ(a.trace[i].entropy, b.trace[i].entropy);
}

// In pieces, saved and loaded in between.
TEST(Session, ResumesWithTheBitsOfOneCall) {
  const test::TempDir folder;
  const std::string file = folder.path() / "session.json";
  std::mt19937 random(4);
  for (const char* name : {"llama_tied_llama3", "llama_longrope", "llama_dynamic_bf16", "gemma2_by_turns",
                           "mamba2_groups_biases", "deepseek_v3_yarn_groups", "t5_plain_scaled"}) {
    const Model model = Model::load(tiny_model(name), {.bits = 32, .threads = 1});
    for (int i = 0; i < 8; ++i) {
      const GenerationConfig config = drawn(random);
      SCOPED_TRACE(std::string(name) + " " + config.to_json());
      const Completion whole = model.generate(kPrompt, config)[0];
      Session session(model, kPrompt, config);
      Session::Node at = Session::kRoot;
      for (int step = 0; step < 60 && !session.nodes()[static_cast<std::size_t>(at)].ends; ++step) {
        at = session.generate(at, 1 + static_cast<std::int64_t>(random() % 17));
        if (step % 2 == 0) {
          session.save(file);
          session = Session::load(file, model);
        }
      }
      EXPECT_EQ(session.tokens(at), whole.token_ids);
      expect_equal(session.completion(at), whole);
    }
  }
}

TEST(Session, TokensAreDrawnByTheirPlace) {
  const Model model = Model::load(tiny_model(), {.bits = 32, .threads = 1});
  Session session(model, kPrompt, {.max_new_tokens = 30, .do_sample = true, .temperature = 2, .seed = 3});
  const Session::Node tip = session.generate(Session::kRoot, 10);
  EXPECT_EQ(session.generate(Session::kRoot, 10), tip);  // followed again: nothing is new
  EXPECT_EQ(session.nodes().size(), 11);
  const Session::Node other = session.generate(Session::kRoot, 10, /*fork=*/true);
  EXPECT_NE(session.tokens(other), session.tokens(tip));
  EXPECT_EQ(session.nodes()[static_cast<std::size_t>(other)].fork, 1);
  const Session::Node forced = session.force(session.generate(Session::kRoot, 4), 17);
  EXPECT_TRUE(session.nodes()[static_cast<std::size_t>(forced)].forced);
  const Session::Node after = session.generate(forced, 5);
  EXPECT_EQ(session.tokens(after).size(), 10);
  EXPECT_EQ(session.tokens(after)[4], 17);
  // What the model thinks of a path is what scoring says of it.
  std::vector<TokenId> text = session.tokens(after);
  const TextScore score = model.score({{.text = text, .given = kPrompt}})[0];
  ASSERT_EQ(score.token_ids, text);
  Session::Node node = after;
  for (std::size_t i = text.size(); i-- > 0;) {
    EXPECT_EQ(session.nodes()[static_cast<std::size_t>(node)].logprob, score.logprobs[i].logprob);
    node = session.nodes()[static_cast<std::size_t>(node)].parent;
  }
}

TEST(Session, AlternativesAreExpanded) {
  const Model model = Model::load(tiny_model(), {.bits = 32, .threads = 1});
  Session session(model, kPrompt, {.max_new_tokens = 30, .do_sample = false, .suppress_tokens = {{1}}});
  const auto next = session.alternatives(Session::kRoot, 5);
  ASSERT_EQ(next.size(), 5);
  EXPECT_EQ(next[0].token, session.nodes()[static_cast<std::size_t>(session.generate(Session::kRoot, 1))].token);
  for (std::size_t i = 1; i < next.size(); ++i) EXPECT_GE(next[i - 1].probability, next[i].probability);
  const auto nodes = session.expand(Session::kRoot, 5);
  EXPECT_EQ(session.nodes()[0].children.size(), 5);
  EXPECT_EQ(session.nodes()[static_cast<std::size_t>(nodes[2])].token, next[2].token);
  EXPECT_NE(session.to_json().find("\"forced\":true"), std::string::npos);
  EXPECT_NE(session.to_graphviz().find("n0 -> n5"), std::string::npos);
  EXPECT_NE(session.to_mermaid().find("n0 --> n5"), std::string::npos);
}

TEST(Session, RefusesWhatIsNotItsOwn) {
  const test::TempDir folder;
  const std::string file = folder.path() / "session.json";
  const Model model = Model::load(tiny_model(), {.bits = 32, .threads = 1});
  Session session(model, kPrompt, {.max_new_tokens = 5, .seed = 1});
  session.generate(Session::kRoot, 3);
  session.save(file);
  const Model other = Model::load(tiny_model("gemma2_by_turns"), {.bits = 32, .threads = 1});
  expect_error<OptionError>([&] { (void)Session::load(file, other); }, "is another model");
  expect_error<OptionError>([&] { Session(model, kPrompt, {.num_beams = 2}); }, "num_beams");
  expect_error<UsageError>([&] { (void)session.tokens(77); }, "no node 77");
  expect_error<OptionError>([&] { session.force(0, 1 << 20); }, "must be in");
  const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
  write("[1]");
  expect_error<FormatError>([&] { (void)Session::load(file, model); }, "object");
  write(R"({"format": "skald-session", "version": 2})");
  expect_error<UnsupportedError>([&] { (void)Session::load(file, model); }, "version");
}

TEST(Scoring, HasTheBitsOfGeneration) {
  for (const auto& entry : fs::directory_iterator(SKALD_TEST_DATA "/models")) {
    if (!fs::exists(entry.path() / "config.json")) continue;
    SCOPED_TRACE(entry.path());
    const Model model = Model::load(entry.path(), {.bits = 32, .threads = 2, .prefill_chunk = 7});
    if (model.info().encoder_layers == 0 && model.info().vocab_size < 64) continue;
    const GenerationConfig config{.max_new_tokens = 30, .do_sample = true, .temperature = 2, .seed = 5, .logprobs = 3};
    const Completion completion = model.generate(kPrompt, config)[0];
    const TextScore score = model.score({{.text = completion.token_ids, .given = kPrompt}}, {.top = 3})[0];
    expect_equal(score.logprobs, completion.logprobs);
  }
}

TEST(Scoring, Refusals) {
  const Model model = Model::load(tiny_model(), {.bits = 32, .threads = 1});
  expect_error<OptionError>([&] { (void)model.score({{.text = std::vector<TokenId>{3}}}); }, "nothing to score");
  expect_error<OptionError>([&] { (void)model.score({{.text = std::vector<TokenId>{3, 1 << 20}}}); }, "text 0[1]");
  expect_error<OptionError>([&] { (void)model.score({{.text = kPrompt}}, {.top = 21}); }, "logprobs");
  const TextScore score = model.score({{.text = kPrompt}})[0];
  EXPECT_EQ(score.token_ids.size(), kPrompt.size() - 1);
  EXPECT_NEAR(score.perplexity(), std::exp(-score.total() / 6), 1e-9);
}

}  // namespace
}  // namespace skald
