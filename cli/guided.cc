#include "guided.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "flags.h"
#include "json_object.h"
#include "report.h"
#include "skald/error.h"
#include "slash_commands.h"
#include "terminal.h"
#include "token_tables.h"
#include "turns.h"

namespace skald::cli {
namespace {

constexpr std::int64_t kMostAtOnce = 1 << 20;
constexpr std::int64_t kBetweenLooks = 16;  // tokens that are generated before Ctrl-C is looked for
constexpr std::size_t kBarWidth = 24;

class Guided {
 public:
  Guided(Session& session, const GuidedSettings& settings) : session_(session), settings_(settings) {
    while (!node().children.empty()) at_ = node().children.back();  // where it was left
    add_commands();
  }

  int run() {
    write_error(
        "Choose a number, or type the text that comes next; Enter: the model chooses; /go N: it chooses N tokens; "
        "/undo, /fork, /branches, /help; quit: the end.\n");
    show();
    take_turns({.invitation = "your choice, or what comes next",
                .text = [this](std::string_view line) { choose(line); },
                .command = [this](std::string_view line) { commands_.run(line); },
                .complete = [this](std::string_view before) { return commands_.complete(before); },
                .takes_blank = true});
    write_output(settings_.json ? json() : for_output(session_.text(at_)) + "\n");
    return 0;
  }

 private:
  [[nodiscard]] const SessionNode& node() const { return session_.nodes()[static_cast<std::size_t>(at_)]; }

  void add_commands() {
    commands_.add({"/go", "N", "let the model choose N tokens",
                   [this](std::string_view n) { go(Flags::parse_integer("/go", n, 1, kMostAtOnce)); }});
    commands_.add({"/undo", "", "take the last step back", [this](auto) {
                     if (steps_.empty()) throw OptionError("/undo: there is no step to take back; /back goes further");
                     at_ = steps_.back();
                     steps_.pop_back();
                     done();
                   }});
    commands_.add({"/back", "", "go one token back", [this](auto) {
                     if (node().parent >= 0) step_to(node().parent);
                     done();
                   }});
    commands_.add({"/fork", "", "draw another next token, on a branch of its own", [this](auto) {
                     step_to(session_.generate(at_, 1, /*fork=*/true));
                     done();
                   }});
    commands_.add({"/branches", "", "list the texts so far", [this](auto) { list_branches(); }});
    commands_.add({"/switch", "N", "go to the end of branch N", [this](std::string_view n) {
                     const std::vector<Session::Node> ends = branches();
                     const auto number = Flags::parse_integer("/switch", n, 1, std::ssize(ends));
                     step_to(ends[static_cast<std::size_t>(number - 1)]);
                     done();
                   }});
    commands_.add({"/help", "", "show this", [this](auto) { write_error(commands_.help()); }});
    commands_.add({"/quit", "", "write the text, and end", [](auto) { throw Quit(); }});
  }

  void choose(std::string_view line) {
    if (line == "quit") throw Quit();
    if (line.empty()) return go(1);
    const bool is_number = line.size() <= 2 && line.find_first_not_of("0123456789") == std::string_view::npos;
    const std::int64_t number = is_number ? std::stoll(std::string(line)) : 0;
    if (number >= 1 && number <= std::ssize(next_)) {
      step_to(session_.force(at_, next_[static_cast<std::size_t>(number - 1)].token));
    } else {
      step_to(session_.force(at_, line));
    }
    done();
  }

  void step_to(Session::Node node) {
    steps_.push_back(at_);
    at_ = node;
  }

  void go(std::int64_t n) {
    const SoftInterrupt soft;
    Session::Node end = at_;
    for (std::int64_t made = 0; made < n && !SoftInterrupt::interrupted();) {
      const std::int64_t some = std::min(n - made, kBetweenLooks);
      const Session::Node next = session_.generate(end, some);
      if (next == end) break;  // the text ended
      end = next;
      made += some;
    }
    step_to(end);
    done();
  }

  // After every step.
  void done() {
    if (settings_.file) session_.save(*settings_.file);
    show();
  }

  // "  1. " the"            (41.39 %) ############"
  [[nodiscard]] std::string line_of(std::size_t i) const {
    const auto pad = [](std::size_t size, std::size_t width) {
      return std::string(size < width ? width - size : 0, ' ');
    };
    const std::string number = std::to_string(i + 1), name = spelled(session_.model(), next_[i].token) + " ";
    std::string line = pad(number.size(), 3);
    line.append(number).append(". ").append(name).append(pad(name.size(), 16));
    line.append("(").append(fixed(100 * next_[i].probability, 2)).append(" %) ");
    return line.append(static_cast<std::size_t>(std::lround(next_[i].probability * kBarWidth)), '#').append("\n");
  }

  void show() {
    if (at_ != Session::kRoot) write_error("\n" + escape_controls(session_.text(at_)) + "\n");
    next_.clear();
    next_ = session_.alternatives(at_, settings_.shown);
    if (next_.empty()) return write_error("The text ends here: /undo, /switch N or quit.\n");
    write_error("\nTop " + std::to_string(next_.size()) + ":\n");
    for (std::size_t i = 0; i < next_.size(); ++i) {
      write_error(line_of(i));
    }
  }

  // The ends of all branches, in the order in which they came about.
  [[nodiscard]] std::vector<Session::Node> branches() const {
    std::vector<Session::Node> ends;
    for (Session::Node i = 0; i < std::ssize(session_.nodes()); ++i) {
      if (session_.nodes()[static_cast<std::size_t>(i)].children.empty()) ends.push_back(i);
    }
    return ends;
  }

  void list_branches() const {
    const std::vector<Session::Node> ends = branches();
    for (std::size_t i = 0; i < ends.size(); ++i) {
      write_error((ends[i] == at_ ? "* " : "  ") + std::to_string(i + 1) + ". " +
                  escape_controls(session_.text(ends[i])) + "\n");
    }
  }

  // The text, its tokens, and of each who chose it.
  [[nodiscard]] std::string json() const {
    std::vector<std::string> path;
    for (Session::Node i = at_; i != Session::kRoot;) {
      const SessionNode& step = session_.nodes()[static_cast<std::size_t>(i)];
      JsonObject object;
      object.add("token", step.token).add("forced", step.forced);
      if (step.logprob) object.add("logprob", static_cast<double>(*step.logprob));
      path.push_back(object.text());
      i = step.parent;
    }
    std::reverse(path.begin(), path.end());
    return JsonObject()
        .add("text", session_.text(at_))
        .add_raw("token_ids", json_integers(session_.tokens(at_)))
        .add_raw("path", json_array(path, [](const std::string& step) { return step; }))
        .line();
  }

  Session& session_;
  const GuidedSettings& settings_;
  SlashCommands commands_;
  Session::Node at_ = Session::kRoot;
  std::vector<Session::Node> steps_;  // where each step began
  std::vector<Alternative> next_;
};

}  // namespace

int run_guided(Session& session, const GuidedSettings& settings) { return Guided(session, settings).run(); }

}  // namespace skald::cli
