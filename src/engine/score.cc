#include "engine/score.h"

#include <cmath>
#include <string>
#include <utility>

#include "decode/strategies/scoring.h"
#include "engine/text_ids.h"
#include "skald/error.h"

namespace skald::engine {
namespace {

TokenId decoder_start(const GenerationConfig& config) {
  const TokenId start = config.decoder_start_token_id.value_or(config.bos_token_id.value_or(-1));
  if (start >= 0) return start;
  throw OptionError({.field = "decoder_start_token_id",
                     .value = {},
                     .rule = "is not in the model's files, which name no BOS token either"});
}

}  // namespace

Request ScoreSetup::make_request(const ScoreInput& input, std::int64_t index) const {
  const std::string name = "text " + std::to_string(index);
  decode::ScoringRequest scoring{.n_top = n_top, .index = index};
  std::vector<TokenId> text = text_ids(input.text, tokenizer, shape.vocab_size, name, !input.given.has_value());
  std::vector<TokenId> given;
  if (input.given) given = text_ids(*input.given, tokenizer, shape.vocab_size, name + ", what is given");
  if (shape.encodes) {
    if (given.empty()) {
      throw OptionError({.field = name, .value = {}, .rule = "needs what is given: the encoder's input"});
    }
    check_text_length(std::ssize(given), shape.encoder_positions, name + ", what is given");
    scoring.encoder_input = std::exchange(given, {decoder_start(defaults)});
  }
  scoring.tokens = std::move(given);
  scoring.tokens.insert(scoring.tokens.end(), text.begin(), text.end());
  if (input.given) scoring.n_given = std::max<std::int64_t>(1, std::ssize(scoring.tokens) - std::ssize(text));
  if (std::ssize(scoring.tokens) <= scoring.n_given) {
    throw OptionError({.field = name,
                       .value = std::to_string(text.size()) + " tokens",
                       .rule = "leaves nothing to score: the first token has none before it"});
  }
  const std::int64_t n_rows = std::ssize(scoring.tokens) - 1;
  check_text_length(n_rows, shape.hard_limit ? shape.max_positions : 0, name);
  SequenceNeed need{.prompt_length = scoring.n_given, .longest = n_rows};
  std::vector<TokenId> encoder_input = scoring.encoder_input;
  return {.strategy = std::make_unique<decode::Scoring>(std::move(scoring), engine.language_model()),
          .needs = {need},
          .encoder_input = std::move(encoder_input),
          .conditions = conditions};
}

TextScore text_score(const Completion& completion) {
  TextScore score{.n_given = completion.prompt_tokens, .token_ids = {}, .logprobs = completion.prompt_logprobs};
  for (const TokenLogprob& entry : score.logprobs) score.token_ids.push_back(entry.token);
  return score;
}

}  // namespace skald::engine

namespace skald {

double TextScore::total() const {
  double sum = 0;
  for (const TokenLogprob& entry : logprobs) sum += entry.logprob;
  return sum;
}

double TextScore::perplexity() const { return std::exp(-total() / static_cast<double>(logprobs.size())); }

}  // namespace skald
