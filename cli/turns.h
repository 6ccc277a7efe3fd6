// What the faces share that take a line from the keyboard and answer it.
#pragma once

#include <functional>
#include <string_view>

#include "skald/model.h"

namespace skald::cli {

/// Thrown by a command that ends take_turns().
struct Quit {};

using TakeLine = std::function<void(std::string_view line)>;

/// Gives each line of standard input to `text`, or to `command` where it begins with a slash; // at its start stands
/// for
/// /, blank lines are passed over. On a terminal `invitation` comes first, and after an error the next line; else an
/// error is thrown on.
void take_turns(std::string_view invitation, const TakeLine& text, const TakeLine& command);

/// The one completion of `prompt`, shown as it comes, behind `before` where that is not empty. Ctrl-C ends it; what is
/// there stays.
Completion show_answer(const Model& model, Prompt prompt, const GenerationConfig& config, std::string_view before = {});

}  // namespace skald::cli
