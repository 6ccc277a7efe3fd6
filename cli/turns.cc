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

constexpr std::string_view kSign = "> ", kGoesOn = ". ", kQuotes = "\"\"\"";

// The lines of one turn, as they are typed.
class TypedTurn {
 public:
  /// Whether the turn is complete with this line.
  bool add(std::string_view line) {
    if (!begun_ && line.starts_with(kQuotes)) {
      in_block_ = true;
      line.remove_prefix(kQuotes.size());
      if (line.empty()) return begun_ = true, false;
    }
    const bool ends_block = in_block_ && line.ends_with(kQuotes);
    const bool goes_on = !in_block_ && line.ends_with('\\');
    if (ends_block) line.remove_suffix(kQuotes.size());
    if (goes_on) line.remove_suffix(1);
    if (!(ends_block && line.empty())) append(line);
    begun_ = true;
    return in_block_ ? ends_block : !goes_on;
  }
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool is_block() const { return in_block_; }
  /// The text, and the next turn is begun.
  std::string take() {
    std::string text = std::move(text_);
    *this = {};
    return text;
  }

 private:
  void append(std::string_view line) {
    if (!text_.empty() || lines_ > 0) text_ += '\n';
    text_ += line;
    ++lines_;
  }

  std::string text_;
  std::size_t lines_ = 0;
  bool begun_ = false, in_block_ = false;
};

void take_turn(const TurnTaker& taker, std::string_view turn, bool is_text) {
  if (is_text) return taker.text(turn);
  if (turn.starts_with("//")) return taker.text(turn.substr(1));
  if (turn.starts_with('/')) return taker.command(turn);
  if (taker.takes_blank || !is_blank(turn)) taker.text(turn);
}

// A person reads what was wrong and tries again; a script must see the failure.
void take_from_person(const TurnTaker& taker, TypedTurn& typed, std::string_view line, const std::string& source) {
  try {
    require_utf8(line, source);
    if (!typed.add(line)) return;
    const bool is_text = typed.is_block();
    take_turn(taker, typed.take(), is_text);
  } catch (const CancelledError&) {
    write_output("\n");
  } catch (const Error& error) {
    const auto* const option = dynamic_cast<const OptionError*>(&error);
    write_notice(option != nullptr ? with_flag_name(*option).what() : error.what());
  }
}

void take_edited_turns(const TurnTaker& taker) {
  LineEditor editor(taker.complete);
  TypedTurn typed;
  std::string line;
  while (true) {
    switch (editor.read(std::string(typed.begun() ? kGoesOn : kSign), line)) {
      case LineEditor::Outcome::end: return write_error("\n");
      case LineEditor::Outcome::interrupted:
        write_error("^C\n");
        typed.take();
        break;
      case LineEditor::Outcome::line: take_from_person(taker, typed, line, "standard input");
    }
  }
}

// On a terminal that cannot be told to move its cursor.
void take_plain_turns(const TurnTaker& taker) {
  TypedTurn typed;
  write_error(kSign);
  read_lines("-", [&](std::string_view line, const std::string& source) {
    take_from_person(taker, typed, line, source);
    write_error(typed.begun() ? kGoesOn : kSign);
  });
  write_error("\n");
}

}  // namespace

void take_turns(const TurnTaker& taker) {
  try {
    if (stdin_is_terminal() && stderr_is_terminal()) {
      write_notice(taker.invitation);
      return LineEditor::possible() ? take_edited_turns(taker) : take_plain_turns(taker);
    }
    read_lines("-", [&](std::string_view line, const std::string& source) {
      require_utf8(line, source);
      take_turn(taker, line, /*is_text=*/false);
    });
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
