// costs MODEL [ROUNDS]: what strategies and guidance cost a step, as JSON. All take turns with one greedy stream, a few
// tokens each, so that what else the machine does weighs on all of them; a ratio is within its round. The model needs a
// tokenizer, and is best one whose weights bound a step.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "skald/skald.h"

namespace {

constexpr std::int64_t kTokens = 16;  // of a turn

struct Kind {
  const char* name;
  const char* json;  // options
};

constexpr Kind kKinds[] = {
    {"one stream", "{}"},
    {"2 beams", R"({"num_beams": 2})"},
    {"5 beams", R"({"num_beams": 5})"},
    {"5 beams, constrained", R"({"num_beams": 5, "force_words": [" king"]})"},
    {"5 groups of one beam", R"({"num_beams": 5, "num_beam_groups": 5, "diversity_penalty": 0.5})"},
    {"5 samples", R"({"do_sample": true, "seed": 1, "num_return_sequences": 5})"},
    {"contrastive search, top_k 4", R"({"penalty_alpha": 0.6, "top_k": 4})"},
    {"DoLa, low layers", R"({"dola_layers": "low"})"},
    {"classifier-free guidance", R"({"guidance_scale": 1.5, "negative_prompt": "A sad tale."})"},
    {"one attribute", R"({"guide_attribute": "cheerful"})"},
    {"two attributes", R"({"guide_attribute": "cheerful,formal"})"},
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

skald::GenerationConfig config_of(const Kind& kind) {
  skald::GenerationConfig config = skald::GenerationConfig::from_json(kind.json);
  config.max_new_tokens = kTokens;
  config.ignore_eos = true;
  if (!config.do_sample) config.do_sample = false;
  return config;
}

// Seconds of one step after the first.
double step_seconds(const skald::Model& model, const skald::GenerationConfig& config) {
  const std::vector<skald::Completion> completions = model.generate("Once upon a time", config);
  return 1 / completions[0].timings.tokens_per_second(std::ssize(completions[0].token_ids));
}

void measure(const char* path, int rounds) {
  const skald::Model model = skald::Model::load(path);
  std::vector<skald::GenerationConfig> configs;
  for (const Kind& kind : kKinds) configs.push_back(config_of(kind));
  std::vector<std::vector<double>> seconds(configs.size()), ratios(configs.size());
  for (int round = 0; round <= rounds; ++round) {  // the first warms up
    double stream = 0;
    for (std::size_t i = 0; i < configs.size(); ++i) {
      const double each = step_seconds(model, configs[i]);
      if (i == 0) stream = each;
      if (round == 0) continue;
      seconds[i].push_back(each);
      ratios[i].push_back(each / stream);
    }
  }
  std::cout << "[";
  for (std::size_t i = 0; i < configs.size(); ++i) {
    std::cout << (i > 0 ? ",\n " : "") << R"({"name": ")" << kKinds[i].name << R"(", "step_s": )" << median(seconds[i])
              << R"(, "ratio": )" << median(ratios[i]) << R"(, "best_step_s": )"
              << *std::ranges::min_element(seconds[i]) << "}";
  }
  std::cout << "]\n";
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 9;
  const char* const end = argc == 3 ? argv[2] + std::strlen(argv[2]) : nullptr;
  if (argc < 2 || argc > 3 || (argc == 3 && (std::from_chars(argv[2], end, rounds).ptr != end || rounds < 1))) {
    std::cerr << "usage: costs MODEL [ROUNDS]\n";
    return 2;
  }
  try {
    measure(argv[1], rounds);
  } catch (const std::exception& error) {
    std::cerr << "costs: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
