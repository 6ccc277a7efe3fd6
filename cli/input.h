// What the command reads: prompts from files, standard input and lists of ids.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skald/generation_config.h"

namespace skald::cli {

inline constexpr std::size_t kMaxTextBytes = 64UL << 20;  // of one prompt, one line, one file of prompts

/// The whole of the file at `path` ("-": standard input), as it is. Throws PathError, and LimitError over
/// kMaxTextBytes.
std::string read_text(const std::string& path);

/// The lines of the file at `path` ("-": standard input), read as they are asked for.
class LineReader {
 public:
  /// Throws PathError.
  explicit LineReader(const std::string& path);
  ~LineReader();
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) = delete;

  /// The next line, without its end; nothing after the last. It is good until the next call. Throws LimitError for one
  /// of more than kMaxTextBytes.
  std::optional<std::string_view> next();
  /// Where the line that next() gave stands, for errors: "prompts.jsonl line 3".
  [[nodiscard]] std::string place() const;
  /// Bytes of the lines so far, their ends included, and whether the last of them had one.
  [[nodiscard]] std::uint64_t consumed() const { return consumed_; }
  [[nodiscard]] bool ended() const { return ended_; }
  /// Bytes of the file; 0 where that is not known.
  [[nodiscard]] std::uint64_t size() const;

 private:
  std::unique_ptr<class Source> source_;
  std::string text_;
  std::size_t begin_ = 0;  // of what is not given out yet
  std::uint64_t number_ = 0;
  std::uint64_t consumed_ = 0;
  bool ended_ = true;
};

/// Calls `line` with each line of the file at `path` ("-": standard input), without its end, and with its name for
/// errors, see LineReader.
void read_lines(const std::string& path,
                const std::function<void(std::string_view line, const std::string& source)>& line);

/// Nothing but white space.
bool is_blank(std::string_view line);

/// Throws FormatError naming `source` and the offset where `text` is not UTF-8.
void require_utf8(std::string_view text, const std::string& source);

/// "1,2,3", commas or spaces, as token ids. Throws OptionError naming `flag`.
std::vector<TokenId> parse_ids(const std::string& flag, std::string_view text);

/// `text` with \n \t \r \\ \" \' and \xNN (a byte) read as in C. Throws OptionError naming `flag` for any other.
std::string unescape(const std::string& flag, std::string_view text);

}  // namespace skald::cli
