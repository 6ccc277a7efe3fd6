// Token ids of options against the vocabulary of the model.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "skald/error.h"
#include "skald/generation_config.h"

namespace skald::engine {

/// Throws OptionError for a token id that the model does not have.
inline void check_ids(std::string_view option, std::span<const TokenId> ids, std::int64_t vocab_size) {
  for (const TokenId id : ids) {
    if (id < vocab_size) continue;
    throw OptionError({.field = std::string(option),
                       .value = std::to_string(id),
                       .rule = "must be in [0, " + std::to_string(vocab_size) + "): the model has no such token"});
  }
}

}  // namespace skald::engine
