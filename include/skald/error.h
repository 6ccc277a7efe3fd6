// The errors that every public call may throw. One line each: what was read, where, what it held, the rule, the remedy.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "skald/export.h"

namespace skald {

/// Where an error arose and what was found there. Empty fields are not known or do not apply.
struct ErrorFields {
  std::string file = {};                     // path of the file, or the name of the input ("prompt", "--top-p")
  std::optional<std::uint64_t> offset = {};  // byte offset in that file
  std::string field = {};                    // tensor, key, option: "hidden_size", "tensor 'lm_head.weight'"
  std::string value = {};                    // what was found, escaped and cut to 64 bytes (see quoted())
  std::string rule = {};                     // what must hold, with numbers, and what to do about it
};

/// Base of everything that Skald throws. `what()` is one line of printable text made from the fields.
class SKALD_API Error : public std::runtime_error {
 public:
  explicit Error(ErrorFields fields);
  explicit Error(std::string rule) : Error(ErrorFields{.rule = std::move(rule)}) {}
  [[nodiscard]] const ErrorFields& fields() const noexcept { return fields_; }

 private:
  ErrorFields fields_;
};

/// A file or text is malformed: it can never be read.
class SKALD_API FormatError : public Error {
  using Error::Error;
};

/// Legal input that goes over a limit or a budget (memory, depth, length); the rule names the limit.
class SKALD_API LimitError : public Error {
  using Error::Error;
};

/// Legal input of a kind that this version cannot handle; the rule lists what it can.
class SKALD_API UnsupportedError : public Error {
  using Error::Error;
};

/// An option or request field is unknown, out of range, or contradicts another one.
class SKALD_API OptionError : public Error {
  using Error::Error;
};

/// A path cannot be used. `kind()` tells the Python package which built-in exception it becomes.
class SKALD_API PathError : public Error {
 public:
  enum class Kind { not_found, is_directory, not_regular, permission, io };
  PathError(Kind kind, ErrorFields fields) : Error(std::move(fields)), kind_(kind) {}
  [[nodiscard]] Kind kind() const noexcept { return kind_; }

 private:
  Kind kind_;
};

/// The model failed while running (non-finite logits, no token left to choose). Other requests are not touched.
class SKALD_API ModelError : public Error {
  using Error::Error;
};

/// The call was cancelled by its caller.
class SKALD_API CancelledError : public Error {
  using Error::Error;
};

/// The API was used wrongly by the program (engine entered from a callback, model used after fork, ...).
class SKALD_API UsageError : public Error {
  using Error::Error;
};

/// `bytes` as it may appear in a message: in single quotes, control and non-UTF-8 bytes escaped, cut to 64 bytes.
SKALD_API std::string quoted(std::string_view bytes);
inline std::string quoted(const std::string& bytes) { return quoted(std::string_view(bytes)); }  // not std::quoted

}  // namespace skald
