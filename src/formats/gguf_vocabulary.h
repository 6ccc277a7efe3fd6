// The tables of a GGUF file's tokenizer, and the kinds of tokenizers that are made of them: each in the words of a
// tokenizer.json, without what is put around a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"
#include "json/value.h"

namespace skald {

struct GgufPreTokenizer;

/// Numbers of tokenizer.ggml.token_type, and one that files do not have.
enum GgufTokenType : std::int32_t {
  kNormalToken = 1,
  kUnknownToken,
  kControlToken,
  kUserToken,
  kUnusedToken,
  kByteToken,
  kUserPiece,  // SentencePiece itself keeps it whole: see find_user_pieces
};

class GgufVocabulary {
 public:
  /// Throws FormatError where the tables do not fit each other.
  explicit GgufVocabulary(const GgufFile& file);
  GgufVocabulary(const GgufVocabulary&) = delete;  // `tokens` may point into it
  GgufVocabulary& operator=(const GgufVocabulary&) = delete;

  [[noreturn]] void fail(std::string_view key, std::string value, std::string rule) const;
  /// The array of `key`, with an item for every token; nullptr where there is none.
  [[nodiscard]] const GgufArray* find_table(std::string_view key, GgufType type) const;
  /// The score of each token; all finite.
  [[nodiscard]] std::vector<float> scores() const;
  /// {"token": id, ...}
  [[nodiscard]] json::Object ids() const;
  /// The id that stands under `key`; -1 where there is none.
  [[nodiscard]] std::int64_t id_of(std::string_view key) const;

  /// Spells all tokens as BERT's own vocabulary does: "##" before those that go on with a word, which GGUF marks the
  /// other way round.
  void spell_as_word_pieces();
  /// Tells the user's pieces of a unigram model of SentencePiece from tokens that were added to it: both are of the
  /// user, but the first are found while a text is normalized, the others before. llama.cpp's conversion gives the
  /// added ones that type and the score -1000, and writes SentencePiece's as normal ones with the score that they have
  /// there, 0, which is no logarithm of a probability.
  void find_user_pieces(const std::vector<float>& scores);

  const GgufFile& file;
  const std::vector<std::string>* tokens = nullptr;
  std::vector<std::int32_t> types;  // of each token

 private:
  std::vector<std::string> spellings_;  // what `tokens` is where it is not the file's
};

json::Value gguf_sequence(const char* key, json::Array stages);
json::Value gguf_replace(const std::string& from, const std::string& to);

json::Object gguf_byte_level(const GgufVocabulary& vocabulary, const GgufPreTokenizer& pre);  // BPE on bytes
json::Object gguf_raw_bpe(const GgufVocabulary& vocabulary, const GgufPreTokenizer& pre);     // BPE on characters
json::Object gguf_scored_bpe(const GgufVocabulary& vocabulary);                               // SentencePiece's BPE
json::Object gguf_unigram(GgufVocabulary& vocabulary);     // and its unigram; finds the user's pieces
json::Object gguf_word_piece(GgufVocabulary& vocabulary);  // BERT's; spells the tokens
json::Object gguf_rwkv(const GgufVocabulary& vocabulary);  // RWKV's "world"

}  // namespace skald
