// Text to token ids and back, with a model's own tokenizer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skald/export.h"

namespace skald {

/// Token ids of a text. The three vectors have the same length.
struct TokenizedText {
  std::vector<std::int32_t> ids;
  std::vector<std::string> tokens;  // as the vocabulary spells them: "Ġthe", "▁the", "<0x0A>"
  /// [begin, end) in bytes of the input. A token that holds part of a character spans all of it; tokens that were not
  /// in the text (bos, ...) have {0, 0}.
  std::vector<std::pair<std::size_t, std::size_t>> offsets;
};

struct TokenizeOptions {
  bool add_special_tokens = true;  // bos, eos, ... as the tokenizer's post-processor adds them
  bool parse_special = true;       // false: the text of a special token in the input is plain text
  bool file_lengths = false;       // truncate and pad as tokenizer.json says; else its settings are not applied
};

struct TokenizerAccess;

/// The tokenizer of a model folder (tokenizer.json) or of a GGUF file, with the ids that Hugging Face `tokenizers` 0.23
/// gives. A cheap handle: copies share one immutable tokenizer, and every method may be called from many threads at
/// once.
class SKALD_API Tokenizer {
 public:
  /// Reads tokenizer.json, tokenizer_config.json and special_tokens_map.json of the folder `path`, or the metadata of
  /// the GGUF file `path`; nothing else of the model is needed. Throws PathError, FormatError, LimitError or
  /// UnsupportedError.
  static Tokenizer load(const std::string& path);

  /// Bytes that are not UTF-8 are read as U+FFFD.
  [[nodiscard]] TokenizedText encode(std::string_view text, const TokenizeOptions& options = {}) const;
  [[nodiscard]] std::vector<std::int32_t> encode_ids(std::string_view text, const TokenizeOptions& options = {}) const;

  /// The text of `ids`. Ids that are no token give nothing; bytes that are not UTF-8 become U+FFFD.
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids, bool skip_special_tokens = false) const;

  [[nodiscard]] std::optional<std::int32_t> token_to_id(std::string_view token) const;
  [[nodiscard]] std::string id_to_token(std::int32_t id) const;  // empty where `id` is no token
  [[nodiscard]] std::size_t vocab_size() const;                  // number of tokens, added ones included
  [[nodiscard]] bool is_special(std::int32_t id) const;
  [[nodiscard]] std::optional<std::int32_t> bos_id() const;
  [[nodiscard]] std::optional<std::int32_t> eos_id() const;
  [[nodiscard]] std::optional<std::int32_t> pad_id() const;

 private:
  friend struct TokenizerAccess;  // the library's own way to what is inside
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace skald
