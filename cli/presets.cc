#include "presets.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "flags.h"
#include "skald/error.h"

namespace skald::cli {
namespace {

struct Preset {
  std::string name;
  std::vector<std::pair<std::string, std::string>> options;
};

const std::array<Preset, 6>& presets() {
  static const std::array<Preset, 6> kPresets = {{
      {"creative",
       {{"max_new_tokens", "200"},
        {"do_sample", "true"},
        {"temperature", "0.8"},
        {"top_k", "50"},
        {"top_p", "0.95"},
        {"repetition_penalty", "1.2"}}},
      {"factual", {{"max_new_tokens", "100"}, {"do_sample", "false"}, {"repetition_penalty", "1.1"}}},
      {"diverse",
       {{"max_new_tokens", "100"},
        {"do_sample", "true"},
        {"temperature", "1.5"},
        {"num_beams", "5"},
        {"num_return_sequences", "5"}}},
      {"long-form",
       {{"max_new_tokens", "1000"},
        {"do_sample", "false"},
        {"penalty_alpha", "0.6"},
        {"top_k", "4"},
        {"repetition_penalty", "1.2"}}},
      {"translation",
       {{"max_new_tokens", "100"},
        {"do_sample", "false"},
        {"num_beams", "5"},
        {"early_stopping", "true"},
        {"no_repeat_ngram_size", "3"}}},
      {"code", {{"max_new_tokens", "200"}, {"do_sample", "true"}, {"temperature", "0.3"}, {"top_p", "0.95"}}},
  }};
  return kPresets;
}

}  // namespace

GenerationConfig preset(const std::string& name) {
  const auto* const found =
      std::find_if(presets().begin(), presets().end(), [&](const auto& p) { return p.name == name; });
  if (found == presets().end()) {
    throw OptionError({.field = "--preset", .value = quoted(name), .rule = "must be one of " + preset_names()});
  }
  GenerationConfig config;
  for (const auto& [option, value] : found->options) config.set(option, value);
  return config;
}

std::string preset_names() {
  std::string names;
  for (const Preset& each : presets()) names += (names.empty() ? "" : ", ") + each.name;
  return names;
}

std::string preset_list() {
  std::string list;
  for (const Preset& each : presets()) {
    std::string options;
    for (const auto& [option, value] : each.options) {
      options += options.empty() ? "" : ", ";
      options.append(option).append(" ").append(value);
    }
    list += (list.empty() ? "" : "; ") + each.name + " (" + options + ")";
  }
  return list;
}

}  // namespace skald::cli
