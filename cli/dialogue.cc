#include "dialogue.h"

#include <algorithm>
#include <span>
#include <utility>

#include "skald/conversation.h"
#include "skald/error.h"
#include "skald/session.h"
#include "skald/text.h"
#include "terminal.h"
#include "token_tables.h"
#include "turns.h"

namespace skald::cli {
namespace {

constexpr std::int64_t kShownProbabilities = 10;
constexpr std::string_view kNothingYet = "there is no turn yet";

// {"a":1,"b":[2,3]} as lines "  a = 1".
std::string settings_lines(const std::string& json) {
  std::string out;
  for (const JsonMember& member : json_members(json, "options")) {
    out.append("  ").append(member.key).append(" = ").append(member.value).append("\n");
  }
  return out;
}

}  // namespace

Dialogue::Dialogue(Setup setup)
    : system_(std::move(setup.system)),
      model_(std::move(setup.model)),
      start_(setup.config),
      config_(std::move(setup.config)),
      load_model_(std::move(setup.load)),
      save_file_(std::move(setup.save_file)) {
  check_one(config_);
  add_turn_commands();
  add_option_commands();
  add_file_commands();
}

void Dialogue::add_turn_commands() {
  commands_.add({"/retry", "", "another answer to the last turn", [this](auto) { retry(); }});
  commands_.add({"/undo", "", "take the last turn back", [this](auto) { undo(); }});
  commands_.add({"/history", "", "show all turns", [this](auto) { show_history(); }});
  commands_.add({"/probs", "[TEXT]", "how probable the next tokens are: here, or after TEXT",
                 [this](std::string_view text) { show_probabilities(text); }});
}

void Dialogue::add_option_commands() {
  commands_.add({"/set", "NAME=VALUE", "change an option, as the flag --NAME does; /set NAME explains it",
                 [this](std::string_view setting) { set(setting); }, complete_option});
  commands_.add(
      {"/seed", "[N]", "show the last seed, or set the next ones", [this](std::string_view seed) { set_seed(seed); }});
  commands_.add({"/status", "", "show the model and the options that are in force", [this](auto) { show_status(); }});
  commands_.add({"/reset", "", "go back to the options of the start", [this](auto) {
                   config_ = start_;
                   write_error("Back to the options of the start.\n");
                 }});
}

void Dialogue::add_file_commands() {
  commands_.add({"/save", "F", "keep turns and options in the file F",
                 [this](std::string_view path) {
                   save(std::string(path));
                   write_error("Saved: " + escape_controls(path) + "\n");
                 },
                 complete_path});
  commands_.add({"/load", "F", "go on with those that were saved",
                 [this](std::string_view path) {
                   load(std::string(path));
                   write_error("Loaded: " + std::to_string(turns_.size()) + " turns\n");
                 },
                 complete_path});
  commands_.add({"/model", "PATH", "go on with another model",
                 [this](std::string_view path) {
                   changes_model(std::string(path));
                   model_ = load_model_(std::string(path));
                   write_error("Model: " + escape_controls(model_.info().path) + "\n");
                 },
                 complete_path});
}

void Dialogue::run(const std::string& invitation) {
  commands_.add({"/help", "", "show this", [this](auto) {
                   write_error("Any line is said to the model; // at its start stands for /.\n" + commands_.help());
                 }});
  commands_.add({"/quit", "", "end, as Ctrl-D does", [](auto) { throw Quit(); }});
  take_turns({.invitation = invitation + "; /help shows commands, Ctrl-C stops the answer, Ctrl-D ends",
              .text = [this](std::string_view text) { answer(std::string(text), config_); },
              .command = [this](std::string_view line) { commands_.run(line); },
              .complete = [this](std::string_view before) { return commands_.complete(before); }});
}

std::vector<ChatMessage> Dialogue::messages() const {
  std::vector<ChatMessage> messages;
  if (system_) messages.push_back({"system", *system_});
  for (const Turn& turn : turns_) {
    messages.push_back({"user", turn.said});
    messages.push_back({"assistant", turn.answer});
  }
  return messages;
}

// A turn without an answer is as if it had not been.
void Dialogue::answer(const std::string& said, const GenerationConfig& config) {
  std::vector<ChatMessage> all = messages();
  all.push_back({"user", said});
  const Prompt prompt = prompt_for(all);
  const Completion completion = show_answer(model_, prompt, config_for(prompt, config), before(said));
  turns_.push_back({said, completion.text});
  last_seed_ = completion.seed;
  answered(completion);
  if (save_file_) save(*save_file_);
}

void Dialogue::retry() {
  if (turns_.empty()) throw OptionError(ErrorFields{.field = "/retry", .rule = std::string(kNothingYet)});
  const Turn last = turns_.back();
  GenerationConfig config = config_;
  if (last_seed_) config.seed = *last_seed_ + 1;
  turns_.pop_back();
  try {
    answer(last.said, config);
  } catch (...) {
    turns_.push_back(last);
    throw;
  }
  if (turns_.back().answer == last.answer) write_notice("the same again: without sampling there is no other answer");
}

void Dialogue::undo() {
  if (turns_.empty()) throw OptionError(ErrorFields{.field = "/undo", .rule = std::string(kNothingYet)});
  write_error("Taken back: " + escape_controls(turns_.back().said) + "\n");
  turns_.pop_back();
  if (save_file_) save(*save_file_);
}

void Dialogue::show_history() const {
  if (system_) write_output(dim("system: " + escape_controls(*system_)) + "\n");
  for (const Turn& turn : turns_) {
    write_output(bold("> " + for_output(turn.said)) + "\n" + for_output(turn.answer) + "\n");
  }
}

void Dialogue::show_probabilities(std::string_view text) const {
  std::vector<ChatMessage> all = messages();
  if (!text.empty()) {
    all.push_back({"user", std::string(text)});
  } else if (turns_.empty()) {
    throw OptionError(
        ErrorFields{.field = "/probs", .rule = std::string(kNothingYet) + ": /probs TEXT shows what follows TEXT"});
  }
  const Prompt prompt = prompt_for(all);
  Session session(model_, prompt, config_);
  write_output(probability_table(model_, session.alternatives(Session::kRoot, kShownProbabilities)));
}

void Dialogue::show_status() const {
  const GenerationConfig lower = model_.generation_config().over(door_defaults(Door::generate_command));
  write_error(escape_controls("  model = " + model_.info().path + "\n  turns = " + std::to_string(turns_.size()) +
                              "\n" + settings_lines(config_.over(lower).to_json())));
}

// "temperature=0.5", "temperature 0.5", "temperature".
void Dialogue::set(std::string_view setting) {
  const std::size_t end = std::min(setting.find_first_of("= \t"), setting.size());
  const std::string name(setting.substr(0, end));
  if (end == setting.size()) return write_error(escape_controls(explain_option(name)));
  std::string_view value = setting.substr(end + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t="), value.size()));
  GenerationConfig changed = config_;
  changed.set(name, value);
  check_one(changed);
  config_ = std::move(changed);
  write_error("Updated: " + escape_controls(name + "=" + std::string(value)) + "\n");
}

void Dialogue::set_seed(std::string_view seed) {
  if (seed.empty()) {
    return write_error(last_seed_ ? "The last text was drawn with seed " + std::to_string(*last_seed_) + ".\n"
                                  : "No text was drawn yet.\n");
  }
  set("seed=" + std::string(seed));
}

void Dialogue::save(const std::string& path) const {
  SavedConversation{.kind = kind(), .messages = messages(), .config = config_}.save(path);
}

void Dialogue::load(const std::string& path) {
  SavedConversation saved = SavedConversation::load(path, kind());
  check_one(saved.config);
  system_.reset();
  std::span<const ChatMessage> rest = saved.messages;
  if (!rest.empty() && rest.front().role == "system") {
    system_ = rest.front().content;
    rest = rest.subspan(1);
  }
  turns_.clear();
  for (; rest.size() >= 2; rest = rest.subspan(2)) turns_.push_back({rest[0].content, rest[1].content});
  config_ = std::move(saved.config);
  last_seed_.reset();
}

void Dialogue::check_one(const GenerationConfig& config) const {
  if (config.over(model_.generation_config()).num_return_sequences.value_or(1) == 1) return;
  throw OptionError("one answer is shown to each turn: leave out --num-samples");
}

}  // namespace skald::cli
