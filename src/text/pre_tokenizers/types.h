// The pre-tokenizer types of tokenizer.json. Reference: `tokenizers` pre_tokenizers/.
#pragma once

#include <memory>
#include <string>

#include "text/pattern.h"
#include "text/pre_tokenizer.h"

namespace skald::text {

/// What becomes of a delimiter. "the-final--countdown" cut at '-':
enum class Delimiter {
  removed,               // the|final|countdown
  isolated,              // the|-|final|-|-|countdown
  merged_with_previous,  // the-|final-|-|countdown
  merged_with_next,      // the|-final|-|-countdown
  contiguous,            // the|-|final|--|countdown
};

/// Member `key`, one of "Removed", "Isolated", ...; `absent` where there is none.
Delimiter read_delimiter(const json::Fields& fields, std::string_view key, Delimiter absent);

/// Turns the delimiters of one piece into pieces.
class Splitter {
 public:
  Splitter(const Piece& piece, Delimiter behavior, bool invert, PieceSink out)
      : piece_(piece), behavior_(behavior), invert_(invert), out_(out) {}

  /// The next match, at or after the end of the one before.
  void match(std::size_t begin, std::size_t end) {
    if (at_ < begin) step(at_, begin, invert_);
    step(begin, end, !invert_);
    at_ = end;
  }
  void finish();

 private:
  void step(std::size_t begin, std::size_t end, bool delimiter) {
    if (behavior_ == Delimiter::isolated) return out_(piece_.slice(begin, end));
    step_merging(begin, end, delimiter);
  }
  void step_merging(std::size_t begin, std::size_t end, bool delimiter);
  [[nodiscard]] bool joins(bool delimiter) const;

  Piece piece_;
  Delimiter behavior_;
  bool invert_;
  PieceSink out_;
  std::size_t at_ = 0;  // end of the last match
  bool pending_ = false, last_was_delimiter_ = false;
  std::size_t pending_begin_ = 0, pending_end_ = 0;  // what the next step may still be merged with
};

/// Cuts at a pattern.
class Split final : public PreTokenizer {
 public:
  explicit Split(const json::Fields& fields);
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;

 private:
  std::unique_ptr<Pattern> pattern_;
  Delimiter behavior_;
  bool invert_;
};

/// GPT-2's cut, and a byte-level character for each byte.
class ByteLevel final : public PreTokenizer {
 public:
  explicit ByteLevel(const json::Fields& fields);
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;
  [[nodiscard]] bool maps_bytes() const override { return true; }
  void keep_bytes() override { keep_bytes_ = true; }

 private:
  void cut(const Piece& piece, PieceSink out) const;
  std::unique_ptr<Pattern> pattern_;  // null: pieces are not cut
  bool add_prefix_space_;
  bool keep_bytes_ = false;
};

/// SentencePiece's form: spaces as one visible character, words beginning with it.
class Metaspace final : public PreTokenizer {
 public:
  explicit Metaspace(const json::Fields& fields);
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;

 private:
  enum class PrependScheme { never, first, always };
  std::string replacement_;
  PrependScheme prepend_;
  bool split_;
};

/// Numbers alone, or each digit alone.
class Digits final : public PreTokenizer {
 public:
  explicit Digits(const json::Fields& fields);
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;

 private:
  Delimiter behavior_;
};

/// Punctuation alone.
class PunctuationSplit final : public PreTokenizer {
 public:
  explicit PunctuationSplit(const json::Fields& fields);
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;

 private:
  Delimiter behavior_;
};

/// \w+|[^\w\s]+, the rest dropped.
class Whitespace final : public PreTokenizer {
 public:
  explicit Whitespace(const json::Fields&) {}
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;
};

/// At whitespace, which is dropped, and punctuation characters, each alone.
class BertPreTokenizer final : public PreTokenizer {
 public:
  explicit BertPreTokenizer(const json::Fields&) {}
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;
};

/// At a character, which is dropped.
class CharDelimiterSplit final : public PreTokenizer {
 public:
  explicit CharDelimiterSplit(const json::Fields& fields);
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;

 private:
  std::string delimiter_;
};

/// Every so many characters.
class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(const json::Fields& fields);
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;

 private:
  std::size_t length_;
};

/// Where the script changes; spaces go with what is before them, and those at the beginning are dropped.
class UnicodeScripts final : public PreTokenizer {
 public:
  explicit UnicodeScripts(const json::Fields&) {}
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;
};

/// At whitespace, which is dropped.
class WhitespaceSplit final : public PreTokenizer {
 public:
  explicit WhitespaceSplit(const json::Fields&) {}
  void split(const Piece& piece, AlignedText& buffer, PieceSink out) const override;
};

}  // namespace skald::text
