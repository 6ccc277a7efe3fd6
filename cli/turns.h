// What the faces share that take a line from the keyboard and answer it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "line_editor.h"
#include "skald/model.h"

namespace skald::cli {

/// Thrown by a command that ends take_turns().
struct Quit {};

using TakeLine = std::function<void(std::string_view line)>;

/// Who answers.
struct TurnTaker {
  std::string invitation;  // shown first, on a terminal
  TakeLine text;
  TakeLine command;          // what begins with a slash
  Completer complete = {};   // of what is typed on a terminal
  bool takes_blank = false;  // as text; else blank turns are passed over
};

/// Gives each turn of standard input to `taker`, until its end or Quit; // at its start stands for /. In a pipe a turn
/// is a line, and an error is thrown on. On a terminal lines are edited, a turn may be several (one that ends in \ goes
/// on in the next; """ stands before and behind a block), Ctrl-C drops what is typed, and after an error comes the next
/// turn.
void take_turns(const TurnTaker& taker);

/// The one completion of `prompt`, shown as it comes, behind `before` where that is not empty. Ctrl-C ends it; what is
/// there stays.
Completion show_answer(const Model& model, Prompt prompt, const GenerationConfig& config, std::string_view before = {});

}  // namespace skald::cli
