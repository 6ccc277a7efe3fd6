#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "decode/chain.h"
#include "decode/options.h"
#include "skald/error.h"
#include "skald/processors.h"

namespace skald {
namespace {

void check_ids(const char* name, std::span<const TokenId> ids, std::size_t vocab_size) {
  for (const TokenId id : ids) {
    if (id >= 0 && static_cast<std::size_t>(id) < vocab_size) continue;
    throw OptionError({.field = name,
                       .value = std::to_string(id),
                       .rule = "must be in [0, " + std::to_string(vocab_size) + "), as there are logits"});
  }
}

void check_range(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw OptionError({.field = name,
                     .value = std::to_string(value),
                     .rule = "must be in [" + std::to_string(low) + ", " + std::to_string(high) + "]"});
}

}  // namespace

void process_logits(const GenerationConfig& config, const LogitsPlace& place, std::span<float> logits) {
  decode::check(config);
  check_ids("token_ids", place.token_ids, logits.size());
  check_range("prompt_length", place.prompt_length, 0, std::ssize(place.token_ids));
  check_range("min_tokens_to_keep", place.min_tokens_to_keep, 1, std::ssize(logits));
  const auto prompt = place.token_ids.first(static_cast<std::size_t>(place.prompt_length));
  const decode::ChainSetup setup{.prompt_length = place.prompt_length,
                                 .max_length = place.max_length,
                                 .encoder_input = place.encoder_input.empty() ? prompt : place.encoder_input,
                                 .vocab_size = logits.size(),
                                 .min_keep = static_cast<std::size_t>(place.min_tokens_to_keep)};
  std::vector<float> work(logits.begin(), logits.end());
  decode::Candidates candidates(work.size());
  candidates.reset(work);
  build_chain(config, setup)
      .apply({.history = place.token_ids,
              .prompt_length = place.prompt_length,
              .step = std::ssize(place.token_ids) - place.prompt_length},
             candidates);
  std::ranges::fill(logits, -std::numeric_limits<float>::infinity());
  candidates.for_each([&](TokenId token, float logit) { logits[static_cast<std::size_t>(token)] = logit; });
}

}  // namespace skald
