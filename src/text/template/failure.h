// How a template fails. What is thrown inside knows no place; where a statement is run, the line is added.
#pragma once

#include <stdexcept>
#include <string>

namespace skald::jinja {

/// On its way to the statement that failed; becomes TemplateError, or LimitError where `limit`.
struct Failure : std::runtime_error {
  explicit Failure(const std::string& message, bool over_limit = false, bool by_template = false)
      : std::runtime_error(message), limit(over_limit), raised(by_template) {}
  bool limit;    // one of the interpreter's limits was met
  bool raised;   // by raise_exception
  int line = 0;  // of the template; 0: not known yet
};

/// The source is no template.
struct SyntaxFailure : std::runtime_error {
  SyntaxFailure(const std::string& message, int at_line, int at_column)
      : std::runtime_error(message), line(at_line), column(at_column) {}
  int line, column;
};

[[noreturn]] inline void fail(const std::string& message) { throw Failure(message); }
[[noreturn]] inline void fail_limit(const std::string& message) { throw Failure(message, true); }

}  // namespace skald::jinja
