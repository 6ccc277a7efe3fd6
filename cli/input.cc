#include "input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

#include "flags.h"
#include "skald/error.h"
#include "skald/text.h"
#include "terminal.h"

namespace skald::cli {
namespace {

constexpr std::size_t kBlockBytes = 1UL << 16;

[[noreturn]] void fail_path(PathError::Kind kind, const std::string& path, std::string rule) {
  throw PathError(kind, {.file = path, .rule = std::move(rule)});
}

[[noreturn]] void fail_errno(const std::string& path, int error) {
  using Kind = PathError::Kind;
  const Kind kind = error == ENOENT || error == ENOTDIR ? Kind::not_found
                    : error == EACCES || error == EPERM ? Kind::permission
                    : error == EISDIR                   ? Kind::is_directory
                                                        : Kind::io;
  fail_path(kind, path, std::string("cannot be read: ") + std::strerror(error));
}

// Names under which a shell hands over a pipe: <(command), /dev/stdin.
bool names_open_stream(const std::string& path) {
  return path.starts_with("/dev/fd/") || path.starts_with("/proc/self/fd/") || path == "/dev/stdin";
}

}  // namespace

// An open file to read prompts from; "-" is standard input.
class Source {
 public:
  explicit Source(const std::string& path) : name_(path == "-" ? "standard input" : path) {
    if (path == "-") {
      if (stdin_is_closed()) fail_path(PathError::Kind::io, name_, "is closed: there is nothing to read");
      fd_ = STDIN_FILENO;
      return;
    }
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe that nobody writes to must not hang
    if (fd_ < 0) fail_errno(name_, errno);
    check_kind(path);
    ::fcntl(fd_, F_SETFL, 0);
  }
  ~Source() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// 0 where it is no regular file.
  [[nodiscard]] std::uint64_t size() const {
    struct stat status = {};
    return ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
  }

  /// Appends up to kBlockBytes to `text`; false at the end.
  bool read_block(std::string& text) {
    const std::size_t size = text.size();
    text.resize(size + kBlockBytes);
    ssize_t n = 0;
    do {
      n = ::read(fd_, text.data() + size, kBlockBytes);
    } while (n < 0 && errno == EINTR);
    if (n < 0) fail_errno(name_, errno);
    text.resize(size + static_cast<std::size_t>(n));
    return n > 0;
  }

 private:
  void check_kind(const std::string& path) const {
    struct stat status = {};
    if (::fstat(fd_, &status) != 0) fail_errno(name_, errno);
    if (S_ISDIR(status.st_mode))
      fail_path(PathError::Kind::is_directory, name_, "is a directory: a text file is needed");
    if (!S_ISREG(status.st_mode) && !names_open_stream(path) && path != "/dev/null") {
      fail_path(PathError::Kind::not_regular, name_,
                "is a pipe or a device: a file is needed (or - for standard input)");
    }
  }

  std::string name_;
  int fd_ = -1;
};

namespace {

[[noreturn]] void fail_too_long(const std::string& name, const char* what) {
  throw LimitError({.file = name, .rule = std::string(what) + " is longer than the limit of 64 MiB"});
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that "NN" after "\x" stands for.
char hex_byte(const std::string& flag, std::string_view digits) {
  const int high = digits.empty() ? -1 : hex_digit(digits[0]);
  const int low = digits.size() < 2 ? -1 : hex_digit(digits[1]);
  if (high < 0 || low < 0) {
    throw OptionError({.field = flag,
                       .value = quoted("\\x" + std::string(digits.substr(0, 2))),
                       .rule = "needs two hexadecimal digits, as in \\x1b"});
  }
  return static_cast<char>(high * 16 + low);
}

}  // namespace

std::string read_text(const std::string& path) {
  Source source(path);
  std::string text;
  while (source.read_block(text)) {
    if (text.size() > kMaxTextBytes) fail_too_long(source.name(), "the text");
  }
  return text;
}

LineReader::LineReader(const std::string& path) : source_(std::make_unique<Source>(path)) {}
LineReader::~LineReader() = default;
LineReader::LineReader(LineReader&&) noexcept = default;

std::optional<std::string_view> LineReader::next() {
  std::size_t end = text_.find('\n', begin_);
  while (end == std::string::npos) {
    text_.erase(0, begin_);
    begin_ = 0;
    if (text_.size() > kMaxTextBytes) fail_too_long(source_->name(), "a line");
    const std::size_t scanned = text_.size();
    if (!source_->read_block(text_)) break;
    end = text_.find('\n', scanned);
  }
  if (end == std::string::npos && text_.empty()) return std::nullopt;
  ended_ = end != std::string::npos;
  const std::size_t size = std::min(end, text_.size()) - begin_;
  const std::string_view line = std::string_view(text_).substr(begin_, size);
  const std::size_t taken = size + (ended_ ? 1 : 0);
  begin_ += taken;
  consumed_ += taken;
  ++number_;
  return line;
}

std::string LineReader::place() const { return source_->name() + " line " + std::to_string(number_); }

std::uint64_t LineReader::size() const { return source_->size(); }

void read_lines(const std::string& path,
                const std::function<void(std::string_view line, const std::string& source)>& line) {
  LineReader reader(path);
  while (const auto text = reader.next()) line(*text, reader.place());
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

void require_utf8(std::string_view text, const std::string& source) {
  const std::size_t offset = find_invalid_utf8(text);
  if (offset == text.size()) return;
  throw FormatError({.file = source,
                     .offset = offset,
                     .value = quoted(text.substr(offset, 1)),
                     .rule = "is not UTF-8: the prompt must be text in UTF-8 (iconv -t utf-8 converts it)"});
}

std::vector<TokenId> parse_ids(const std::string& flag, std::string_view text) {
  constexpr std::string_view kSeparators = ", \t\n";
  std::vector<TokenId> ids;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kSeparators), text.size()));
    if (text.empty()) return ids;
    const std::string_view number = text.substr(0, text.find_first_of(kSeparators));
    text.remove_prefix(number.size());
    ids.push_back(static_cast<TokenId>(Flags::parse_integer(flag, number, 0, std::numeric_limits<TokenId>::max())));
  }
}

std::string unescape(const std::string& flag, std::string_view text) {
  constexpr std::string_view kNames = "ntr\\\"'";
  constexpr std::string_view kBytes = "\n\t\r\\\"'";
  std::string out;
  while (!text.empty()) {
    const char first = text[0];
    text.remove_prefix(1);
    if (first != '\\') {
      out += first;
      continue;
    }
    const char name = text.empty() ? '\0' : text[0];
    text.remove_prefix(std::min<std::size_t>(1, text.size()));
    if (const std::size_t known = kNames.find(name); known != std::string_view::npos) {
      out += kBytes[known];
    } else if (name == 'x') {
      out += hex_byte(flag, text);
      text.remove_prefix(2);
    } else {
      throw OptionError({.field = flag,
                         .value = quoted(name == '\0' ? "\\" : std::string("\\") + name),
                         .rule = "is no escape: --escape reads \\n \\t \\r \\\\ \\\" \\' and \\xNN"});
    }
  }
  return out;
}

}  // namespace skald::cli
