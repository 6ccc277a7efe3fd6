// The normalizer types of tokenizer.json. Reference: `tokenizers` normalizers/.
#pragma once

#include <memory>
#include <string>

#include "text/charsmap.h"
#include "text/normalizer.h"
#include "text/pattern.h"
#include "text/trie.h"
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

/// What BERT's own tokenizer does: control characters out, all whitespace to spaces, Chinese characters apart, accents
/// off, lower case.
class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(const json::Fields& fields);
  bool normalize(const Piece& in, AlignedText& out) const override;

 private:
  void put(const Piece& part, AlignedText& out) const;
  bool clean_, chinese_, accents_, lowercase_;
};

/// Control characters out, other whitespace to spaces: SentencePiece's rules for translation.
class Nmt final : public Normalizer {
 public:
  explicit Nmt(const json::Fields&) {}
  bool normalize(const Piece& in, AlignedText& out) const override;
};

/// A charsmap on grapheme clusters and single characters, as `tokenizers` applies it.
class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(const json::Fields& fields) : charsmap_(read_charsmap(fields)) {}
  bool normalize(const Piece& in, AlignedText& out) const override;

 private:
  Charsmap charsmap_;
};

/// Everything that SentencePiece itself does before it looks for pieces (not a type of tokenizer.json): a charsmap, a
/// space in front, no more than one space at a place, spaces as U+2581. What is in `user_defined` stays as it is.
class PieceNormalizer final : public Normalizer {
 public:
  explicit PieceNormalizer(const json::Fields& fields);
  bool normalize(const Piece& in, AlignedText& out) const override;

 private:
  struct Step {
    std::size_t length;     // bytes of the text
    std::string_view text;  // and what stands in their place
  };
  [[nodiscard]] Step step(std::string_view text) const;

  Charsmap charsmap_;
  ByteTrie user_defined_;
  bool add_space_, one_space_, space_behind_;
  std::string space_;
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
