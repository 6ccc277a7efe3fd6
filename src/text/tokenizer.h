// A tokenizer.json, loaded: text to token ids and back.
// Reference: Hugging Face `tokenizers` 0.23, whose ids, texts and offsets it gives.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "text/encoding.h"

namespace skald::text {

struct AddedToken;

struct EncodeOptions {
  bool add_special_tokens = true;  // what the post-processor adds (bos, eos, ...)
  bool parse_special = true;       // false: the text of a special token in the input is plain text
  /// Whether an added token that stands at these bytes of the input is one there, not plain text. Empty: all are.
  std::function<bool(const AddedToken& token, ByteRange at)> reads = {};
  bool offsets = true;        // whether they are asked for
  bool file_lengths = false;  // truncate and pad as tokenizer.json says
};

/// A token that is found in the text before the model sees it.
struct AddedToken {
  TokenId id = 0;
  std::string content;       // never empty
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the whitespace before it along
  bool rstrip = false;       // takes the whitespace after it along
  bool normalized = true;    // is looked for in normalised text
  bool special = false;      // left out by decode(skip_special_tokens)
};

/// The tokens that have a role, from the files beside tokenizer.json.
struct SpecialTokens {
  std::optional<TokenId> bos, eos, pad, unk;
};

/// The pipeline normalizer → pre-tokenizer → model → post-processor → decoder of a tokenizer.json. Immutable after
/// loading; every method may be called from many threads at once.
class Tokenizer {
 public:
  /// Reads tokenizer.json, or what else holds a vocabulary (text/files/vocabulary_files.h), and where they lie beside
  /// it tokenizer_config.json, special_tokens_map.json and added_tokens.json, whose tokens are added as transformers'
  /// AutoTokenizer does. Throws PathError, FormatError, LimitError, or UnsupportedError that names an unknown stage
  /// type and lists the known ones.
  static Tokenizer load(const std::string& folder);
  /// The same from a parsed tokenizer.json; `file` names it in errors.
  static Tokenizer from_json(const json::Value& json, const std::string& file);
  /// The same with what read_token_settings() says of its tokens.
  static Tokenizer from_json(const json::Value& json, const std::string& file, const struct TokenSettings& settings);

  struct Parts;  // text/parts.h
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Bytes that are not UTF-8 are read as U+FFFD, one for each maximal ill-formed part. Linear time.
  /// Throws LimitError above 1 GiB, and where an unknown split pattern needs too much backtracking.
  [[nodiscard]] Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;

  /// The text of `ids`; ids that are no token give nothing. Bytes that are not UTF-8 become U+FFFD as in `tokenizers`.
  /// `clean_up_tokenization_spaces` is not applied: transformers 5 ignores it for BPE models.
  [[nodiscard]] std::string decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const;

  [[nodiscard]] std::optional<TokenId> token_to_id(std::string_view token) const;
  /// The token as the vocabulary spells it ("Ġthe", "▁the", "<0x0A>"); empty where `id` is no token.
  [[nodiscard]] std::string_view id_to_token(TokenId id) const;
  /// The bytes that the token stands for in the middle of a text (" the", "\n"); empty where `id` is no token.
  [[nodiscard]] std::string token_bytes(TokenId id) const;

  /// The same of every token, for looking up; made when it is first asked for.
  [[nodiscard]] const class TokenBytes& bytes() const;

  [[nodiscard]] std::size_t vocab_size() const;  // number of tokens, added ones included
  [[nodiscard]] TokenId id_limit() const;        // one past the largest id
  [[nodiscard]] bool is_special(TokenId id) const;
  [[nodiscard]] std::span<const AddedToken> added_tokens() const;  // by ascending id
  [[nodiscard]] const SpecialTokens& special_tokens() const;

 private:
  friend class Detokenizer;
  explicit Tokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace skald::text
