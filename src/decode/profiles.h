// What the same options mean in other engines.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "skald/generation_config.h"

namespace skald::decode {

/// One engine's rules. Sources: docs/profiles.md.
struct Profile {
  std::string_view name;
  std::span<const std::string_view> order = {};  // of the samplers; empty: transformers', see chain_places()
  bool top_k_ties_stay = true;                   // else exactly k
  bool top_p_crossing_stays = true;              // the token with which the probabilities exceed p
  bool penalties_see_pads = false;               // repetition_penalty counts the pads before a prompt
  bool repetition_sees_prompt = true;            // repetition_penalty
  bool counts_see_prompt = false;                // frequency_penalty, presence_penalty
  GenerationConfig defaults = {};                // at the rank of a door's defaults
};

/// Every profile, the default one first.
std::span<const Profile> profiles();

/// The profile that `config` names; "hf" where it names none.
const Profile& profile_of(const GenerationConfig& config);

}  // namespace skald::decode
