// The token for what the vocabulary lacks.
#pragma once

#include <string_view>

#include "json/fields.h"
#include "skald/error.h"
#include "text/vocabulary.h"

namespace skald::text {

/// As in `tokenizers`, a model may have none: then a text that needs it cannot be encoded.
class UnknownToken {
 public:
  /// `id` is -1 where there is none.
  UnknownToken(const json::Fields& fields, TokenId id) : id_(id), file_(fields.file()), field_(fields.name("unk")) {}

  [[nodiscard]] bool exists() const { return id_ >= 0; }
  [[nodiscard]] TokenId id() const { return id_; }
  /// Throws FormatError where there is none.
  [[nodiscard]] TokenId id(std::string_view text) const {
    if (id_ >= 0) return id_;
    throw FormatError(ErrorFields{.file = file_,
                                  .field = field_,
                                  .value = quoted(text.substr(0, kShown)),
                                  .rule = "is in no token, and the vocabulary has no unknown token"});
  }

 private:
  static constexpr std::size_t kShown = 60;
  TokenId id_;
  std::string file_, field_;
};

}  // namespace skald::text
