#include "decode/chain_places.h"

#include <algorithm>
#include <limits>

#include "decode/constraints/allowed_tokens.h"
#include "decode/constraints/constraints.h"
#include "decode/group_logits.h"
#include "decode/processors/count_penalty.h"
#include "decode/processors/cutoffs.h"
#include "decode/processors/diversity_penalty.h"
#include "decode/processors/dynamic_temperature.h"
#include "decode/processors/encoder_repetition_penalty.h"
#include "decode/processors/forced_tokens.h"
#include "decode/processors/green_list.h"
#include "decode/processors/length_decay.h"
#include "decode/processors/log_softmax.h"
#include "decode/processors/min_length.h"
#include "decode/processors/min_p.h"
#include "decode/processors/mirostat.h"
#include "decode/processors/no_repeat_ngram.h"
#include "decode/processors/remove_invalid.h"
#include "decode/processors/repetition_penalty.h"
#include "decode/processors/sequence_bias.h"
#include "decode/processors/suppress_tokens.h"
#include "decode/processors/synthid.h"
#include "decode/processors/temperature.h"
#include "decode/processors/top_h.h"
#include "decode/processors/top_k.h"
#include "decode/processors/top_n_sigma.h"
#include "decode/processors/top_p.h"
#include "decode/processors/typical_p.h"
#include "decode/processors/user_processor.h"
#include "decode/processors/xtc.h"

namespace skald::decode {
namespace {

using Ids = std::vector<TokenId>;
using R = ChainRequest;
using C = ProcessorChain;
using Role = ChainPlace::Role;

Ids input_of(const R& r) { return {r.setup.encoder_input.begin(), r.setup.encoder_input.end()}; }

void add_sequence_bias(const R& r, C& chain) {
  const auto& biases = r.config.sequence_bias;
  if (biases && !biases->empty()) chain.add(std::make_unique<SequenceBiases>(*biases));
}

void add_diversity(const R& r, C& chain) {
  if (r.config.num_beam_groups.value_or(1) == 1) return;
  chain.add(std::make_unique<DiversityPenalty>(r.config.diversity_penalty.value_or(0)));
}
void add_logit_bias(const R& r, C& chain) {
  std::vector<SequenceBias> biases;
  for (const LogitBias& bias : r.config.logit_bias.value_or(std::vector<LogitBias>{})) {
    if (bias.text.empty()) biases.push_back({{bias.token}, bias.bias});  // texts were looked up: see prepare.cc
  }
  if (!biases.empty()) chain.add(std::make_unique<SequenceBiases>(std::move(biases)));
}

void add_encoder_repetition(const R& r, C& chain) {
  const double penalty = r.config.encoder_repetition_penalty.value_or(1);
  if (penalty != 1) chain.add(std::make_unique<EncoderRepetitionPenalty>(penalty, input_of(r)));
}

// What a penalty counts, from position `first` of the history on.
TokenWindow window_from(const R& r, std::int64_t first) {
  SharedIds exempt;
  if (r.config.penalty_exempt_tokens) exempt = std::make_shared<const Ids>(*r.config.penalty_exempt_tokens);
  return TokenWindow(first, r.config.repeat_last_n.value_or(-1), std::move(exempt));
}

void add_repetition(const R& r, C& chain) {
  const double penalty = r.config.repetition_penalty.value_or(1);
  if (penalty == 1) return;
  const std::int64_t pads = r.profile.penalties_see_pads ? 0 : r.setup.n_pads;
  const std::int64_t first = r.profile.repetition_sees_prompt ? pads : r.setup.prompt_length;
  chain.add(std::make_unique<RepetitionPenalty>(penalty, window_from(r, first)));
}

void add_counts(const R& r, C& chain) {
  const double frequency = r.config.frequency_penalty.value_or(0);
  const double presence = r.config.presence_penalty.value_or(0);
  if (frequency == 0 && presence == 0) return;
  const std::int64_t first = r.profile.counts_see_prompt ? r.setup.n_pads : r.setup.prompt_length;
  chain.add(std::make_unique<CountPenalty>(frequency, presence, window_from(r, first)));
}

void add_dry(const R& r, C& chain) {
  const double multiplier = r.config.dry_multiplier.value_or(0);
  if (multiplier == 0 || r.config.dry_penalty_last_n.value_or(-1) == 0) return;
  chain.add(std::make_unique<Dry>(Dry::Settings{.multiplier = multiplier,
                                                .base = r.config.dry_base.value_or(1.75),
                                                .allowed_length = r.config.dry_allowed_length.value_or(2),
                                                .last_n = r.config.dry_penalty_last_n.value_or(-1),
                                                .breakers = r.setup.dry_breakers}));
}

void add_no_repeat(const R& r, C& chain) {
  const std::int64_t n = r.config.no_repeat_ngram_size.value_or(0);
  if (n > 0) chain.add(std::make_unique<NoRepeatNGram>(static_cast<std::size_t>(n)));
}

void add_encoder_no_repeat(const R& r, C& chain) {
  const auto n = static_cast<std::size_t>(r.config.encoder_no_repeat_ngram_size.value_or(0));
  if (n > 0) chain.add(std::make_unique<EncoderNoRepeatNGram>(n, std::make_shared<const Ids>(input_of(r))));
}

void add_bad_words(const R& r, C& chain) {
  std::vector<SequenceBias> banned;
  const Ids eos = r.config.eos_token_id.value_or(Ids{});
  for (const Ids& word : r.config.bad_words_ids.value_or(std::vector<Ids>{})) {
    const bool is_eos = word.size() == 1 && std::ranges::find(eos, word[0]) != eos.end();
    if (!is_eos) banned.push_back({word, -std::numeric_limits<double>::infinity()});
  }
  if (!banned.empty()) chain.add(std::make_unique<SequenceBiases>(std::move(banned)));
}

void add_min_length(const R& r, C& chain) {
  // min_new_tokens takes the place of min_length, as in the reference.
  const std::int64_t min_new = r.config.min_new_tokens.value_or(0);
  const std::int64_t least = min_new > 0 ? r.setup.prompt_length + min_new : r.config.min_length.value_or(0);
  Ids ends = r.config.eos_token_id.value_or(Ids{});
  const Ids stops = r.config.stop_token_ids.value_or(Ids{});
  ends.insert(ends.end(), stops.begin(), stops.end());
  if (least > r.setup.prompt_length && !ends.empty()) chain.add(std::make_unique<MinLength>(least, std::move(ends)));
}

void add_prefix_allowed(const R& r, C& chain) {
  if (r.setup.hooks == nullptr || !r.setup.hooks->prefix_allowed_tokens_fn) return;
  chain.add(std::make_unique<PrefixAllowed>(r.setup.hooks->prefix_allowed_tokens_fn, r.setup.n_completions));
}

void add_forced_bos(const R& r, C& chain) {
  if (r.config.forced_bos_token_id) chain.add(std::make_unique<ForcedTokens>(Ids{*r.config.forced_bos_token_id}, 1));
}

void add_forced_eos(const R& r, C& chain) {
  if (!r.config.forced_eos_token_id) return;
  chain.add(std::make_unique<ForcedTokens>(*r.config.forced_eos_token_id, r.setup.max_length - 1));
}

void add_remove_invalid(const R& r, C& chain) {
  if (r.config.remove_invalid_values.value_or(false)) chain.add(std::make_unique<RemoveInvalid>());
}

void add_length_decay(const R& r, C& chain) {
  if (!r.config.exponential_decay_length_penalty || !r.config.eos_token_id) return;
  chain.add(std::make_unique<ExponentialDecay>(*r.config.exponential_decay_length_penalty, r.setup.prompt_length,
                                               *r.config.eos_token_id));
}

void add_suppress(const R& r, C& chain) {
  if (r.config.suppress_tokens) chain.add(std::make_unique<SuppressTokens>(*r.config.suppress_tokens));
}

void add_begin_suppress(const R& r, C& chain) {
  if (!r.config.begin_suppress_tokens) return;
  const bool forced = r.setup.prompt_length <= 1 && r.config.forced_bos_token_id;  // the first token is that one
  chain.add(
      std::make_unique<SuppressTokens>(*r.config.begin_suppress_tokens, r.setup.prompt_length + (forced ? 1 : 0)));
}

void add_hooks(const R& r, C& chain) {
  if (r.setup.hooks == nullptr) return;
  for (const LogitsHook& hook : r.setup.hooks->logits_processors) {
    chain.add(std::make_unique<UserProcessor>(hook, r.setup.n_completions));
  }
  if (r.setup.group_logits == nullptr) return;
  chain.add(std::make_unique<GroupProcessor>(r.setup.group_logits, r.setup.n_completions));
}

void add_constraints(const R& r, C& chain) {
  if (r.setup.constraints != nullptr) r.setup.constraints->add_to(chain, r.setup);
}

void add_temperature(const R& r, C& chain) {
  const double t = r.config.temperature.value_or(1);
  if (const double range = r.config.dynatemp_range.value_or(0); range > 0) {
    chain.add(std::make_unique<DynamicTemperature>(t, range, r.config.dynatemp_exponent.value_or(1)));
  } else if (t != 1) {
    chain.add(std::make_unique<Temperature>(t));
  }
}

void add_top_n_sigma(const R& r, C& chain) {
  if (const double n = r.config.top_n_sigma.value_or(0); n > 0) chain.add(std::make_unique<TopNSigma>(n));
}

void add_top_h(const R& r, C& chain) {
  if (const double h = r.config.top_h.value_or(0); h > 0) chain.add(std::make_unique<TopH>(h));
}

void add_top_k(const R& r, C& chain) {
  const std::int64_t k = r.config.top_k.value_or(0);
  if (k <= 0) return;
  chain.add(std::make_unique<TopK>(std::max(static_cast<std::size_t>(k), r.setup.min_keep),
                                   r.profile.top_k_ties_stay ? TopK::Ties::stay : TopK::Ties::go));
}

void add_top_p(const R& r, C& chain) {
  const double p = r.config.top_p.value_or(1);
  if (p >= 1) return;
  chain.add(std::make_unique<TopP>(p, r.setup.min_keep,
                                   r.profile.top_p_crossing_stays ? TopP::End::reaches : TopP::End::stays));
}

void add_min_p(const R& r, C& chain) {
  if (const double p = r.config.min_p.value_or(0); p > 0) chain.add(std::make_unique<MinP>(p, r.setup.min_keep));
}

void add_typical_p(const R& r, C& chain) {
  const double p = r.config.typical_p.value_or(1);
  if (p < 1) chain.add(std::make_unique<TypicalP>(p, r.setup.min_keep));
}

void add_epsilon(const R& r, C& chain) {
  const double e = r.config.epsilon_cutoff.value_or(0);
  if (e > 0) chain.add(std::make_unique<EpsilonCutoff>(e, r.setup.min_keep));
}

void add_eta(const R& r, C& chain) {
  if (const double e = r.config.eta_cutoff.value_or(0); e > 0) {
    chain.add(std::make_unique<EtaCutoff>(e, r.setup.min_keep));
  }
}

void add_xtc(const R& r, C& chain) {
  const double p = r.config.xtc_probability.value_or(0);
  if (p <= 0) return;
  chain.add(std::make_unique<Xtc>(Xtc::Settings{.probability = p,
                                                .threshold = r.config.xtc_threshold.value_or(0.1),
                                                .seed = r.setup.seed,
                                                .n_completions = r.setup.n_completions,
                                                .keep = r.setup.min_keep}));
}

void add_mirostat(const R& r, C& chain) {
  const std::int64_t version = r.config.mirostat.value_or(0);
  if (version == 0) return;
  chain.add(std::make_unique<Mirostat>(Mirostat::Settings{.version = static_cast<int>(version),
                                                          .tau = r.config.mirostat_tau.value_or(5),
                                                          .eta = r.config.mirostat_eta.value_or(0.1),
                                                          .vocab_size = r.setup.vocab_size}));
}

void add_watermark(const R& r, C& chain) {
  if (!r.config.watermarking_config) return;
  if (const auto* const green = std::get_if<GreenListWatermark>(&*r.config.watermarking_config)) {
    chain.add(std::make_unique<GreenListBias>(*green, r.setup.vocab_size));
  } else {
    chain.add(std::make_unique<SynthId>(std::get<SynthIdWatermark>(*r.config.watermarking_config)));
  }
}

void add_log_softmax(const R& r, C& chain) {
  if (r.config.renormalize_logits.value_or(false)) chain.add(std::make_unique<LogSoftmax>());
}

constexpr ChainPlace kPlaces[] = {
    {"sequence_bias", Role::rule, add_sequence_bias},
    {"logit_bias", Role::rule, add_logit_bias},
    {"diversity_penalty", Role::rule, add_diversity},
    {"encoder_repetition_penalty", Role::penalty, add_encoder_repetition},
    {"repetition_penalty", Role::penalty, add_repetition},
    {"frequency_penalty", Role::penalty, add_counts},  // and presence_penalty
    {"dry", Role::penalty, add_dry},
    {"no_repeat_ngram_size", Role::rule, add_no_repeat},
    {"encoder_no_repeat_ngram_size", Role::rule, add_encoder_no_repeat},
    {"bad_words_ids", Role::rule, add_bad_words},
    {"min_length", Role::rule, add_min_length},
    {"prefix_allowed_tokens_fn", Role::rule, add_prefix_allowed},
    {"forced_bos_token_id", Role::rule, add_forced_bos},
    {"forced_eos_token_id", Role::rule, add_forced_eos},
    {"remove_invalid_values", Role::rule, add_remove_invalid},
    {"exponential_decay_length_penalty", Role::rule, add_length_decay},
    {"suppress_tokens", Role::rule, add_suppress},
    {"begin_suppress_tokens", Role::rule, add_begin_suppress},
    {"logits_processors", Role::rule, add_hooks},
    {"constraints", Role::rule, add_constraints},  // behind all that could bring a token back
    {"temperature", Role::warper, add_temperature},
    {"top_n_sigma", Role::truncation, add_top_n_sigma},
    {"top_h", Role::truncation, add_top_h},
    {"top_k", Role::truncation, add_top_k},
    {"top_p", Role::truncation, add_top_p},
    {"min_p", Role::truncation, add_min_p},
    {"typical_p", Role::truncation, add_typical_p},
    {"epsilon_cutoff", Role::truncation, add_epsilon},
    {"eta_cutoff", Role::truncation, add_eta},
    {"xtc", Role::truncation, add_xtc},
    {"mirostat", Role::warper, add_mirostat},
    {"watermarking_config", Role::last, add_watermark},
    {"renormalize_logits", Role::last, add_log_softmax},
};

}  // namespace

std::span<const ChainPlace> chain_places() { return kPlaces; }

}  // namespace skald::decode
