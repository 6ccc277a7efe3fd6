// The truncation and padding settings of a tokenizer.json.
#pragma once

#include <cstddef>
#include <optional>

#include "json/fields.h"
#include "text/encoding.h"

namespace skald::text {

/// Drops tokens of a text that is too long. Reference: `tokenizers` utils/truncation.rs.
struct Truncation {
  std::size_t max_length = 0;  // with what the post-processor adds
  bool keep_end = false;       // else the beginning is kept
};

/// Adds tokens to a text that is too short. Reference: `tokenizers` utils/padding.rs.
struct Padding {
  std::optional<std::size_t> length;  // nothing: that of the text
  std::size_t multiple_of = 1;        // the length is rounded up
  bool in_front = false;
  TokenId id = 0;
};

/// Members "truncation" and "padding"; nothing where they are null or absent. Throws FormatError; UnsupportedError for
/// a strategy that needs a second text.
std::optional<Truncation> read_truncation(const json::Fields& fields);
std::optional<Padding> read_padding(const json::Fields& fields);

/// `added` is the number of tokens that are added afterwards.
void truncate(const Truncation& truncation, std::size_t added, Encoding& encoding);
void pad(const Padding& padding, Encoding& encoding);

}  // namespace skald::text
