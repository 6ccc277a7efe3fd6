// Bytes that may not be UTF-8, made so: every maximal ill-formed part becomes U+FFFD (Unicode standard, table 3-8), as
// Rust's from_utf8_lossy and Python's errors="replace" do.
#pragma once

#include <string>
#include <string_view>

namespace skald::text {

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// How many of the bytes at the beginning of `bytes`, which begin no whole character, are one ill-formed part: the
/// longest that could have begun a character, at least 1.
std::size_t ill_formed_length(std::string_view bytes);

/// Takes bytes in any cuts.
class LossyUtf8 {
 public:
  /// Appends what is complete now to `out`.
  void push(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  std::string held_;  // the beginning of a character, at most 3 bytes
};

}  // namespace skald::text
