// The normalizer types of tokenizer.json. Reference: `tokenizers` normalizers/.
#pragma once

#include <memory>
#include <string>

#include "text/normalizer.h"
#include "text/pattern.h"
#include "text/unicode.h"

namespace skald::text {

/// NFC, NFD, NFKC, NFKD.
class UnicodeNormalizer : public Normalizer {
 public:
  explicit UnicodeNormalizer(NormalForm form) : form_(form) {}
  bool normalize(const Piece& in, AlignedText& out) const override;

 private:
  NormalForm form_;
};
template <NormalForm form>
class UnicodeForm final : public UnicodeNormalizer {
 public:
  explicit UnicodeForm(const json::Fields&) : UnicodeNormalizer(form) {}
};

/// Each character by its own lower case, without regard to its neighbours.
class Lowercase final : public Normalizer {
 public:
  explicit Lowercase(const json::Fields&) {}
  bool normalize(const Piece& in, AlignedText& out) const override;
};

/// Drops whitespace at the ends.
class StripSpaces final : public Normalizer {
 public:
  explicit StripSpaces(const json::Fields& fields);
  bool normalize(const Piece& in, AlignedText& out) const override;

 private:
  bool left_, right_;
};

/// Drops combining marks.
class StripAccents final : public Normalizer {
 public:
  explicit StripAccents(const json::Fields&) {}
  bool normalize(const Piece& in, AlignedText& out) const override;
};

/// Puts `content` where a pattern matches.
class ReplacePattern final : public Normalizer {
 public:
  explicit ReplacePattern(const json::Fields& fields);
  bool normalize(const Piece& in, AlignedText& out) const override;

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

/// Puts a text before every piece.
class Prepend final : public Normalizer {
 public:
  explicit Prepend(const json::Fields& fields) : text_(fields.need_string("prepend")) {}
  bool normalize(const Piece& in, AlignedText& out) const override;

 private:
  std::string text_;
};

/// A byte-level character for each byte.
class ByteLevelNormalizer final : public Normalizer {
 public:
  explicit ByteLevelNormalizer(const json::Fields&) {}
  bool normalize(const Piece& in, AlignedText& out) const override;
};

/// Appends the byte-level characters of `piece` to `out`.
void append_byte_level(const Piece& piece, AlignedText& out);

}  // namespace skald::text
