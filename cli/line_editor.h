// A line from the keyboard: keys, history and completion. Alone in knowing libedit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace skald::cli {

/// What may stand in the place of the text from `begin` to the cursor. The editor takes those that begin with it.
struct Completions {
  std::size_t begin = 0;  // in bytes
  std::vector<std::string> words = {};
};
using Completer = std::function<Completions(std::string_view before_cursor)>;

/// Reads lines from a terminal; the prompt and what is typed stand on standard error. While one is alive, Ctrl-C does
/// not end the process.
class LineEditor {
 public:
  enum class Outcome { line, interrupted, end };

  /// Whether standard input and error are a terminal that lines can be edited on.
  static bool possible();

  explicit LineEditor(Completer complete);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /// `line` without its end, in UTF-8. `interrupted`: Ctrl-C, the line is dropped. `end`: Ctrl-D on an empty line, or
  /// the terminal is gone.
  Outcome read(const std::string& prompt, std::string& line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skald::cli
