#include "decode/foreign_options.h"

#include <algorithm>
#include <charconv>

#include "skald/error.h"

namespace skald::decode {
namespace {

using Kind = ForeignOption::Kind;

constexpr std::string_view kCacheNames =
    "dynamic dynamic_full static offloaded offloaded_static quantized paged sliding_window hybrid hybrid_chunked "
    "offloaded_hybrid offloaded_hybrid_chunked";

// transformers 5.23, GenerationConfig and generate(), and what 4.49 has besides. null is always harmless.
constexpr ForeignOption kForeignOptions[] = {
    // Strategies.
    {"custom_generate", "", Kind::refused, "code that comes with a model is never run"},
    {"trust_remote_code", "false", Kind::refused, "code that comes with a model is never run"},
    // Drafting: it changes speed only.
    {"use_mtp", "false", Kind::refused, "a draft model or prompt_lookup_num_tokens drafts instead"},
    {"speculation_type", "", Kind::refused, "a draft model or prompt_lookup_num_tokens drafts instead"},
    // Changes to the logits.
    {"forced_decoder_ids", "[]"},
    // What comes back.
    {"return_dict_in_generate", "*"},
    // The file itself.
    {"transformers_version", "*"},
    {"_from_model_config", "*"},
    {"_commit_hash", "*"},
    {"_original_object_hash", "*"},
};

// How transformers computes: nothing here depends on it.
constexpr ForeignOption kNotedOptions[] = {
    {"use_cache", "true", Kind::boolean, "keys and values are always kept: computing them again gives the same text"},
    {"cache_implementation", R"("dynamic")", Kind::name,
     "there is one kind of cache: blocks that are taken as the text grows, at the precision of the model"},
    {"cache_config", "{}", Kind::object, "keys and values are stored at the precision of the model, not quantised"},
    {"max_cache_len", "", Kind::count, "the cache grows with the text: nothing is reserved by hand"},
    {"prefill_chunk_size", "", Kind::count,
     "prompts are computed in chunks of LoadOptions::prefill_chunk (--prefill-chunk); the text is the same for any"},
    {"return_legacy_cache", "false", Kind::boolean, "caches are not handed out"},
    {"low_memory", "false", Kind::boolean, "candidates and beams share what they have in common already"},
    {"compile_config", "{}", Kind::object,
     "nothing is compiled while running: kernels are chosen when the model loads"},
    {"disable_compile", "false", Kind::boolean, "nothing is compiled while running"},
    {"synced_gpus", "false", Kind::boolean, "there are no GPUs that could wait for each other"},
    {"continuous_batching_config", "{}", Kind::object, "requests always join the running batch"},
    {"is_assistant", "false", Kind::boolean, "a model drafts where a request names it as its draft"},
};

std::string_view type_rule(Kind kind) {
  switch (kind) {
    case Kind::boolean: return "must be true or false";
    case Kind::count: return "must be an integer in [1, 16777216]";
    case Kind::object: return "must be an object";
    case Kind::name: return "must be one of dynamic, static, offloaded, offloaded_static, quantized, paged";
    case Kind::refused: break;
  }
  return "is not available in this version of skald; remove it or set it to its default";
}

bool has_type(Kind kind, const json::Value& value) {
  constexpr std::int64_t kLongest = 1 << 24;  // tokens
  switch (kind) {
    case Kind::boolean: return value.is_bool();
    case Kind::count: return value.is_integer() && value.as_integer() >= 1 && value.as_integer() <= kLongest;
    case Kind::object: return value.is_object();
    case Kind::name: return value.is_string() && lists_value(kCacheNames, value.as_string());
    case Kind::refused: break;
  }
  return false;
}

}  // namespace

bool lists_value(std::string_view list, std::string_view value) {
  if (list == "*") return true;
  while (!list.empty()) {
    const std::size_t space = std::min(list.find(' '), list.size());
    if (list.substr(0, space) == value) return true;
    list.remove_prefix(std::min(space + 1, list.size()));
  }
  return false;
}

std::span<const ForeignOption> foreign_options() { return kNotedOptions; }

const ForeignOption* find_foreign_option(std::string_view name) {
  for (const std::span<const ForeignOption> list :
       {std::span<const ForeignOption>(kForeignOptions), foreign_options()}) {
    const auto found = std::ranges::find(list, name, &ForeignOption::name);
    if (found != list.end()) return &*found;
  }
  return nullptr;
}

void take_foreign_option(GenerationConfig& config, const ForeignOption& option, const json::Value& value,
                         const std::string& file) {
  if (value.is_null()) return;
  const std::string shown = json::dump(value);
  if (has_type(option.kind, value)) {
    config.passive[std::string(option.name)] = shown;
    return;
  }
  if (option.kind == Kind::refused && lists_value(option.harmless, shown)) return;
  std::string rule(type_rule(option.kind));
  if (option.kind == Kind::refused && !option.note.empty()) rule += ": " + std::string(option.note);
  throw OptionError({.file = file,
                     .field = std::string(option.name),
                     .value = value.is_string() ? value.describe() : shown.substr(0, 64),
                     .rule = std::move(rule)});
}

json::Value parse_foreign(const ForeignOption& option, std::string_view text) {
  if (option.kind == Kind::boolean && (text == "true" || text == "false")) return text == "true";
  if (option.kind == Kind::object) return json::parse(text, "value");
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (option.kind == Kind::count && error == std::errc() && end == text.data() + text.size()) return number;
  return std::string(text);
}

}  // namespace skald::decode
