// The option table as its readers see it: in groups.
#include <algorithm>
#include <string>
#include <vector>

#include "decode/foreign_options.h"
#include "decode/options.h"

namespace skald {
namespace {

using decode::ForeignOption;

// The first option of each group. Rows of the table that follow belong to it.
struct GroupStart {
  std::string_view option;
  std::string_view group;
};
constexpr GroupStart kGroups[] = {
    {"max_new_tokens", "How long"},
    {"eos_token_id", "Tokens with a meaning"},
    {"do_sample", "How tokens are drawn"},
    {"repetition_penalty", "Repetition"},
    {"bad_words_ids", "Tokens and words, wanted and unwanted"},
    {"remove_invalid_values", "Numbers"},
    {"penalty_alpha", "Other strategies"},
    {"guidance_scale", "Guidance"},
    {"prompt_lookup_num_tokens", "Drafts: the same text, sooner"},
    {"num_beams", "Beams"},
    {"adapter", "Weights"},
    {"num_return_sequences", "What comes back"},
    {"prefix_cache", "What requests share"},
};

std::vector<OptionInfo> grouped() {
  std::vector<OptionInfo> infos;
  std::string_view group;
  for (const auto& option : decode::option_table()) {
    const auto* const start = std::ranges::find(kGroups, option.info.name, &GroupStart::option);
    if (start != std::end(kGroups)) group = start->group;
    infos.push_back(option.info);
    infos.back().group = group;
  }
  return infos;
}

std::string_view type_name(ForeignOption::Kind kind) {
  switch (kind) {
    case ForeignOption::Kind::boolean: return "boolean";
    case ForeignOption::Kind::count: return "integer";
    case ForeignOption::Kind::object: return "json";
    default: return "text";
  }
}

// "use_cache" -> "--use-cache"
std::vector<std::string> flags_of(std::span<const ForeignOption> options) {
  std::vector<std::string> flags;
  for (const ForeignOption& option : options) {
    std::string& flag = flags.emplace_back("--" + std::string(option.name));
    std::ranges::replace(flag, '_', '-');
  }
  return flags;
}

}  // namespace

std::span<const OptionInfo> generation_options() {
  static const std::vector<OptionInfo> rows = grouped();
  return rows;
}

std::span<const OptionInfo> passive_options() {
  static const std::vector<std::string> flags = flags_of(decode::foreign_options());
  static const std::vector<OptionInfo> rows = [] {
    std::vector<OptionInfo> infos;
    for (const ForeignOption& option : decode::foreign_options()) {
      infos.push_back({.name = option.name,
                       .flag = flags[infos.size()],
                       .aliases = {},
                       .type = type_name(option.kind),
                       .range = {},
                       .meaning = option.note,
                       .group = "Accepted for transformers' sake, without effect"});
    }
    return infos;
  }();
  return rows;
}

}  // namespace skald
