// The places of a chain: for each the options that it reads and the processors that it makes of them.
#pragma once

#include <span>
#include <string_view>

#include "decode/chain.h"
#include "decode/profiles.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// What a place makes its processors from.
struct ChainRequest {
  const GenerationConfig& config;
  const ChainSetup& setup;
  const Profile& profile;
};

struct ChainPlace {
  enum class Role {
    rule,        // bans, forced tokens, lengths: before all samplers where the order is not transformers'
    penalty,     // a sampler that acts in every strategy
    warper,      // a sampler that only sampling has
    truncation,  // a warper that takes tokens out
    last,        // behind all others
  };
  std::string_view name;  // of the option; in `samplers` too
  Role role;
  void (*make)(const ChainRequest& request, ProcessorChain& chain);  // adds nothing where the option is unset
};

/// Every place, in the order of transformers 5.23.
std::span<const ChainPlace> chain_places();

}  // namespace skald::decode
