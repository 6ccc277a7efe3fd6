#include "decode/chain.h"

#include "decode/processors/min_length.h"
#include "decode/processors/min_p.h"
#include "decode/processors/repetition_penalty.h"
#include "decode/processors/temperature.h"
#include "decode/processors/top_k.h"
#include "decode/processors/top_p.h"

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

ProcessorChain build_chain(const GenerationConfig& config, std::int64_t prompt_length, std::size_t vocab_size) {
  ProcessorChain chain;
  if (const double r = config.repetition_penalty.value_or(1); r != 1) {
    chain.add(std::make_unique<RepetitionPenalty>(r, vocab_size));
  }
  // min_new_tokens takes the place of min_length, as in the reference.
  const std::int64_t min_new = config.min_new_tokens.value_or(0);
  const std::int64_t min_length = min_new > 0 ? prompt_length + min_new : config.min_length.value_or(0);
  if (min_length > prompt_length && config.eos_token_id && !config.eos_token_id->empty()) {
    chain.add(std::make_unique<MinLength>(min_length, *config.eos_token_id));
  }
  if (!config.do_sample.value_or(false)) return chain;
  if (const double t = config.temperature.value_or(1); t != 1) chain.add(std::make_unique<Temperature>(t));
  if (const std::int64_t k = config.top_k.value_or(0); k > 0) {
    chain.add(std::make_unique<TopK>(static_cast<std::size_t>(k)));
  }
  if (const double p = config.top_p.value_or(1); p < 1) chain.add(std::make_unique<TopP>(p));
  if (const double p = config.min_p.value_or(0); p > 0) chain.add(std::make_unique<MinP>(p));
  return chain;
}

}  // namespace skald::decode
