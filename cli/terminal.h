// Where the command writes: results to standard output, everything else to standard error, with manners on a terminal.
#pragma once

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

namespace skald::cli {

/// Standard output cannot take what was written (disk full, closed).
class OutputError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Must run first: holds the places of closed standard streams, so that no file that is opened later takes them, lets a
/// closed pipe end the process quietly, and makes Ctrl-C end it at once with exit code 130.
void prepare_process();

bool stdin_is_terminal();
bool stdin_is_closed();
bool stdout_is_terminal();
bool stderr_is_terminal();

/// Standard output goes to the file at `path` from now on, which is made (with its folder), or emptied, or with
/// `append` gone on with. Throws PathError.
void redirect_output(const std::string& path, bool append = false);
/// Columns of the terminal that standard output is; 80 where they are not known.
std::size_t terminal_columns();
/// Whether the terminal moves its cursor and erases where it is told to.
bool terminal_obeys();

/// Writes all of `text` to standard output at once. Throws OutputError.
void write_output(std::string_view text);

/// `text` as it is on standard error.
void write_error(std::string_view text);
/// One line on standard error: "skald: `line`".
void write_notice(std::string_view line);

/// Shows what the library has to say as notices, each line once, or nothing where `quiet`.
void show_log(bool quiet);

/// `text` as model output may reach a terminal: control characters but line end and tab become \xNN, so that no text
/// can move the cursor, set the title or type commands.
std::string escape_controls(std::string_view text);
/// `text` for standard output: escaped on a terminal, as it is in a pipe.
std::string for_output(std::string_view text);

/// `text` in grey or bold where standard output shows colours (a terminal, NO_COLOR unset), else as it is.
std::string dim(std::string_view text);
std::string bold(std::string_view text);
/// `text` from green (certain) over yellow to red (a surprise).
std::string by_probability(double probability, std::string_view text);

/// While one is alive, Ctrl-C is noted for interrupted() instead of ending the process.
class SoftInterrupt {
 public:
  SoftInterrupt();
  ~SoftInterrupt();
  SoftInterrupt(const SoftInterrupt&) = delete;
  SoftInterrupt& operator=(const SoftInterrupt&) = delete;
  [[nodiscard]] static bool interrupted();
};

/// A bar on standard error for work that takes longer than a moment; nothing where that is no terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// `fraction` in [0, 1]. May be called from any thread.
  void update(double fraction);

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  bool shown_ = false;
  std::mutex mutex_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = {};
};

}  // namespace skald::cli
