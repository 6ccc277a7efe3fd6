#include "decode/chain.h"

#include <algorithm>
#include <limits>

#include "decode/processors/count_penalty.h"
#include "decode/processors/cutoffs.h"
#include "decode/processors/encoder_repetition_penalty.h"
#include "decode/processors/forced_tokens.h"
#include "decode/processors/length_decay.h"
#include "decode/processors/min_length.h"
#include "decode/processors/min_p.h"
#include "decode/processors/no_repeat_ngram.h"
#include "decode/processors/remove_invalid.h"
#include "decode/processors/repetition_penalty.h"
#include "decode/processors/sequence_bias.h"
#include "decode/processors/suppress_tokens.h"
#include "decode/processors/temperature.h"
#include "decode/processors/top_h.h"
#include "decode/processors/top_k.h"
#include "decode/processors/top_p.h"
#include "decode/processors/typical_p.h"
#include "decode/processors/user_processor.h"

namespace skald::decode {

ProcessorChain::ProcessorChain(const ProcessorChain& other) {
  processors_.reserve(other.processors_.size());
  for (const auto& processor : other.processors_) processors_.push_back(processor->clone());
}

void ProcessorChain::apply(const StepContext& step, Candidates& candidates) const {
  for (const auto& processor : processors_) processor->apply(step, candidates);
}

void ProcessorChain::accept(TokenId token) {
  for (const auto& processor : processors_) processor->accept(token);
}

void ProcessorChain::rewind(std::int64_t n_tokens) {
  for (const auto& processor : processors_) processor->rewind(n_tokens);
}

bool ProcessorChain::may_leave_none() const {
  return std::ranges::any_of(processors_, [](const auto& processor) { return processor->may_leave_none(); });
}

namespace {

using Ids = std::vector<TokenId>;

// What is neither a penalty for repeating nor a length rule: added numbers and bans.
void add_biases(const GenerationConfig& config, ProcessorChain& chain) {
  for (const auto* const biases : {&config.sequence_bias, &config.logit_bias}) {
    if (*biases && !(*biases)->empty()) chain.add(std::make_unique<SequenceBiases>(**biases));
  }
}

void add_repetition(const GenerationConfig& config, const ChainSetup& setup, ProcessorChain& chain) {
  const auto input = [&] { return Ids(setup.encoder_input.begin(), setup.encoder_input.end()); };
  if (const double r = config.encoder_repetition_penalty.value_or(1); r != 1) {
    chain.add(std::make_unique<EncoderRepetitionPenalty>(r, input()));
  }
  if (const double r = config.repetition_penalty.value_or(1); r != 1) {
    chain.add(std::make_unique<RepetitionPenalty>(r, setup.vocab_size));
  }
  const double frequency = config.frequency_penalty.value_or(0);
  const double presence = config.presence_penalty.value_or(0);
  if (frequency != 0 || presence != 0) chain.add(std::make_unique<CountPenalty>(frequency, presence));
  if (const std::int64_t n = config.no_repeat_ngram_size.value_or(0); n > 0) {
    chain.add(std::make_unique<NoRepeatNGram>(static_cast<std::size_t>(n)));
  }
  if (const std::int64_t n = config.encoder_no_repeat_ngram_size.value_or(0); n > 0) {
    chain.add(
        std::make_unique<EncoderNoRepeatNGram>(static_cast<std::size_t>(n), std::make_shared<const Ids>(input())));
  }
}

void add_bad_words(const GenerationConfig& config, ProcessorChain& chain) {
  std::vector<SequenceBias> banned;
  const Ids eos = config.eos_token_id.value_or(Ids{});
  for (const Ids& word : config.bad_words_ids.value_or(std::vector<Ids>{})) {
    const bool is_eos = word.size() == 1 && std::ranges::find(eos, word[0]) != eos.end();
    if (!is_eos) banned.push_back({word, -std::numeric_limits<double>::infinity()});
  }
  if (!banned.empty()) chain.add(std::make_unique<SequenceBiases>(std::move(banned)));
}

void add_length(const GenerationConfig& config, const ChainSetup& setup, ProcessorChain& chain) {
  // min_new_tokens takes the place of min_length, as in the reference.
  const std::int64_t min_new = config.min_new_tokens.value_or(0);
  const std::int64_t min_length = min_new > 0 ? setup.prompt_length + min_new : config.min_length.value_or(0);
  if (min_length > setup.prompt_length && config.eos_token_id && !config.eos_token_id->empty()) {
    chain.add(std::make_unique<MinLength>(min_length, *config.eos_token_id));
  }
}

void add_forced(const GenerationConfig& config, const ChainSetup& setup, ProcessorChain& chain) {
  if (config.forced_bos_token_id) chain.add(std::make_unique<ForcedTokens>(Ids{*config.forced_bos_token_id}, 1));
  if (config.forced_eos_token_id) {
    chain.add(std::make_unique<ForcedTokens>(*config.forced_eos_token_id, setup.max_length - 1));
  }
}

void add_suppression(const GenerationConfig& config, const ChainSetup& setup, ProcessorChain& chain) {
  if (config.remove_invalid_values.value_or(false)) chain.add(std::make_unique<RemoveInvalid>());
  if (config.exponential_decay_length_penalty && config.eos_token_id) {
    chain.add(std::make_unique<ExponentialDecay>(*config.exponential_decay_length_penalty, setup.prompt_length,
                                                 *config.eos_token_id));
  }
  if (config.suppress_tokens) chain.add(std::make_unique<SuppressTokens>(*config.suppress_tokens));
  if (config.begin_suppress_tokens) {
    const bool forced = setup.prompt_length <= 1 && config.forced_bos_token_id;  // the first token is that one
    chain.add(std::make_unique<SuppressTokens>(*config.begin_suppress_tokens, setup.prompt_length + (forced ? 1 : 0)));
  }
}

void add_hooks(const Hooks& hooks, std::int64_t n_completions, ProcessorChain& chain) {
  for (const LogitsHook& hook : hooks.logits_processors)
    chain.add(std::make_unique<UserProcessor>(hook, n_completions));
}

// What only sampling reads.
void add_warpers(const GenerationConfig& config, std::size_t keep, ProcessorChain& chain) {
  if (const double t = config.temperature.value_or(1); t != 1) chain.add(std::make_unique<Temperature>(t));
  if (const double h = config.top_h.value_or(0); h > 0) chain.add(std::make_unique<TopH>(h));
  if (const std::int64_t k = config.top_k.value_or(0); k > 0) {
    chain.add(std::make_unique<TopK>(std::max(static_cast<std::size_t>(k), keep)));
  }
  if (const double p = config.top_p.value_or(1); p < 1) chain.add(std::make_unique<TopP>(p, keep));
  if (const double p = config.min_p.value_or(0); p > 0) chain.add(std::make_unique<MinP>(p, keep));
  if (const double p = config.typical_p.value_or(1); p < 1) chain.add(std::make_unique<TypicalP>(p, keep));
  if (const double e = config.epsilon_cutoff.value_or(0); e > 0) chain.add(std::make_unique<EpsilonCutoff>(e, keep));
  if (const double e = config.eta_cutoff.value_or(0); e > 0) chain.add(std::make_unique<EtaCutoff>(e, keep));
}

}  // namespace

ProcessorChain build_chain(const GenerationConfig& config, const ChainSetup& setup) {
  ProcessorChain chain;
  add_biases(config, chain);
  add_repetition(config, setup, chain);
  add_bad_words(config, chain);
  add_length(config, setup, chain);
  add_forced(config, setup, chain);
  add_suppression(config, setup, chain);
  if (setup.hooks != nullptr) add_hooks(*setup.hooks, setup.n_completions, chain);
  if (config.do_sample.value_or(false)) add_warpers(config, setup.min_keep, chain);
  return chain;
}

}  // namespace skald::decode
