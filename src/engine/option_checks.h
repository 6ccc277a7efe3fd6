// Options of a call that this model, or another option, rules out.
#pragma once

#include "engine/model_set.h"
#include "skald/generation_config.h"

namespace skald::engine {

bool is_contrastive(const GenerationConfig& config);
/// Greedy decoding or sampling: what drafts are for.
bool one_by_one(const GenerationConfig& config);

/// `config`: with every rank resolved. Throws OptionError.
void check_options(const GenerationConfig& config, const ModelSet& models);
/// Of a call whose code looks at all rows together. Throws OptionError.
void check_group_hooks(const GenerationConfig& config);

}  // namespace skald::engine
