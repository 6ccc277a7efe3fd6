#include "guided.h"

#include <string_view>

#include "flags.h"
#include "input.h"
#include "report.h"
#include "skald/error.h"
#include "terminal.h"
#include "token_tables.h"

namespace skald::cli {
namespace {

constexpr std::int64_t kShown = 5;
constexpr std::int64_t kMostAtOnce = 1 << 20;

class Guided {
 public:
  Guided(Session& session, const std::optional<std::string>& file)
      : session_(session), file_(file), asks_(stdin_is_terminal() && stderr_is_terminal()) {
    while (!session.nodes()[static_cast<std::size_t>(at_)].children.empty()) {
      at_ = session.nodes()[static_cast<std::size_t>(at_)].children.back();  // where it was left
    }
  }

  int run() {
    write_error(
        "Choose a number, or type the text that comes next; Enter: the model chooses; /go N: it chooses N tokens; "
        "/fork: "
        "it draws others; /back: one token back; quit: the end.\n");
    show();
    try {
      read_lines("-", [&](std::string_view line, const std::string& source) { answer(line, source); });
    } catch (const Quit&) {
    }
    write_output(for_output(session_.text(at_)) + "\n");
    return 0;
  }

 private:
  struct Quit {};

  [[nodiscard]] const SessionNode& node() const { return session_.nodes()[static_cast<std::size_t>(at_)]; }

  void answer(std::string_view line, const std::string& source) {
    try {
      require_utf8(line, source);
      act(line);
      if (file_) session_.save(*file_);
    } catch (const Error& error) {
      if (!asks_) throw;  // a person may try again, a script must see the failure
      write_notice(error.what());
    }
    show();
  }

  void act(std::string_view line) {
    if (line == "quit" || line == "/quit") throw Quit();
    if (line == "/back") {
      if (node().parent >= 0) at_ = node().parent;
    } else if (line == "/fork") {
      at_ = session_.generate(at_, 1, /*fork=*/true);
    } else if (line.starts_with("/go ")) {
      at_ = session_.generate(at_, Flags::parse_integer("/go", line.substr(4), 1, kMostAtOnce));
    } else if (line.empty()) {
      at_ = session_.generate(at_, 1);
    } else if (line.size() == 1 && line[0] >= '1' && line[0] < '1' + std::ssize(next_)) {
      at_ = session_.force(at_, next_[static_cast<std::size_t>(line[0] - '1')].token);
    } else {
      at_ = session_.force(at_, line);
    }
  }

  void show() {
    if (at_ != Session::kRoot) write_error("\n" + escape_controls(session_.text(at_)) + "\n");
    next_.clear();
    next_ = session_.alternatives(at_, kShown);
    if (next_.empty()) return write_error("The text ends here: /back or quit.\n");
    write_error("\nTop " + std::to_string(next_.size()) + ":\n");
    for (std::size_t i = 0; i < next_.size(); ++i) {
      write_error("  " + std::to_string(i + 1) + ". " + spelled(session_.model(), next_[i].token) + " (" +
                  fixed(100 * next_[i].probability, 2) + " %)\n");
    }
    if (asks_) write_error("> ");
  }

  Session& session_;
  const std::optional<std::string>& file_;
  bool asks_;
  Session::Node at_ = Session::kRoot;
  std::vector<Alternative> next_;
};

}  // namespace

int run_guided(Session& session, const std::optional<std::string>& file) { return Guided(session, file).run(); }

}  // namespace skald::cli
