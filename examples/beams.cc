// beams [MODEL]: the five most probable continuations that beam search finds, with a phrase that each must contain, and
// how probable the model finds every token of the best.
#include <skald/skald.h>

#include <cmath>
#include <cstdio>
#include <span>

int main(int argc, char** argv) {
  try {
    const auto model = skald::Model::load(argc > 1 ? argv[1] : skald::Model::shipped_path());
    auto config = skald::GenerationConfig::from_json(R"({"num_beams": 5, "num_return_sequences": 5, "logprobs": 0,
        "max_new_tokens": 24, "must_include": ["golden"], "no_repeat_ngram_size": 3})");
    const auto found = model.generate("The princess", config);
    for (const auto& completion : found)
      std::printf("%7.3f The princess%s\n", *completion.score, completion.text.c_str());
    for (const auto& token : found.front().logprobs) {
      std::printf("%s (%.2f)", model.tokenizer().decode(std::span(&token.token, 1)).c_str(), std::exp(token.logprob));
    }
    std::puts("");
  } catch (const skald::Error& error) {
    std::fprintf(stderr, "beams: %s\n", error.what());
    return 1;
  }
}
