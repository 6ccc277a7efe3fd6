// Vocabularies without a tokenizer.json, in its words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "json/value.h"

namespace skald::text {

/// What stands in a tokenizer.json, and the tokens with a role as a tokenizer_config.json names them: they count where
/// the folder's own does not.
struct VocabularyFile {
  std::string path;
  json::Value tokenizer;
  json::Value roles = json::Object{};
};

/// What the tokenizer_config.json of a folder says of how its vocabulary is used; an empty object where there is none.
struct FolderSettings {
  explicit FolderSettings(const std::string& folder);
  /// "tokenizer_class" without "Fast"; empty where there is none.
  [[nodiscard]] std::string tokenizer_class() const;
  [[nodiscard]] std::optional<bool> flag(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> token(std::string_view role) const;

  std::string path;
  json::Value value;
};

/// The vocabulary of `folder`, the first of: tokenizer.model, spiece.model, sentencepiece.bpe.model,
/// sentencepiece.model, spm.model (SentencePiece); vocab.json with merges.txt (byte-level BPE); vocab.txt (WordPiece).
/// Nothing where none of them is there. Throws PathError, FormatError, LimitError, or UnsupportedError for a tokenizer
/// class whose rules are not known.
std::optional<VocabularyFile> read_vocabulary_file(const std::string& folder);

/// Whether read_vocabulary_file() would find one.
bool has_vocabulary_file(const std::string& folder);

/// The parts: a SentencePiece model from its bytes, byte-level BPE, WordPiece.
VocabularyFile read_piece_model(std::string_view bytes, const std::string& path, const FolderSettings& settings);
VocabularyFile read_bpe_files(const std::string& vocab, const std::string& merges, const FolderSettings& settings);
VocabularyFile read_word_list(const std::string& path, const FolderSettings& settings);

/// A TemplateProcessing that puts `before` and `after` (token and id) around a text; null where both are empty.
struct FrameToken {
  std::string token;
  std::int64_t id = 0;
};
json::Value frame(const std::vector<FrameToken>& before, const std::vector<FrameToken>& after);

}  // namespace skald::text
