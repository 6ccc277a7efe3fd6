// The rules of a SentencePiece normalizer: texts and what stands in their place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/fields.h"

namespace skald::text {

/// A "precompiled charsmap": the number of bytes of a double array (4 bytes, little-endian), the double array of
/// darts-clone that maps keys to places in the rest, the rest: texts, each ended by a NUL. Every place that the array
/// names is checked when it is followed.
class Charsmap {
 public:
  Charsmap() = default;
  /// Throws FormatError, naming `file` and `field`, where the parts do not fit.
  Charsmap(std::string_view blob, const std::string& file, const std::string& field);

  struct Rule {
    std::size_t length = 0;  // bytes of the key
    std::string_view text;   // what stands in its place
  };
  /// The rule with the shortest, or the longest, key that `text` begins with; nothing where there is none.
  [[nodiscard]] std::optional<Rule> shortest(std::string_view text) const { return find(text, /*first=*/true); }
  [[nodiscard]] std::optional<Rule> longest(std::string_view text) const { return find(text, /*first=*/false); }
  [[nodiscard]] bool empty() const { return units_.empty(); }

 private:
  [[nodiscard]] std::optional<Rule> find(std::string_view text, bool first) const;
  std::vector<std::uint32_t> units_;  // of the double array
  std::string texts_;
};

/// Member "precompiled_charsmap" of `fields`, in base64; an empty one where it is absent, null or empty.
Charsmap read_charsmap(const json::Fields& fields);

}  // namespace skald::text
