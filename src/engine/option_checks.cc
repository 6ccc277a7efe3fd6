#include "engine/option_checks.h"

#include <string>
#include <string_view>

#include "engine/token_checks.h"
#include "skald/error.h"

namespace skald::engine {
namespace {

constexpr std::int64_t kMostCandidates = 256;  // of contrastive search: each is a sequence

void check_contrastive(const GenerationConfig& config) {
  if (!is_contrastive(config) || (config.top_k.value_or(0) >= 1 && config.top_k.value_or(0) <= kMostCandidates)) return;
  throw OptionError({.field = "top_k",
                     .value = config.top_k ? std::to_string(*config.top_k) : "",
                     .rule = "contrastive search (penalty_alpha) needs it in [1, " + std::to_string(kMostCandidates) +
                             "]: 4 is usual"});
}

// The first layers that draft must be some, not all.
void check_early_exit(const GenerationConfig& config, std::int64_t n_layers) {
  if (!config.assistant_early_exit || *config.assistant_early_exit < n_layers) return;
  throw OptionError({.field = "assistant_early_exit",
                     .value = std::to_string(*config.assistant_early_exit),
                     .rule = "must be below the model's " + std::to_string(n_layers) + " layers"});
}

void check_all_ids(const GenerationConfig& config, std::int64_t vocab_size) {
  for (const auto& ids : config.bad_words_ids.value_or(std::vector<std::vector<TokenId>>{})) {
    check_ids("bad_words_ids", ids, vocab_size);
  }
  for (const auto& bias : config.sequence_bias.value_or(std::vector<SequenceBias>{})) {
    check_ids("sequence_bias", bias.ids, vocab_size);
  }
  for (const auto& bias : config.logit_bias.value_or(std::vector<LogitBias>{})) {
    check_ids("logit_bias", {{bias.token}}, vocab_size);
  }
  check_ids("penalty_exempt_tokens", config.penalty_exempt_tokens.value_or(std::vector<TokenId>{}), vocab_size);
  check_ids("stop_token_ids", config.stop_token_ids.value_or(std::vector<TokenId>{}), vocab_size);
  check_ids("suppress_tokens", config.suppress_tokens.value_or(std::vector<TokenId>{}), vocab_size);
  check_ids("begin_suppress_tokens", config.begin_suppress_tokens.value_or(std::vector<TokenId>{}), vocab_size);
  check_ids("forced_eos_token_id", config.forced_eos_token_id.value_or(std::vector<TokenId>{}), vocab_size);
  if (config.forced_bos_token_id) check_ids("forced_bos_token_id", {{*config.forced_bos_token_id}}, vocab_size);
}

// A form has one sequence a completion, and constraints of its own.
void check_segments(const GenerationConfig& config, bool has_tokenizer) {
  if (!config.segments) return;
  const auto refuse = [](std::string_view other) {
    throw OptionError({.field = "segments", .value = {}, .rule = "cannot be combined with " + std::string(other)});
  };
  if (!has_tokenizer) {
    throw OptionError(
        {.field = "segments", .value = {}, .rule = "needs a tokenizer, and this model's folder has none"});
  }
  if (config.num_beams.value_or(1) > 1) refuse("num_beams above 1");
  if (is_contrastive(config)) refuse("penalty_alpha");
  if (config.processed_logprobs) refuse("processed_logprobs");
  if (config.prompt_logprobs) refuse("prompt_logprobs");
  if (config.trace.value_or(false)) refuse("trace");
  if (config.output_scores.value_or(false)) refuse("output_scores");
  if (config.output_logits.value_or(false)) refuse("output_logits");
  if (config.output_hidden_states.value_or(false)) refuse("output_hidden_states");
  if (config.output_attentions.value_or(false)) refuse("output_attentions");
  if (config.dola_layers) refuse("dola_layers");
  if (config.must_include && !config.must_include->empty()) refuse("must_include");
  if (!config.prefix.value_or("").empty()) refuse("prefix");
  if (config.stop_strings && !config.stop_strings->empty()) refuse("stop_strings: give them to a segment");
}

// A mixture of model and draft gives another text than the model: it is asked for twice.
void check_ensemble(const GenerationConfig& config, const ModelSet& models) {
  if (!config.assistant_ensemble_weight) return;
  const auto refuse = [&](std::string rule) {
    throw OptionError({.field = "assistant_ensemble_weight",
                       .value = std::to_string(*config.assistant_ensemble_weight),
                       .rule = std::move(rule)});
  };
  if (*config.assistant_ensemble_weight <= 0 || *config.assistant_ensemble_weight >= 1) refuse("must be in (0, 1)");
  if (!config.lossy.value_or(false)) refuse("changes the text: set lossy as well to allow that");
  if (config.prompt_lookup_num_tokens.value_or(0) > 0) {
    refuse("needs the probabilities of a draft model: prompt_lookup_num_tokens has none");
  }
  if (models.draft_tokenizer != nullptr) refuse("needs a draft model with the model's own tokenizer");
  if (models.draft < 0 && !config.assistant_early_exit) refuse("needs a draft model, or assistant_early_exit");
}

}  // namespace

bool is_contrastive(const GenerationConfig& config) {
  return config.penalty_alpha.value_or(0) > 0 && config.num_beams.value_or(1) == 1 && !config.do_sample.value_or(false);
}

bool one_by_one(const GenerationConfig& config) { return config.num_beams.value_or(1) == 1 && !is_contrastive(config); }

void check_options(const GenerationConfig& config, const ModelSet& models) {
  check_all_ids(config, models.shape.vocab_size);
  check_contrastive(config);
  check_early_exit(config, models.shape.n_layers);
  check_ensemble(config, models);
  check_segments(config, models.tokenizer != nullptr);
  if (config.dola_layers && models.shape.encodes) {
    throw OptionError({.field = "dola_layers", .value = {}, .rule = "DoLa is for models without an encoder"});
  }
}

// Code that looks at all rows needs their logits before any row decides.
void check_group_hooks(const GenerationConfig& config) {
  const char* const other = is_contrastive(config)                   ? "penalty_alpha"
                            : config.num_beam_groups.value_or(1) > 1 ? "num_beam_groups"
                            : config.dola_layers                     ? "dola_layers"
                            : config.segments                        ? "segments"
                                                                     : nullptr;
  if (other == nullptr) return;
  throw OptionError({.field = "group_logits_processors",
                     .value = {},
                     .rule = std::string("cannot be combined with ") + other + ": use logits_processors"});
}

}  // namespace skald::engine
