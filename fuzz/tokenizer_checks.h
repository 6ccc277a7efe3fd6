// What every text that a tokenizer encodes must hold.
#pragma once

#include <string>
#include <string_view>

#include "support.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace skald::fuzz {

/// A stream of the ids decodes to the same text as all of them at once.
inline void require_streams(const text::Tokenizer& tokenizer, const text::Encoding& encoding) {
  text::Detokenizer stream(tokenizer);
  std::string streamed;
  for (const auto id : encoding.ids) streamed += stream.push(id);
  streamed += stream.finish();
  require(streamed == tokenizer.decode(encoding.ids));
}

/// The ids are the tokenizer's own.
inline void require_ids(const text::Tokenizer& tokenizer, const text::Encoding& encoding) {
  for (const auto id : encoding.ids) require(id >= 0 && id < tokenizer.id_limit());
}

/// The places lie in the text.
inline void require_places(const text::Encoding& encoding, std::string_view input) {
  for (const text::ByteRange range : encoding.offsets) require(range.begin <= range.end && range.end <= input.size());
}

}  // namespace skald::fuzz
