// Options that a call gives and that have no effect in it, and those that hold in another way here.
#pragma once

#include <vector>

#include "skald/generation_config.h"
#include "skald/notice.h"

namespace skald::decode {

/// What is known of the model that a call is for.
struct ModelFacts {
  bool encodes = false;                // it has an encoder
  bool has_draft = false;              // a draft model is loaded
  bool draft_reads_otherwise = false;  // with a tokenizer of its own
};

/// Notices on options of `request`; `config` is what it resolved to. A value that asks for nothing (a penalty of 1)
/// needs none.
std::vector<Notice> idle_options(const GenerationConfig& config, const GenerationConfig& request,
                                 const ModelFacts& model);

}  // namespace skald::decode
