// The lines that were typed, kept from one run to the next.
#pragma once

#include <string>
#include <vector>

namespace skald::cli {

/// The file that SKALD_HISTORY names, or skald/history in $XDG_STATE_HOME, or in ~/.local/state: readable by its owner
/// alone, and bounded. Where SKALD_HISTORY is empty, or there is no home, nothing is kept. What goes wrong is told once
/// and stops nothing.
class HistoryFile {
 public:
  static constexpr std::size_t kMaxLines = 1000;
  static constexpr std::size_t kMaxBytes = 1UL << 20;  // of the file, and more than any line

  HistoryFile();
  /// The last lines, oldest first. A file that has grown too long is cut to them.
  std::vector<std::string> load();
  void append(const std::string& line);

 private:
  void cut_to(const std::vector<std::string>& lines);
  void give_up(const char* what, int error);

  std::string path_;  // empty: nothing is kept
};

}  // namespace skald::cli
