// From the public tokenizer to the one that the library works with, and back.
#pragma once

#include "skald/tokenizer.h"
#include "text/tokenizer.h"

namespace skald {

struct TokenizerAccess {
  /// Lives as long as any copy of `tokenizer`.
  static const text::Tokenizer& parts_of(const Tokenizer& tokenizer);
  static Tokenizer wrap(text::Tokenizer tokenizer);
};

}  // namespace skald
