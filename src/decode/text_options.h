// Options that are given as texts and act as tokens.
#pragma once

#include <memory>
#include <vector>

#include "decode/processors/dry.h"
#include "skald/generation_config.h"
#include "text/tokenizer.h"

namespace skald::decode {

/// The biases with every text replaced by its tokens: those that are it, alone or after one space. Throws OptionError
/// where there is no such token, or no tokenizer.
std::vector<LogitBias> token_biases(const std::vector<LogitBias>& biases, const text::Tokenizer* tokenizer);

/// What ends a repetition for dry_multiplier; null where that is off, or there are no breakers. Throws OptionError
/// where the request names breakers and there is no tokenizer.
std::shared_ptr<const SequenceBreakers> dry_breakers(const GenerationConfig& config, const text::Tokenizer* tokenizer);

}  // namespace skald::decode
