#include "decode/foreign_options.h"

#include "skald/error.h"

namespace skald::decode {
namespace {

// transformers 5.23, GenerationConfig. null is always harmless.
constexpr ForeignOption kForeignOptions[] = {
    // Strategies.
    {"num_beam_groups", "1"},
    {"diversity_penalty", "0 0.0"},
    {"force_words_ids", "[]"},
    {"constraints", "[]"},
    {"token_healing", "false"},
    {"low_memory", "*"},  // how contrastive search is computed
    // Drafting: it changes speed only.
    {"use_mtp", "false"},
    {"assistant_early_exit", "*"},
    {"assistant_lookbehind", "*"},
    {"target_lookbehind", "*"},
    {"assistant_ensemble_weight", ""},  // lossy
    {"speculation_type", ""},
    {"is_assistant", "*"},
    // Changes to the logits.
    {"forced_decoder_ids", "[]"},
    // What comes back, the cache, and speed.
    {"output_attentions", "*"},
    {"output_hidden_states", "*"},
    {"output_scores", "*"},
    {"output_logits", "*"},
    {"return_dict_in_generate", "*"},
    {"use_cache", "*"},
    {"cache_implementation",
     R"("dynamic" "dynamic_full" "static" "offloaded" "offloaded_static" "sliding_window" "hybrid" "hybrid_chunked" )"
     R"("offloaded_hybrid" "offloaded_hybrid_chunked")"},
    {"cache_config", "*"},
    {"max_cache_len", "*"},
    {"prefill_chunk_size", "*"},
    {"return_legacy_cache", "*"},
    {"compile_config", "*"},
    {"disable_compile", "*"},
    {"continuous_batching_config", "*"},
    // The file itself.
    {"generation_kwargs", "{}"},
    {"transformers_version", "*"},
    {"_from_model_config", "*"},
    {"_commit_hash", "*"},
};

bool is_harmless(std::string_view list, std::string_view value) {
  if (list == "*") return true;
  while (!list.empty()) {
    const std::size_t space = std::min(list.find(' '), list.size());
    if (list.substr(0, space) == value) return true;
    list.remove_prefix(std::min(space + 1, list.size()));
  }
  return false;
}

}  // namespace

const ForeignOption* find_foreign_option(std::string_view name) {
  for (const ForeignOption& option : kForeignOptions) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

void check_foreign_option(const ForeignOption& option, const json::Value& value, const std::string& file) {
  if (value.is_null()) return;
  const std::string shown = json::dump(value);
  if (is_harmless(option.harmless, shown)) return;
  throw OptionError({.file = file,
                     .field = std::string(option.name),
                     .value = shown.substr(0, 64),
                     .rule = "not available in this version of skald; remove it or set it to its default"});
}

}  // namespace skald::decode
