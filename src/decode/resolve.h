// From what a caller, a model's file and a door say to the configuration that a request runs with.
#pragma once

#include <vector>

#include "decode/idle_options.h"
#include "skald/generation_config.h"
#include "skald/notice.h"

namespace skald::decode {

struct ResolvedConfig {
  GenerationConfig config;           // complete: every option that acts is set, or off
  bool length_asked = false;         // the caller said how long: a limit that does not fit is then an error
  std::vector<Notice> notices = {};  // on options of the call
};

/// Rank: `request` > `model_file` > the defaults of `door`. Throws OptionError where a value is out of its range or
/// contradicts another one. In the native doors temperature 0 is greedy decoding and a temperature in the call asks
/// for sampling; the transformers door does what transformers does. `model`: for notices.
ResolvedConfig resolve(const GenerationConfig& request, const GenerationConfig& model_file, Door door,
                       const ModelFacts& model = {});

}  // namespace skald::decode
