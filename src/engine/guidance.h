// From the options of guidance to the branches that run beside a request.
#pragma once

#include <memory>
#include <span>

#include "decode/guidance.h"
#include "engine/model_set.h"

namespace skald::engine {

/// What `config` asks for, for one prompt; nullptr: nothing. Throws OptionError for names that are not known, and where
/// the model cannot be guided so.
std::shared_ptr<const decode::Guidance> make_guidance(const GenerationConfig& config, const ModelSet& models,
                                                      const decode::LanguageModel& model,
                                                      std::span<const TokenId> prompt);

}  // namespace skald::engine
