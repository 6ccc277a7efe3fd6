#include "turns.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "generation_flags.h"
#include "input.h"
#include "live_text.h"
#include "skald/error.h"
#include "terminal.h"

namespace skald::cli {
namespace {

void take_line(std::string_view line, const TakeLine& text, const TakeLine& command) {
  if (line.starts_with("//")) return text(line.substr(1));
  if (line.starts_with('/')) return command(line);
  if (!is_blank(line)) text(line);
}

}  // namespace

void take_turns(std::string_view invitation, const TakeLine& text, const TakeLine& command) {
  const bool ask = stdin_is_terminal() && stderr_is_terminal();
  const std::string_view sign = ask ? "> " : "";
  if (ask) write_notice(invitation);
  write_error(sign);
  const auto take = [&](std::string_view line, const std::string& source) {
    try {
      require_utf8(line, source);
      take_line(line, text, command);
    } catch (const CancelledError&) {
      write_output("\n");
    } catch (const Error& error) {
      if (!ask) throw;  // a person may try again, a script must see the failure
      const auto* const option = dynamic_cast<const OptionError*>(&error);
      write_notice(option != nullptr ? with_flag_name(*option).what() : error.what());
    }
    write_error(sign);
  };
  try {
    read_lines("-", take);
    if (ask) write_error("\n");
  } catch (const Quit&) {
  }
}

Completion show_answer(const Model& model, Prompt prompt, const GenerationConfig& config, std::string_view before) {
  const SoftInterrupt soft;
  LiveText live;
  if (!before.empty()) live.begin_with(before);
  std::vector<Prompt> prompts;
  prompts.push_back(std::move(prompt));
  Generation generation = model.submit(
      std::move(prompts), config, [&live](const StreamEvent& event) { live.show(event); }, Door::generate_command);
  bool cancelled = false;
  while (!generation.wait_for(std::chrono::milliseconds(20))) {
    if (SoftInterrupt::interrupted() && !cancelled) {
      generation.cancel();
      cancelled = true;
    }
  }
  std::vector<Completion> completions = generation.wait();
  write_output("\n");
  if (!completions[0].notice.empty()) write_notice(completions[0].notice);
  return std::move(completions[0]);
}

}  // namespace skald::cli
