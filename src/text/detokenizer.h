// Text of a growing list of tokens, piece by piece.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/encoding.h"

namespace skald::text {

class Tokenizer;

/// Decodes one stream of tokens. The pieces that push() and finish() return, put together, are exactly
/// Tokenizer::decode() of all ids; each piece is valid UTF-8. Amortised O(1) a token. Text is held back while a later
/// token could still change it: inside a UTF-8 character, and in a run of byte-fallback tokens (whose reference
/// decides over the whole run whether it is text). The tokenizer must outlive it.
class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer, bool skip_special_tokens = false);
  Detokenizer(const Detokenizer& other);  // goes on on its own from where `other` is
  Detokenizer& operator=(const Detokenizer& other);
  Detokenizer(Detokenizer&&) noexcept;
  Detokenizer& operator=(Detokenizer&&) noexcept;
  ~Detokenizer();

  /// The new text that is final now; valid until the next call. Ids that are no token add nothing.
  std::string_view push(TokenId id);

  /// What was held back. The stream is then empty, as if new.
  std::string_view finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace skald::text
