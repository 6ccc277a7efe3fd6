// Text on its way to a person: final text, and on a terminal what may follow and still change.
#pragma once

#include <string>
#include <string_view>

#include "skald/model.h"

namespace skald::cli {

/// Writes the events of one completion to standard output. On a terminal tentative text stands in grey behind the final
/// one, as much of it as the line holds, and gives way to what comes; in a pipe there is none.
class LiveText {
 public:
  /// Text that stands before the continuation, in grey, as a terminal may show it.
  void begin_with(std::string_view text);
  void show(const StreamEvent& event);

 private:
  void move_over(std::string_view text);
  [[nodiscard]] std::string_view start_of(std::string_view text) const;

  std::size_t columns_ = 0;  // of the terminal; 0: not asked yet
  std::size_t column_ = 0;   // where the next character goes; too far right where characters are not of ASCII
  bool tentative_ = false;   // something stands behind the cursor
};

}  // namespace skald::cli
