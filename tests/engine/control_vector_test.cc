// Control vectors on the model that ships: one answer in every strategy, batch and draft; made of pairs of texts.
#include "skald/control_vector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <regex>
#include <set>

#include "formats/gguf_writer.h"
#include "skald/error.h"
#include "skald/log.h"
#include "skald/session.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace skald {
namespace {

using test::expect_error;

constexpr std::size_t kLayers = 4;
constexpr std::size_t kHidden = 512;

std::string shipped() { return SKALD_MODELS "/skald-tales"; }

ControlVector random_vector(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.4F);
  ControlVector vector{.model_type = "llama", .directions = std::vector<std::vector<float>>(kLayers)};
  for (std::size_t layer = 1; layer < kLayers; ++layer) {
    for (std::size_t i = 0; i < kHidden; ++i) vector.directions[layer].push_back(normal(random));
  }
  return vector;
}

// The model with two vectors, their sum, and itself as the draft.
class ControlVectors : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<test::TempDir>();
    ControlVector a = random_vector(1), sum = a;
    const ControlVector b = random_vector(2);
    for (std::size_t layer = 1; layer < kLayers; ++layer) {
      for (std::size_t i = 0; i < kHidden; ++i) sum.directions[layer][i] += -2 * b.directions[layer][i];
    }
    a.save(file("a"));
    b.save(file("b"));
    sum.save(file("sum"));
    a.directions[1] = a.directions[3] = {};
    a.save(file("middle"));
    LoadOptions options;
    for (const std::string name : {"a", "b", "sum", "middle"}) options.control_vectors[name] = file(name);
    model_ = Model::load(shipped(), options);
    options.draft = shipped();
    drafting_ = Model::load(shipped(), options);
  }
  static void TearDownTestSuite() {
    model_.reset();
    drafting_.reset();
    folder_.reset();
  }
  static std::string file(const std::string& name) { return folder_->path() / (name + ".gguf"); }

  static inline std::unique_ptr<test::TempDir> folder_;
  static inline std::optional<Model> model_, drafting_;
};

using Strengths = std::map<std::string, double>;

GenerationConfig greedy(Strengths strengths = {}) {
  GenerationConfig config{.max_new_tokens = 24, .do_sample = false};
  if (!strengths.empty()) config.control_vectors = std::move(strengths);
  config.logprobs = 0;
  return config;
}

void expect_same(const Completion& a, const Completion& b) {
  EXPECT_EQ(a.token_ids, b.token_ids);
  ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
  for (std::size_t i = 0; i < a.logprobs.size(); ++i) EXPECT_EQ(a.logprobs[i].logprob, b.logprobs[i].logprob);
}

TEST_F(ControlVectors, OfStrengthZeroAreNone) {
  const auto plain = model_->generate("The old king", greedy())[0];
  expect_same(model_->generate("The old king", greedy({{"a", 0}, {"b", 0}}))[0], plain);
  EXPECT_NE(model_->generate("The old king", greedy({{"a", 1}}))[0].token_ids, plain.token_ids);
}

TEST_F(ControlVectors, AddUp) {
  const auto sum = model_->generate("The old king", greedy({{"sum", 1}}))[0];
  expect_same(model_->generate("The old king", greedy({{"a", 1}, {"b", -2}}))[0], sum);
  EXPECT_NE(model_->generate("The old king", greedy({{"a", 1}}))[0].token_ids, sum.token_ids);
}

TEST_F(ControlVectors, ActInTheLayersThatAreNamed) {
  GenerationConfig config = greedy({{"a", 1}});
  config.control_layers = {2, 2};
  const auto middle = model_->generate("The old king", config)[0];
  expect_same(model_->generate("The old king", greedy({{"middle", 1}}))[0], middle);
  config.control_layers = {1, 3};
  expect_same(model_->generate("The old king", config)[0], model_->generate("The old king", greedy({{"a", 1}}))[0]);
}

TEST_F(ControlVectors, GiveOneAnswerInEveryStrategyAndBatch) {
  std::vector<GenerationConfig> configs(6, greedy({{"a", 1}, {"b", 0.5}}));
  configs[1].do_sample = true;
  configs[1].seed = 7;
  configs[1].num_return_sequences = 3;
  configs[2].num_beams = 4;
  configs[3].penalty_alpha = 0.6;
  configs[3].top_k = 4;
  configs[4].guidance_scale = 1.5;
  configs[4].guide_attribute = "cheerful";
  configs[5].dola_layers = DolaLayers{.kind = DolaLayers::Kind::low};
  for (std::size_t i = 0; i < configs.size(); ++i) {
    GenerationConfig plain = configs[i];
    plain.control_vectors.reset();
    // A call with other vectors runs beside the batch.
    Generation beside = model_->submit({"Once upon a time there was"}, greedy({{"b", 3}}));
    const auto batch = model_->generate(std::vector<Prompt>{"A", "The old king", "In the morning she"}, configs[i]);
    const auto alone = model_->generate("The old king", configs[i]);
    static_cast<void>(beside.wait());
    for (std::size_t k = 0; k < alone.size(); ++k) expect_same(batch[alone.size() + k], alone[k]);
    EXPECT_NE(model_->generate("The old king", plain)[0].token_ids, alone[0].token_ids) << i;
  }
}

// The draft model has no controls: what it proposes fits worse, and nothing else changes.
TEST_F(ControlVectors, DraftsChangeSpeedOnly) {
  for (const bool samples : {false, true}) {
    GenerationConfig config = greedy({{"a", 1}});
    config.do_sample = samples;
    config.seed = 3;
    const auto plain = model_->generate("The old king", config)[0];
    const auto drafted = drafting_->generate("The old king", config)[0];
    expect_same(drafted, plain);
    EXPECT_GT(drafted.drafted_tokens, 0);
    for (const std::string option : {"prompt_lookup_num_tokens", "assistant_early_exit"}) {
      GenerationConfig other = config;
      other.set(option, "3");
      expect_same(model_->generate("The old king", other)[0], plain);
    }
  }
}

TEST_F(ControlVectors, StayWithASessionAndItsForks) {
  GenerationConfig config = greedy({{"a", 1}});
  const auto whole = model_->generate("The old king", config)[0];
  Session session(*model_, "The old king", config);
  const Session::Node half = session.generate(Session::kRoot, 10);
  session.save(folder_->path() / "session.json");
  Session again = Session::load(folder_->path() / "session.json", *model_);
  EXPECT_EQ(again.tokens(again.generate(half, 14)), whole.token_ids);
  EXPECT_EQ(session.tokens(session.generate(half, 14, /*fork=*/true)), whole.token_ids);
}

TEST_F(ControlVectors, ScoreWithTheBitsOfGeneration) {
  const auto done = model_->generate("The old king", greedy({{"a", 1}}))[0];
  ScoreOptions options;
  options.control_vectors = {{"a", 1}};
  const TextScore score = model_->score({{.text = done.token_ids, .given = "The old king"}}, options)[0];
  for (std::size_t i = 0; i < done.logprobs.size(); ++i) EXPECT_EQ(score.logprobs[i].logprob, done.logprobs[i].logprob);
}

TEST_F(ControlVectors, OptionsThatDoNotFitAreRefused) {
  const auto refuse = [&](const GenerationConfig& config, std::string_view part) {
    expect_error<OptionError>([&] { static_cast<void>(model_->generate("A", config)); }, part);
  };
  refuse(greedy({{"c", 1}}), "control_vectors = 'c': is not loaded; loaded are a, b, middle, sum");
  refuse(greedy({{"c", 0}}), "is not loaded");
  refuse(greedy({{"a", 101}}), "the strength of 'a' must be a number in [-100, 100]");
  GenerationConfig config = greedy({{"middle", 1}});
  config.control_layers = {1, 4};
  refuse(config, "control_layers = [1, 4]: must be layers in [1, 3]");
  config.control_layers = {3, 3};
  refuse(config, "control_layers: the control vectors have no direction there");
  config.control_layers = {2, 1};
  refuse(config, "control_layers");
  config.control_layers.reset();
  expect_error<OptionError>(
      [&] {
        static_cast<void>(Model::load(shipped()).generate("A", greedy({{"a", 1}})));
      },
      "no control vector is loaded: name its file when the model is loaded (--control-vector)");
  config.set("control_vectors", "a=-1.5,b");
  EXPECT_EQ(config.control_vectors, (Strengths{{"a", -1.5}, {"b", 1}}));
  config.set("control_vectors", R"({"a": 2})");
  EXPECT_EQ(config.control_vectors, (Strengths{{"a", 2}}));
  EXPECT_EQ(GenerationConfig::from_json(config.to_json()).control_vectors, config.control_vectors);
  expect_error<OptionError>([&] { config.set("control_vectors", "a=x"); }, "the strength of 'a' must be a number");
  expect_error<OptionError>([&] { config.set("control_vectors", "a=1,a=2"); }, "'a': is named twice");
}

TEST_F(ControlVectors, FilesThatDoNotFitAreRefused) {
  const std::vector<float> direction(kHidden, 1), wide(kHidden + 1, 1);
  const auto load = [&](const std::vector<GgufField>& fields, const std::vector<GgufTensor>& tensors) {
    write_gguf(file("x"), fields, tensors);
    return Model::load(shipped(), {.control_vectors = {{"x", file("x")}}});
  };
  const auto refuse = [&](std::vector<GgufField> fields, const std::vector<GgufTensor>& tensors,
                          std::string_view part) {
    if (fields.empty()) fields = {{"general.architecture", "controlvector"}};
    expect_error<FormatError>([&] { load(fields, tensors); }, part);
    expect_error<FormatError>([&] { load(fields, tensors); }, "x.gguf: ");
  };
  const std::vector<GgufTensor> good = {{"direction.1", {kHidden}, direction}};
  refuse({{"general.architecture", "llama"}}, good, "general.architecture = 'llama': must be 'controlvector'");
  refuse({{"general.architecture", "controlvector"}, {"controlvector.layer_count", 5U}}, good,
         "controlvector.layer_count = 5: is for another model: this one has 4 layers");
  refuse({{"general.architecture", "controlvector"}, {"controlvector.layer_count", "5"}}, good, "must be an integer");
  refuse({}, {}, "tensors: there are none");
  refuse({}, {{"direction.0", {kHidden}, direction}}, "'direction.0': must be direction.N with a layer N in [1, 3]");
  for (const std::string name : {"direction.4", "direction.01", "direction.", "direction.1x", "weight"}) {
    refuse({}, {{name, {kHidden}, direction}}, "tensor '" + name + "': must be direction.N with a layer N in [1, 3]");
  }
  refuse({}, {{"direction.2", {kHidden + 1}, wide}},
         "tensor 'direction.2' = [513]: must be [512], the model's hidden size");
  refuse({}, {{"direction.2", {1, kHidden}, direction}}, "tensor 'direction.2' = [1,512]: must be [512]");
  std::vector<float> odd = direction;
  odd[7] = NAN;
  refuse({}, {{"direction.2", {kHidden}, odd}}, "tensor 'direction.2' = nan: must be finite numbers, number 7 is none");
  expect_error<PathError>(
      [] {
        Model::load(shipped(), {.control_vectors = {{"x", "/nowhere.gguf"}}});
      },
      "/nowhere.gguf");
  std::string told;
  set_log_sink([&](LogLevel, std::string_view line) { told = line; });
  static_cast<void>(load({{"general.architecture", "controlvector"}, {"controlvector.model_hint", "mistral"}}, good));
  set_log_sink({});
  EXPECT_NE(told.find("was made for a model of the kind 'mistral', and this is 'llama'"), std::string::npos) << told;
}

// By the states that generation reports.
std::vector<float> state_at_end(const Model& model, const std::string& text, std::size_t layers) {
  const auto done = model.generate(text, {.max_new_tokens = 1, .do_sample = false, .output_hidden_states = true})[0];
  const auto& states = done.step_outputs->hidden_states;
  const std::size_t row = states.size() / ((kLayers + 1) * kHidden) - 1;
  const auto begin = states.begin() + static_cast<std::ptrdiff_t>((row * (kLayers + 1) + layers) * kHidden);
  return {begin, begin + kHidden};
}

const std::vector<TextPair> kPairs = {{"They laughed and sang.", "They wept and sighed."},
                                      {"What a merry feast", "What a dreary funeral it was"},
                                      {"Hurrah!", "Alas!"}};

TEST_F(ControlVectors, AreTheMeanOfDifferences) {
  const ControlVector made = make_control_vector(*model_, kPairs, {.openings = {"", " Then the king"}});
  EXPECT_EQ(made.model_type, "llama");
  EXPECT_TRUE(made.directions[0].empty() && made.directions[3].empty());
  for (std::size_t layer = 1; layer <= 2; ++layer) {
    std::vector<double> sum(kHidden);
    for (const std::string opening : {"", " Then the king"}) {
      for (const TextPair& pair : kPairs) {
        const auto plus = state_at_end(*model_, pair.positive + opening, layer + 1);
        const auto minus = state_at_end(*model_, pair.negative + opening, layer + 1);
        for (std::size_t i = 0; i < kHidden; ++i)
          sum[i] += static_cast<double>(plus[i]) - static_cast<double>(minus[i]);
      }
    }
    for (std::size_t i = 0; i < kHidden; ++i)
      ASSERT_FLOAT_EQ(made.directions[layer][i], static_cast<float>(sum[i] / 6));
  }
}

TEST_F(ControlVectors, OfOnePairAreTheSameByEitherMethod) {
  const auto one = std::span(kPairs).first(1);
  const ControlVector mean = make_control_vector(*model_, one);
  const ControlVector pca = make_control_vector(*model_, one, {.method = ControlVectorOptions::Method::pca});
  for (std::size_t layer = 1; layer <= 2; ++layer) {
    for (std::size_t i = 0; i < kHidden; ++i) ASSERT_NEAR(mean.directions[layer][i], pca.directions[layer][i], 1e-4);
  }
}

TEST_F(ControlVectors, NeedTextsThatDiffer) {
  const auto make = [&](const std::vector<TextPair>& pairs) { static_cast<void>(make_control_vector(*model_, pairs)); };
  expect_error<OptionError>([&] { make({}); }, "pairs: there are none");
  expect_error<OptionError>([&] { make({{"a", "b"}, {"a", ""}}); }, "pair 1, negative: is empty");
  expect_error<OptionError>([&] { make({{"same", "same"}}); }, "the positive texts do not differ");
  const Model small = Model::load(SKALD_TEST_DATA "/models/llama_tied_llama3");
  expect_error<UnsupportedError>([&] { static_cast<void>(make_control_vector(small, kPairs)); },
                                 "of three layers and more");
}

// Words that occur in neither text of the pair.
TEST_F(ControlVectors, LeadToWhereTheirTextsPoint) {
  const std::set<std::string> more = {"laugh",   "laughing", "smile",   "smiled",  "dancing", "dance",
                                      "singing", "song",     "wedding", "bright",  "play",    "played",
                                      "music",   "feast",    "pretty",  "pleased", "fun",     "delight"};
  const std::set<std::string> less = {"tears", "cry",  "crying", "alas", "grief", "dead",   "death", "died", "die",
                                      "weep",  "lost", "cruel",  "pain", "poor",  "afraid", "fear",  "grave"};
  const auto attribute = std::ranges::find(attribute_library(), "cheerful", &Attribute::name);
  std::vector<std::string> openings;
  for (const std::string place : {"", "One day ", "Long ago ", "At last ", "Every morning "}) {
    for (const std::string who : {"the old man", "the girl", "the king", "a traveller", "my mother", "the fox",
                                  "a stranger", "the servant", "the prince", "the widow"}) {
      openings.push_back(place + who);
    }
  }
  const std::vector<TextPair> pair = {{attribute->positive, attribute->negative}};
  make_control_vector(*model_, pair, {.openings = openings}).save(file("made"));
  const Model model = Model::load(shipped(), {.control_vectors = {{"made", file("made")}}});
  std::vector<int> scores;
  for (const double strength : {-2, 0, 2}) {
    GenerationConfig config{.max_new_tokens = 40, .do_sample = true, .seed = 1, .num_return_sequences = 3};
    config.control_vectors = {{"made", strength}};
    int score = 0;
    for (const Completion& done : model.generate(std::vector<Prompt>(openings.begin(), openings.end()), config)) {
      static const std::regex kWord("[a-z]+");
      for (std::sregex_iterator word(done.text.begin(), done.text.end(), kWord), end; word != end; ++word) {
        score += more.contains(word->str()) ? 1 : less.contains(word->str()) ? -1 : 0;
      }
    }
    scores.push_back(score);
  }
  EXPECT_LT(scores[0] + 10, scores[1]) << scores[0] << " " << scores[1] << " " << scores[2];
  EXPECT_LT(scores[1] + 10, scores[2]) << scores[0] << " " << scores[1] << " " << scores[2];
}

}  // namespace
}  // namespace skald
