// From the options about control vectors to what is added to the hidden states of a request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "nn/batch.h"
#include "skald/generation_config.h"

namespace skald::engine {

/// Control vectors of the main model that requests may name.
using ControlLibrary = std::map<std::string, std::shared_ptr<const nn::ControlVectors>>;

/// The sum of strength * vector that `config` asks for, at the layers that it names; null where that is nothing. Throws
/// OptionError for names that are not loaded, and for layers that the model or the vectors do not have.
std::shared_ptr<const nn::ControlVectors> make_controls(const GenerationConfig& config, const ControlLibrary& loaded,
                                                        std::int64_t n_layers);

}  // namespace skald::engine
