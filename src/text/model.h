// The model stage: words to tokens.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "json/fields.h"
#include "text/encoding.h"
#include "text/vocabulary.h"

namespace skald::text {

/// A token of a word, and the bytes of the word that it stands for.
struct WordToken {
  TokenId id = 0;
  std::uint32_t begin = 0, end = 0;
};

/// Immutable after loading; one Scratch belongs to one thread at a time.
class Model {
 public:
  /// What a model reuses between words: buffers, a cache.
  struct Scratch {
    virtual ~Scratch() = default;
    bool plain = false;  // words are text alone: none of exclude_words() may come out of one that spells it
    [[nodiscard]] virtual std::size_t bytes() const { return 0; }  // of what grows with a word
  };
  virtual ~Model() = default;

  [[nodiscard]] virtual std::unique_ptr<Scratch> make_scratch() const = 0;
  /// Appends the tokens of `word`, which is not empty.
  virtual void tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const = 0;
  [[nodiscard]] virtual const Vocabulary& vocabulary() const = 0;

  /// Asks the model to take bytes where a ByteLevel stage would give it byte-level characters, which saves mapping the
  /// text. False where it cannot.
  virtual bool use_bytes() { return false; }
  /// Special tokens. Where a word spells one and is not `plain`, the reference gives it. Those that are not of the
  /// vocabulary are of no word, and anything may be the unknown token.
  void exclude_words(const std::vector<TokenId>& special) {
    const TokenId limit = vocabulary().id_limit();
    excluded_.assign(static_cast<std::size_t>(limit), false);
    for (const TokenId id : special) {
      if (id < limit && id != unknown_id()) excluded_[static_cast<std::size_t>(id)] = true;
    }
  }

 protected:
  /// -1 where there is none.
  [[nodiscard]] virtual TokenId unknown_id() const { return -1; }
  [[nodiscard]] bool is_excluded(TokenId id) const {
    return !excluded_.empty() && excluded_[static_cast<std::size_t>(id)];
  }

 private:
  std::vector<bool> excluded_;  // by id
};

/// Makes the model that `fields` describes; UnsupportedError lists the known types.
std::unique_ptr<Model> make_model(const json::Fields& fields);

}  // namespace skald::text
