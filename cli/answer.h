// The completions of one prompt, written as they come: as text for people or as JSON lines for programs.
#pragma once

#include "skald/model.h"

namespace skald::cli {

struct AnswerSettings {
  bool json = false;       // JSON lines
  bool events = false;     // and a line for each piece of text
  bool no_stream = false;  // text when it is complete
  bool stats = false;      // tokens and times at the end; in JSON those of each completion
  bool quiet = false;      // no notices
};

/// The exit code.
int answer(const Model& model, const Prompt& prompt, const GenerationConfig& config, const AnswerSettings& settings);

}  // namespace skald::cli
