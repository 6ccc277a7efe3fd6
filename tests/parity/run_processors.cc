// What a configuration makes of logits: the chain that generation builds, for tests/parity/test_processors.py.
//
// Reads requests from standard input, each one line of JSON and then the logits as raw float32:
//   {"options": {...}, "vocab_size": n, "history": [ids], "prompt_length": n, "n_pads": n, "max_length": n, "min_keep":
//   n}
// and answers each with the scores as raw float32; a token that is out has -inf. A refusal ends the program with
// code 2.
#include <cstdio>
#include <iostream>
#include <limits>
#include <string>

#include "decode/chain.h"
#include "decode/options.h"
#include "json/value.h"

namespace skald::decode {
namespace {

std::vector<TokenId> ids_of(const json::Value& list) {
  std::vector<TokenId> ids;
  for (const json::Value& id : list.as_array()) ids.push_back(static_cast<TokenId>(id.as_integer()));
  return ids;
}

void answer(const std::string& line) {
  const json::Value request = json::parse(line, "request");
  const auto integer = [&](const char* name) { return request.find(name)->as_integer(); };
  const GenerationConfig config = read_generation_config(*request.find("options"), "options", UnknownFields::refuse);
  const std::vector<TokenId> history = ids_of(*request.find("history"));
  std::vector<float> logits(static_cast<std::size_t>(integer("vocab_size")));
  std::cin.read(reinterpret_cast<char*>(logits.data()), static_cast<std::streamsize>(logits.size() * sizeof(float)));
  const std::int64_t prompt_length = integer("prompt_length");
  const ChainSetup setup{.prompt_length = prompt_length,
                         .n_pads = integer("n_pads"),
                         .max_length = integer("max_length"),
                         .encoder_input = std::span(history).first(static_cast<std::size_t>(prompt_length)),
                         .vocab_size = logits.size(),
                         .min_keep = static_cast<std::size_t>(integer("min_keep"))};
  Candidates candidates(logits.size());
  candidates.reset(logits);
  build_chain(config, setup)
      .apply({.history = history, .prompt_length = prompt_length, .step = std::ssize(history) - prompt_length},
             candidates);
  std::vector<float> scores(logits.size(), -std::numeric_limits<float>::infinity());
  candidates.for_each([&](TokenId token, float logit) { scores[static_cast<std::size_t>(token)] = logit; });
  std::cout.write(reinterpret_cast<const char*>(scores.data()),
                  static_cast<std::streamsize>(scores.size() * sizeof(float)));
  std::cout.flush();
}

}  // namespace
}  // namespace skald::decode

int main() {
  try {
    for (std::string line; std::getline(std::cin, line);) skald::decode::answer(line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}
