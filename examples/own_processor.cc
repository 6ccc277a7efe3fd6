// own_processor [MODEL]: a caller's own code in the decoding loop. A lipogram: no token with the letter a is chosen.
#include <skald/skald.h>

#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

int main(int argc, char** argv) {
  try {
    const auto model = skald::Model::load(argc > 1 ? argv[1] : skald::Model::shipped_path());
    std::vector<skald::TokenId> with_a;
    for (skald::TokenId token = 0; token < model.info().vocab_size; ++token) {
      if (model.tokenizer().decode(std::span(&token, 1)).find_first_of("aA") != std::string::npos)
        with_a.push_back(token);
    }
    skald::Hooks hooks;
    hooks.logits_processors.push_back([&with_a](const skald::StepView&, std::span<float> logits) {
      for (const skald::TokenId token : with_a) {
        logits[static_cast<std::size_t>(token)] = -std::numeric_limits<float>::infinity();
      }
    });
    const skald::GenerationConfig config{.max_new_tokens = 60, .do_sample = false, .no_repeat_ngram_size = 3};
    auto generation = model.submit({"The wolf"}, config, {}, skald::Door::library, std::move(hooks));
    std::printf("The wolf%s\n", generation.wait().front().text.c_str());
  } catch (const skald::Error& error) {
    std::fprintf(stderr, "own_processor: %s\n", error.what());
    return 1;
  }
}
