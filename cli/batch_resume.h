// Where a batch goes on that was broken off: read from what it has written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "input.h"
#include "skald/generation_config.h"
#include "skald/model.h"

namespace skald::cli {

/// A line of a file of prompts.
struct PromptLine {
  Prompt prompt;
  GenerationConfig options;  // its own
};

/// "text", [1, 2, 3] or {"prompt": either, "temperature": 0.2, ...}. `place` names the line in errors. Throws Error.
PromptLine parse_prompt_line(std::string_view line, const std::string& place);

/// The next line of `lines` that is not blank.
std::optional<std::string_view> next_line(LineReader& lines);

struct ResumePoint {
  std::int64_t prompt = 0;  // the first that has to be answered
  std::uint64_t bytes = 0;  // of the output up to its answer
};

/// Where the output file `path` ends that a batch of JSON lines wrote. The last prompt in it counts as not answered,
/// since completions of it may be missing. Throws FormatError where something else wrote the file.
ResumePoint find_resume_point(const std::string& path);

}  // namespace skald::cli
