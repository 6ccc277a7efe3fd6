// The decoder types of tokenizer.json. Reference: `tokenizers` decoders/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "text/decoder.h"
#include "text/pattern.h"

namespace skald::text {

/// Makes a stage of a function from token to text that needs no memory: `text(token)`.
class TokenDecoder : public Decoder {
 public:
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const final;
  [[nodiscard]] std::string token_bytes(std::string token) const override { return text(token); }
  [[nodiscard]] virtual std::string text(std::string_view token) const = 0;
};

/// Byte-level characters to bytes, and these as UTF-8; all tokens become one.
class ByteLevelDecoder final : public Decoder {
 public:
  explicit ByteLevelDecoder(const json::Fields&) {}
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] std::string token_bytes(std::string token) const override;
  [[nodiscard]] bool joins_tokens() const override { return true; }
};

/// Escapes of RWKV's vocabularies to bytes, and these as UTF-8 (not a type of tokenizer.json).
class RwkvDecoder final : public Decoder {
 public:
  explicit RwkvDecoder(const json::Fields&) {}
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] std::string token_bytes(std::string token) const override;
  [[nodiscard]] bool joins_tokens() const override { return true; }
};

/// Runs of "<0x..>" to text; every token of a run that is no UTF-8 becomes U+FFFD.
class ByteFallbackDecoder final : public Decoder {
 public:
  explicit ByteFallbackDecoder(const json::Fields&) {}
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] std::string token_bytes(std::string token) const override;
};

/// The visible space to a space; in the first token it is dropped.
class MetaspaceDecoder final : public Decoder {
 public:
  explicit MetaspaceDecoder(const json::Fields& fields);
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] std::string token_bytes(std::string token) const override;

 private:
  std::string replacement_;
  bool drop_first_;
};

/// Makes one token of all.
class Fuse final : public Decoder {
 public:
  explicit Fuse(const json::Fields&) {}
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] bool joins_tokens() const override { return true; }
};

/// Puts `content` where a pattern matches.
class ReplaceDecoder final : public TokenDecoder {
 public:
  explicit ReplaceDecoder(const json::Fields& fields);
  [[nodiscard]] std::string text(std::string_view token) const override;

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

/// Drops up to `start` characters `content` at the beginning of a token, and up to `stop` at its end.
class StripDecoder final : public Decoder {
 public:
  explicit StripDecoder(const json::Fields& fields);
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] std::string token_bytes(std::string token) const override;

 private:
  std::string content_;  // one character
  std::uint32_t start_, stop_;
};

/// The end-of-word suffix to a space; at the end of the text to nothing.
class BpeDecoder final : public Decoder {
 public:
  explicit BpeDecoder(const json::Fields& fields);
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] std::string token_bytes(std::string token) const override;

 private:
  std::string suffix_;
};

/// Tokens with the prefix go to the one before, all others get a space; with `cleanup` spaces before punctuation and in
/// English contractions are taken out again.
class WordPieceDecoder final : public Decoder {
 public:
  explicit WordPieceDecoder(const json::Fields& fields);
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] std::string token_bytes(std::string token) const override;
  /// The text of a token, which may be the first one.
  [[nodiscard]] std::string text(std::string_view token, bool first) const;

 private:
  std::string prefix_;
  bool cleanup_;
};

/// What a CTC model repeats is once there, its padding is nothing.
class CtcDecoder final : public Decoder {
 public:
  explicit CtcDecoder(const json::Fields& fields);
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
  [[nodiscard]] std::string token_bytes(std::string token) const override;

 private:
  std::string padding_, delimiter_;
  bool cleanup_;
};

/// Where a tokenizer has no decoder: a space between tokens.
class SpaceBetween final : public Decoder {
 public:
  [[nodiscard]] std::string token_bytes(std::string token) const override { return " " + token; }
  [[nodiscard]] std::unique_ptr<DecoderStream> start() const override;
};

/// `text` with every `from`, which is not empty, replaced.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace skald::text
