#include "history_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "skald/text.h"
#include "terminal.h"

namespace skald::cli {
namespace {

constexpr mode_t kOwnerOnly = 0600;

std::string history_path() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (const char* given = std::getenv("SKALD_HISTORY"); given != nullptr) return given;
  const std::string state = variable("XDG_STATE_HOME"), home = variable("HOME");
  if (state.starts_with('/')) return state + "/skald/history";  // the standard has others ignored
  return home.empty() ? "" : home + "/.local/state/skald/history";
}

// A descriptor that closes itself.
class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, kOwnerOnly)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

// The last kMaxBytes of it; from where they begin in the middle of a line, what follows that.
std::string tail_of(int fd, off_t size) {
  const auto most = static_cast<off_t>(HistoryFile::kMaxBytes);
  const off_t begin = size > most ? size - most : 0;
  std::string text(static_cast<std::size_t>(size - begin), '\0');
  const ssize_t n = ::pread(fd, text.data(), text.size(), begin);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  if (begin > 0) text.erase(0, text.find('\n') == std::string::npos ? text.size() : text.find('\n') + 1);
  return text;
}

}  // namespace

HistoryFile::HistoryFile() : path_(history_path()) {}

void HistoryFile::give_up(const char* what, int error) {
  write_notice("warning: " + path_ + ": " + what + ": " + std::strerror(error) +
               ": no history is kept (SKALD_HISTORY= switches it off)");
  path_.clear();
}

std::vector<std::string> HistoryFile::load() {
  std::vector<std::string> lines;
  if (path_.empty()) return lines;
  const File file(path_, O_RDONLY);
  if (!file.is_open()) {
    if (errno != ENOENT) give_up("cannot be read", errno);
    return lines;
  }
  struct stat status = {};
  if (::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode)) {
    give_up("is no file", EINVAL);
    return lines;
  }
  const std::string text = tail_of(file.fd(), status.st_size);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.empty() && line.find('\0') == std::string::npos && find_invalid_utf8(line) == line.size()) {
      lines.push_back(std::move(line));
    }
  }
  const bool too_long = lines.size() > 2 * kMaxLines || status.st_size > static_cast<off_t>(kMaxBytes);
  if (lines.size() > kMaxLines) lines.erase(lines.begin(), lines.end() - kMaxLines);
  if (too_long) cut_to(lines);
  return lines;
}

void HistoryFile::cut_to(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  const std::string beside = path_ + ".new";
  {
    const File file(beside, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.is_open() || ::write(file.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return give_up("cannot be cut", errno);
    }
  }
  if (::rename(beside.c_str(), path_.c_str()) != 0) give_up("cannot be cut", errno);
}

void HistoryFile::append(const std::string& line) {
  if (path_.empty() || line.size() >= kMaxBytes) return;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  const File file(path_, O_WRONLY | O_APPEND | O_CREAT);
  const std::string text = line + "\n";
  const bool written = file.is_open() && ::fchmod(file.fd(), kOwnerOnly) == 0 &&
                       ::write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written) give_up("cannot be written", errno);
}

}  // namespace skald::cli
