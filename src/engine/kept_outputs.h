// What a request may ask to be kept of its steps.
#pragma once

#include "decode/sampling_request.h"
#include "models/decoder_model.h"

namespace skald::engine {

/// Throws OptionError where a request asks for what its strategy or its model does not have, or for more than memory
/// should hold: the option, its size and the limit are named.
void check_outputs(const decode::SamplingRequest& request, const models::ModelShape& shape);

}  // namespace skald::engine
