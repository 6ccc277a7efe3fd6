#include "decode/resolve.h"

#include <algorithm>

#include "decode/options.h"
#include "decode/profiles.h"
#include "json/value.h"
#include "skald/error.h"

namespace skald::decode {
namespace {

// Below it l / T may leave the range of f32; the distribution is a point long before.
constexpr double kGreedyTemperature = 1e-30;

bool is_greedy(const std::optional<double>& temperature) { return temperature && *temperature < kGreedyTemperature; }

[[noreturn]] void fail(std::string_view name, std::string value, std::string rule) {
  throw OptionError({.field = std::string(name), .value = std::move(value), .rule = std::move(rule)});
}

// How long: max_new_tokens goes before max_length, and what the caller says of either before what a file says.
void resolve_length(GenerationConfig& config, const GenerationConfig& request, const GenerationConfig& defaults,
                    bool native) {
  if (native && request.max_length && !request.max_new_tokens) config.max_new_tokens.reset();
  if (!config.max_new_tokens && !config.max_length) config.max_new_tokens = defaults.max_new_tokens;
  if (config.max_new_tokens) config.max_length.reset();
  if (native && request.min_new_tokens && request.max_new_tokens && *request.min_new_tokens > *request.max_new_tokens) {
    fail("min_new_tokens", std::to_string(*request.min_new_tokens),
         "must be at most max_new_tokens, " + std::to_string(*request.max_new_tokens));
  }
  if (native && !config.max_new_tokens && request.min_length && *request.min_length > *config.max_length) {
    fail("min_length", std::to_string(*request.min_length),
         "must be at most max_length, " + std::to_string(*config.max_length));
  }
}

void resolve_sampling(GenerationConfig& config, const GenerationConfig& request, bool native) {
  const std::int64_t beams = config.num_beams.value_or(1);
  if (native) {
    const bool searches = request.num_beams.value_or(1) > 1 || request.penalty_alpha.value_or(0) > 0;
    if (searches && !request.do_sample) config.do_sample = false;
    if (request.temperature && !request.do_sample) config.do_sample = true;
    if (is_greedy(config.temperature)) config.do_sample = false;
  } else if (config.do_sample.value_or(false) && config.temperature == 0.0) {
    fail("temperature", "0", "must be a number above 0; for greedy decoding set do_sample=False");
  } else if (config.do_sample.value_or(false) && is_greedy(config.temperature)) {
    config.do_sample = false;
  }
  if (const std::int64_t n = config.num_return_sequences.value_or(1);
      n > beams && (beams > 1 || !config.do_sample.value_or(false))) {
    fail("num_return_sequences", std::to_string(n),
         beams > 1 ? "must be at most num_beams, " + std::to_string(beams)
                   : "greedy decoding gives one sequence: set do_sample, or a temperature above 0");
  }
}

// A step at which nothing may be chosen is no step.
void check_forced(std::string_view name, const std::vector<TokenId>& forced, const std::vector<TokenId>& suppressed) {
  const auto out = [&](TokenId token) { return std::ranges::find(suppressed, token) != suppressed.end(); };
  if (forced.empty() || !std::ranges::all_of(forced, out)) return;
  fail(name, std::to_string(forced[0]), "is also in suppress_tokens: a token cannot be forced and suppressed");
}

void check_forced(const GenerationConfig& config) {
  if (!config.suppress_tokens) return;
  if (config.forced_bos_token_id) {
    check_forced("forced_bos_token_id", {*config.forced_bos_token_id}, *config.suppress_tokens);
  }
  if (config.forced_eos_token_id) {
    check_forced("forced_eos_token_id", *config.forced_eos_token_id, *config.suppress_tokens);
  }
}

bool has_forced_words(const GenerationConfig& config) {
  const auto any = [](const auto& list) { return list && !list->empty(); };
  return any(config.force_words_ids) || any(config.constraints) || any(config.force_words);
}

// transformers' rules of groups and constraints.
void check_groups(const GenerationConfig& config) {
  const std::int64_t beams = config.num_beams.value_or(1);
  const std::int64_t groups = config.num_beam_groups.value_or(1);
  const double penalty = config.diversity_penalty.value_or(0);
  if (groups == 1) {
    if (penalty > 0 && beams > 1) fail("diversity_penalty", json::dump(penalty), "needs num_beam_groups above 1");
    return;
  }
  if (groups > beams) {
    fail("num_beam_groups", std::to_string(groups), "must be at most num_beams, " + std::to_string(beams));
  }
  if (beams % groups != 0) {
    fail("num_beam_groups", std::to_string(groups), "must divide num_beams, " + std::to_string(beams));
  }
  if (config.do_sample.value_or(false)) {
    fail("do_sample", "true", "must be false with num_beam_groups: groups of beams are not sampled");
  }
  if (penalty == 0) {
    fail("diversity_penalty", "0", "must be above 0 with num_beam_groups: else all groups are the same");
  }
}

void check_constraints(const GenerationConfig& config) {
  if (!has_forced_words(config)) return;
  if (config.num_beams.value_or(1) == 1) {
    fail("num_beams", "1", "must be above 1 with force_words_ids or constraints: beams look for them");
  }
  if (config.do_sample.value_or(false)) {
    fail("do_sample", "true", "must be false with force_words_ids or constraints");
  }
  if (config.num_beam_groups.value_or(1) > 1) {
    fail("num_beam_groups", std::to_string(*config.num_beam_groups), "must be 1 with force_words_ids or constraints");
  }
}

void check_beams(const GenerationConfig& config, const GenerationConfig& request) {
  check_groups(config);
  check_constraints(config);
  if (request.patience && request.early_stopping && *request.early_stopping != EarlyStopping::yes) {
    fail("patience", json::dump(*request.patience), "is a rule of stopping of its own: leave early_stopping out");
  }
}

void check_guidance(const GenerationConfig& request) {
  if (!request.negative_prompt || !request.negative_prompt_ids) return;
  fail("negative_prompt_ids", {}, "says what negative_prompt says already: leave one of the two out");
}

// A door's filters are for models that say nothing of how their tokens are drawn.
GenerationConfig defaults_beside(const GenerationConfig& model_file, Door door) {
  GenerationConfig defaults = door_defaults(door);
  const bool says = model_file.do_sample || model_file.temperature || model_file.top_k || model_file.top_p ||
                    model_file.min_p || model_file.typical_p || model_file.repetition_penalty;
  if (!says || door == Door::transformers) return defaults;
  defaults.top_k.reset();
  defaults.top_p.reset();
  defaults.repetition_penalty.reset();
  return defaults;
}

}  // namespace

ResolvedConfig resolve(const GenerationConfig& request, const GenerationConfig& model_file, Door door,
                       const ModelFacts& model) {
  check(request);
  const bool native = door != Door::transformers;
  const GenerationConfig defaults = defaults_beside(model_file, door);
  const GenerationConfig asked = request.over(model_file);
  GenerationConfig lower = asked.profile ? profile_of(asked).defaults.over(defaults) : defaults;
  lower.max_new_tokens.reset();  // only where no rank says how long: see resolve_length
  ResolvedConfig resolved{.config = asked.over(lower), .length_asked = request.max_new_tokens || request.max_length};
  // Arrays are kept for who asks, not because a model's file says so.
  for (auto flag : {&GenerationConfig::output_scores, &GenerationConfig::output_logits,
                    &GenerationConfig::output_hidden_states, &GenerationConfig::output_attentions}) {
    resolved.config.*flag = request.*flag;
  }
  if (resolved.config.ignore_eos.value_or(false)) resolved.config.eos_token_id = std::vector<TokenId>{};
  resolve_length(resolved.config, request, defaults, native);
  resolve_sampling(resolved.config, request, native);
  check_forced(resolved.config);
  check_beams(resolved.config, request);
  check_guidance(request);
  resolved.notices = idle_options(resolved.config, request, model);
  return resolved;
}

}  // namespace skald::decode
