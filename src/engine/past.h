// The tokens that a sequence has computed, and their state.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/conditions.h"
#include "models/decoder_model.h"
#include "skald/generation_config.h"  // TokenId

namespace skald::engine {

struct Request;

/// All that the state depends on stands here: where it was given up, it is computed again to the last bit.
struct Past {
  nn::SequenceId id = -1;            // in the model's pool; -1: there is no state
  std::int64_t prompt_length = 0;    // rows before it have it as their rope_length, later ones their own length
  std::int64_t asked_length = 0;     // of the prompt; `prompt_length` is another one once longrope began anew
  std::vector<TokenId> tokens = {};  // computed
  bool shallow = false;              // some of them in the first layers alone
  const Request* owner = nullptr;    // null: nobody's any more
  std::shared_ptr<const Conditions> conditions = {};

  [[nodiscard]] std::int64_t length() const { return std::ssize(tokens); }
  [[nodiscard]] std::int64_t rope_length(std::int64_t position) const {
    return position < prompt_length ? prompt_length : position + 1;
  }
};

/// Tokens at the beginning of `past`, which has or will have `theirs`, whose rows are those of `tokens` in `wanted`.
std::int64_t common_length(const Past& past, std::span<const TokenId> theirs, const Past& wanted,
                           std::span<const TokenId> tokens, const models::ModelShape& shape);

}  // namespace skald::engine
