#include "decode/idle_options.h"

#include <algorithm>
#include <string_view>

#include "decode/foreign_options.h"
#include "decode/options.h"

namespace skald {

std::string to_string(const Notice& notice) { return notice.option + " = " + notice.value + ": " + notice.message; }

namespace decode {
namespace {

using Config = GenerationConfig;

bool samples(const Config& c) { return c.do_sample.value_or(false); }
bool has_beams(const Config& c) { return c.num_beams.value_or(1) > 1; }
bool contrasts(const Config& c) { return c.penalty_alpha.value_or(0) > 0 && !has_beams(c) && !samples(c); }
bool decodes_singly(const Config& c) { return !has_beams(c) && !contrasts(c); }
bool samples_or_contrasts(const Config& c) { return samples(c) || contrasts(c); }
bool looks_up_nothing(const Config& c) { return c.prompt_lookup_num_tokens.value_or(0) == 0; }
bool looks_up(const Config& c) { return c.prompt_lookup_num_tokens.value_or(0) > 0; }
bool has_eos(const Config& c) { return c.eos_token_id && !c.eos_token_id->empty(); }
bool has_end(const Config& c) { return has_eos(c) || (c.stop_token_ids && !c.stop_token_ids->empty()); }
bool has_max_length(const Config& c) { return c.max_length.has_value(); }
bool has_no_min_new(const Config& c) { return c.min_new_tokens.value_or(0) == 0; }
bool has_stops(const Config& c) { return c.stop_strings && !c.stop_strings->empty(); }
bool has_adapter(const Config& c) { return !c.adapter.value_or("").empty(); }
bool shares_prefixes(const Config& c) { return c.prefix_cache.value_or(true); }
bool has_controls(const Config& c) { return c.control_vectors && !c.control_vectors->empty(); }
bool always(const Config& /*c*/) { return true; }
bool has_xtc(const Config& c) { return c.xtc_probability.value_or(0) > 0; }
bool has_dynatemp(const Config& c) { return c.dynatemp_range.value_or(0) > 0; }
bool has_mirostat(const Config& c) { return c.mirostat.value_or(0) > 0; }
bool has_dry(const Config& c) { return c.dry_multiplier.value_or(0) > 0; }
bool has_negative(const Config& c) { return c.guidance_scale.value_or(1) != 1; }
bool guides(const Config& c) { return !c.guide_attribute.value_or("").empty(); }
// Whether an attribute has no strength of its own, as in "cheerful=2".
bool takes_strength(const Config& c) {
  const std::string names = c.guide_attribute.value_or("");
  return std::ranges::count(names, '=') <= std::ranges::count(names, ',') && !names.empty();
}
// Profiles of transformers draw torch's numbers in order and let rows vote for a layer of DoLa: all rows step together.
bool mixes_drafts(const Config& c) { return c.assistant_ensemble_weight.has_value(); }
bool may_draft(const Config& c) { return !c.profile.value_or("").starts_with("hf") || (!samples(c) && !c.dola_layers); }
bool penalizes(const Config& c) {
  return c.repetition_penalty.value_or(1) != 1 || c.frequency_penalty.value_or(0) != 0 ||
         c.presence_penalty.value_or(0) != 0;
}

struct IdleRule {
  std::string_view option;
  std::string_view off;           // JSON texts of values that ask for nothing, separated by spaces
  bool (*acts)(const Config& c);  // else it has no effect:
  std::string_view why;
};

constexpr std::string_view kNotSampled = "nothing is sampled";
constexpr std::string_view kOneBeam = "there is one beam";
constexpr std::string_view kNoEos = "no end-of-sequence token is known";

constexpr std::string_view kNoDrafts = "drafts are for greedy decoding and sampling";
constexpr std::string_view kLookupFirst = "prompt_lookup_num_tokens goes before it";
constexpr std::string_view kStepTogether = "in this profile all rows of a call take one step at a time";

// The first rule of an option that does not act is told.
constexpr IdleRule kIdleRules[] = {
    {"max_length", "", has_max_length, "max_new_tokens goes before it"},
    {"min_length", "0", has_no_min_new, "min_new_tokens goes before it"},
    {"min_length", "0", has_end, kNoEos},
    {"min_new_tokens", "0", has_end, kNoEos},
    {"exponential_decay_length_penalty", "", has_eos, kNoEos},
    {"include_stop", "false", has_stops, "there are no stop_strings"},
    {"temperature", "1.0", samples, kNotSampled},
    {"top_k", "0 -1", samples_or_contrasts, kNotSampled},
    {"top_p", "1.0", samples, kNotSampled},
    {"min_p", "0.0", samples, kNotSampled},
    {"typical_p", "1.0", samples, kNotSampled},
    {"epsilon_cutoff", "0.0", samples, kNotSampled},
    {"eta_cutoff", "0.0", samples, kNotSampled},
    {"top_h", "", samples, kNotSampled},
    {"top_n_sigma", "0.0", samples, kNotSampled},
    {"xtc_probability", "0.0", samples, kNotSampled},
    {"xtc_threshold", "", has_xtc, "xtc_probability is not set"},
    {"dynatemp_range", "0.0", samples, kNotSampled},
    {"dynatemp_exponent", "", has_dynatemp, "dynatemp_range is not set"},
    {"mirostat", "0", samples, kNotSampled},
    {"mirostat_tau", "", has_mirostat, "mirostat is off"},
    {"mirostat_eta", "", has_mirostat, "mirostat is off"},
    {"samplers", "", samples, kNotSampled},
    {"dry_multiplier", "0.0", always, {}},
    {"encoder_repetition_penalty", "1.0", always, {}},
    {"repetition_penalty", "1.0", always, {}},
    {"frequency_penalty", "0.0", always, {}},
    {"presence_penalty", "0.0", always, {}},
    {"repeat_last_n", "-1", penalizes, "there is no repetition, frequency or presence penalty"},
    {"penalty_exempt_tokens", "[]", penalizes, "there is no repetition, frequency or presence penalty"},
    {"dry_base", "", has_dry, "dry_multiplier is not set"},
    {"dry_allowed_length", "", has_dry, "dry_multiplier is not set"},
    {"dry_penalty_last_n", "", has_dry, "dry_multiplier is not set"},
    {"dry_sequence_breakers", "", has_dry, "dry_multiplier is not set"},
    {"penalty_alpha", "0.0", contrasts, "contrastive search neither samples nor has beams"},
    {"dola_layers", "", decodes_singly, "DoLa has neither beams nor contrastive search"},
    {"negative_prompt", "", has_negative, "guidance_scale is not set"},
    {"negative_prompt_ids", "[]", has_negative, "guidance_scale is not set"},
    {"guide_strength", "", takes_strength, "guide_attribute names none without a strength of its own"},
    {"attributes", "{}", guides, "guide_attribute names none"},
    {"prompt_lookup_num_tokens", "0", decodes_singly, kNoDrafts},
    {"prompt_lookup_num_tokens", "0", may_draft, kStepTogether},
    {"assistant_early_exit", "", decodes_singly, kNoDrafts},
    {"assistant_early_exit", "", may_draft, kStepTogether},
    {"assistant_early_exit", "", looks_up_nothing, kLookupFirst},
    {"max_matching_ngram_size", "", looks_up, "prompt_lookup_num_tokens is not set"},
    {"assistant_ensemble_weight", "", decodes_singly, kNoDrafts},
    {"assistant_ensemble_weight", "", may_draft, kStepTogether},
    {"lossy", "false", mixes_drafts, "assistant_ensemble_weight is not set"},
    {"length_penalty", "1.0", has_beams, kOneBeam},
    {"early_stopping", "false", has_beams, kOneBeam},
    {"length_penalty_form", "", has_beams, kOneBeam},
    {"patience", "", has_beams, kOneBeam},
    {"diversity_penalty", "0.0", has_beams, kOneBeam},
    {"stream_tentative", "false", has_beams, kOneBeam},
    {"adapter_scale", "1.0", has_adapter, "no adapter is named"},
    {"cache_salt", "\"\"", shares_prefixes, "prefix_cache is false"},
    {"control_layers", "", has_controls, "there are no control_vectors"},
};

// The same of options whose effect depends on what is loaded.
struct ModelRule {
  std::string_view option;
  std::string_view off;
  bool (*acts)(const Config& c, const ModelFacts& model);
  std::string_view why;
};

bool encodes(const Config& /*c*/, const ModelFacts& model) { return model.encodes; }
bool has_draft(const Config& c, const ModelFacts& model) { return model.has_draft || c.assistant_early_exit; }
bool drafts_without_lookup(const Config& c, const ModelFacts& /*model*/) { return looks_up_nothing(c); }
bool drafts_at_all(const Config& c, const ModelFacts& model) {
  const bool asks_model = has_draft(c, model) && c.num_assistant_tokens.value_or(1) > 0;
  return (looks_up(c) || asks_model) && decodes_singly(c) && may_draft(c);
}
bool model_drafts(const Config& c, const ModelFacts& model) { return drafts_at_all(c, model) && !looks_up(c); }
bool translates(const Config& c, const ModelFacts& model) {
  return model_drafts(c, model) && model.draft_reads_otherwise && !c.assistant_early_exit;
}

constexpr ModelRule kModelRules[] = {
    {"decoder_start_token_id", "", encodes, "the model has no encoder"},
    {"num_assistant_tokens", "0", has_draft, "no draft model is loaded"},
    {"num_assistant_tokens", "0", drafts_without_lookup, kLookupFirst},
    {"num_assistant_tokens", "0", drafts_at_all, kNoDrafts},
    {"num_assistant_tokens_schedule", "", drafts_at_all, "nothing is drafted"},
    {"assistant_confidence_threshold", "", model_drafts, "no draft model drafts"},
    {"assistant_lookbehind", "", translates, "no draft model with a tokenizer of its own drafts"},
    {"target_lookbehind", "", translates, "no draft model with a tokenizer of its own drafts"},
};

// Samplers that `samplers` may leave out, by the option that switches them on. Mirostat takes the place of those that
// cut the distribution.
struct SamplerOption {
  std::string_view option;
  std::string_view sampler;
  std::string_view other_name = {};
  bool cuts = false;
};
constexpr SamplerOption kSamplerOptions[] = {
    {"temperature", "temperature"},
    {"dynatemp_range", "temperature"},
    {"top_n_sigma", "top_n_sigma", {}, true},
    {"top_h", "top_h", {}, true},
    {"top_k", "top_k", {}, true},
    {"top_p", "top_p", {}, true},
    {"min_p", "min_p", {}, true},
    {"typical_p", "typical_p", {}, true},
    {"epsilon_cutoff", "epsilon_cutoff", {}, true},
    {"eta_cutoff", "eta_cutoff", {}, true},
    {"xtc_probability", "xtc", {}, true},
    {"mirostat", "mirostat"},
    {"dry_multiplier", "dry"},
    {"encoder_repetition_penalty", "encoder_repetition_penalty"},
    {"repetition_penalty", "repetition_penalty", "penalties"},
    {"frequency_penalty", "frequency_penalty", "penalties"},
    {"presence_penalty", "frequency_penalty", "penalties"},
};

// Why no sampler reads `option` in this call; empty where one does.
std::string_view left_out(std::string_view option, const Config& config) {
  const auto* const found = std::ranges::find(kSamplerOptions, option, &SamplerOption::option);
  if (found == std::end(kSamplerOptions)) return {};
  if (!config.samplers) return found->cuts && has_mirostat(config) ? "mirostat takes its place" : "";
  const bool named = std::ranges::any_of(
      *config.samplers, [&](std::string_view name) { return name == found->sampler || name == found->other_name; });
  return named ? "" : "it is not among samplers";
}

// A temperature so low that it asks for greedy decoding has had its effect.
bool asked_for_greedy(std::string_view option, const Config& request) {
  return option == "temperature" && request.temperature.value_or(1) < 1e-30;
}

}  // namespace

std::vector<Notice> idle_options(const GenerationConfig& config, const GenerationConfig& request,
                                 const ModelFacts& model) {
  std::vector<Notice> notices;
  // `why`: empty where the option acts. `off`: values that ask for nothing.
  const auto tell = [&](std::string_view option, std::string_view off, std::string_view why) {
    const json::Value value = why.empty() ? json::Value() : value_of(request, *find_option(option));
    if (value.is_null() || std::ranges::find(notices, option, &Notice::option) != notices.end()) return;
    std::string shown = json::dump(value);
    if (lists_value(off, shown) || asked_for_greedy(option, request)) return;
    notices.push_back({std::string(option), std::move(shown), "has no effect: " + std::string(why)});
  };
  for (const IdleRule& rule : kIdleRules) {
    tell(rule.option, rule.off, rule.acts(config) ? left_out(rule.option, config) : rule.why);
  }
  for (const ModelRule& rule : kModelRules) tell(rule.option, rule.off, rule.acts(config, model) ? "" : rule.why);
  for (const ForeignOption& option : foreign_options()) {
    const auto given = request.passive.find(std::string(option.name));
    if (given == request.passive.end() || lists_value(option.harmless, given->second)) continue;
    notices.push_back({given->first, given->second, "has no effect: " + std::string(option.note)});
  }
  return notices;
}

}  // namespace decode
}  // namespace skald
