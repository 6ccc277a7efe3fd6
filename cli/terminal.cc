#include "terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>

#include "skald/error.h"
#include "skald/log.h"

namespace skald::cli {
namespace {

constexpr int kInterruptedExit = 130;
constexpr std::string_view kReset = "\x1b[0m";

std::array<bool, 3> closed_streams{};
std::atomic<int> soft_interrupts{0};  // that are alive
std::atomic<bool> interrupt_seen{false};
std::atomic<bool> terminal_touched{false};  // colour or a half line stands on the terminal

static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free,
              "used in a signal handler");

// The kernel frees what the process holds, and everything that was written is out already: nothing is left to tidy.
void on_interrupt(int /*signal*/) {
  if (soft_interrupts > 0 && !interrupt_seen.exchange(true)) return;
  if (terminal_touched) {
    constexpr std::string_view kTidy = "\x1b[0m\n";
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kTidy.data(), kTidy.size());
  }
  ::_exit(kInterruptedExit);
}

void hold_closed_streams() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    closed_streams[static_cast<std::size_t>(fd)] = true;
    [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);  // takes the lowest free number: fd
  }
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool colours_allowed() {
  const char* no_color = std::getenv("NO_COLOR");
  return (no_color == nullptr || *no_color == '\0') && terminal_obeys();
}

std::string styled(std::string_view code, std::string_view text) {
  static const bool enabled = stdout_is_terminal() && colours_allowed();
  if (!enabled || text.empty()) return std::string(text);
  return std::string(code) + std::string(text) + std::string(kReset);
}

void append_hex(std::string& out, unsigned char byte) {
  constexpr char kHex[] = "0123456789abcdef";
  out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
}

}  // namespace

void prepare_process() {
  hold_closed_streams();
  std::signal(SIGPIPE, SIG_DFL);  // a parent may have it ignored
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
}

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) == 1; }
bool stdin_is_closed() { return closed_streams[STDIN_FILENO]; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

std::size_t terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

bool terminal_obeys() {
  const char* term = std::getenv("TERM");
  return term != nullptr && std::strcmp(term, "dumb") != 0;
}

void redirect_output(const std::string& path, bool append) {
  std::error_code ignored;  // what cannot be made is told below
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
  if (file < 0 || ::dup2(file, STDOUT_FILENO) < 0) {
    const PathError::Kind kind = errno == EISDIR   ? PathError::Kind::is_directory
                                 : errno == EACCES ? PathError::Kind::permission
                                                   : PathError::Kind::io;
    throw PathError(kind, {.file = path, .rule = std::string("cannot be written: ") + std::strerror(errno)});
  }
  ::close(file);
  closed_streams[STDOUT_FILENO] = false;
}

void write_output(std::string_view text) {
  if (text.empty()) return;
  if (closed_streams[STDOUT_FILENO]) throw OutputError("standard output is closed: there is nowhere to write to");
  if (stdout_is_terminal()) terminal_touched = text.back() != '\n';
  if (!write_all(STDOUT_FILENO, text)) {
    throw OutputError(std::string("cannot write to standard output: ") + std::strerror(errno));
  }
}

void write_error(std::string_view text) { write_all(STDERR_FILENO, text); }

void write_notice(std::string_view line) { write_error("skald: " + escape_controls(line) + "\n"); }

void show_log(bool quiet) {
  if (quiet) return set_log_sink({});
  set_log_sink([told = std::set<std::string>()](LogLevel level, std::string_view line) mutable {
    if (!told.emplace(line).second) return;
    write_notice(level == LogLevel::warning ? "warning: " + std::string(line) : line);
  });
}

std::string escape_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool is_control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // U+0080..U+009F: some terminals obey them
      append_hex(out, byte);
      append_hex(out, next);
      ++i;
    } else if (is_control) {
      append_hex(out, byte);
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string for_output(std::string_view text) {
  return stdout_is_terminal() ? escape_controls(text) : std::string(text);
}

std::string dim(std::string_view text) { return styled("\x1b[2m", text); }
std::string bold(std::string_view text) { return styled("\x1b[1m", text); }
std::string by_probability(double probability, std::string_view text) {
  return styled(probability >= 0.5 ? "\x1b[1;32m" : probability >= 0.1 ? "\x1b[1;33m" : "\x1b[1;31m", text);
}

SoftInterrupt::SoftInterrupt() {
  interrupt_seen = false;
  ++soft_interrupts;
}

SoftInterrupt::~SoftInterrupt() { --soft_interrupts; }

bool SoftInterrupt::interrupted() { return interrupt_seen; }

ProgressBar::ProgressBar(std::string label) : label_(std::move(label)) {}

ProgressBar::~ProgressBar() {
  if (shown_) write_error("\r\x1b[K");
}

void ProgressBar::update(double fraction) {
  constexpr auto kPatience = std::chrono::milliseconds(300);
  constexpr auto kInterval = std::chrono::milliseconds(50);
  constexpr std::size_t kWidth = 30;
  if (!stderr_is_terminal()) return;
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (now - start_ < kPatience || now - last_ < kInterval) return;
  last_ = now;
  shown_ = true;
  fraction = std::clamp(fraction, 0.0, 1.0);
  const auto filled = static_cast<std::size_t>(fraction * kWidth);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  write_error("\r" + label_ + " [" + bar + "] " + std::to_string(static_cast<int>(fraction * 100)) + "%\x1b[K");
}

}  // namespace skald::cli
