#include "interactive.h"

#include <chrono>
#include <string>

#include "input.h"
#include "skald/error.h"
#include "terminal.h"

namespace skald::cli {
namespace {

void answer(const Model& model, const std::string& prompt, const GenerationConfig& config) {
  const SoftInterrupt soft;
  if (stdout_is_terminal()) write_output(dim(escape_controls(prompt)));
  Generation generation = model.submit(
      {prompt}, config, [](const StreamEvent& event) { write_output(for_output(event.text)); }, Door::generate_command);
  bool cancelled = false;
  while (!generation.wait_for(std::chrono::milliseconds(20))) {
    if (SoftInterrupt::interrupted() && !cancelled) {
      generation.cancel();
      cancelled = true;
    }
  }
  const std::vector<Completion> completions = generation.wait();
  write_output("\n");
  for (const Completion& completion : completions) {
    if (!completion.notice.empty()) write_notice(completion.notice);
  }
}

}  // namespace

int run_interactive(const Model& model, const GenerationConfig& config) {
  if (config.over(model.generation_config()).num_return_sequences.value_or(1) != 1) {
    throw OptionError("--interactive shows one completion of each prompt: leave out --num-samples");
  }
  const bool ask = stdin_is_terminal() && stderr_is_terminal();
  const std::string_view sign = ask ? "> " : "";
  if (ask) write_notice("type the beginning of a text; Ctrl-C stops the answer, Ctrl-D ends");
  write_error(sign);
  read_lines("-", [&](std::string_view line, const std::string& source) {
    try {
      require_utf8(line, source);
      if (!is_blank(line)) answer(model, std::string(line), config);
    } catch (const CancelledError&) {
      write_output("\n");
    } catch (const Error& error) {
      if (!ask) throw;  // a person may try again, a script must see the failure
      write_notice(error.what());
    }
    write_error(sign);
  });
  if (ask) write_error("\n");
  return 0;
}

}  // namespace skald::cli
