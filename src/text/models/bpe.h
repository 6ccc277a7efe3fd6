// Byte-pair encoding. Reference: `tokenizers` models/bpe; Sennrich et al., https://arxiv.org/abs/1508.07909
#pragma once

#include <array>
#include <optional>
#include <string>

#include "text/flat_map.h"
#include "text/model.h"
#include "text/models/byte_fallback.h"
#include "text/models/merge_queue.h"

namespace skald::text {

/// What merging two neighbours gives, and how early it is done.
struct Merge {
  std::uint32_t rank = 0;
  TokenId id = 0;
};

/// Merges by the pair's ids.
class MergeTable {
 public:
  void reserve(std::size_t count) { merges_.reserve(count); }
  bool insert(TokenId left, TokenId right, Merge merge) { return merges_.insert(key(left, right), merge); }
  [[nodiscard]] const Merge* find(TokenId left, TokenId right) const { return merges_.find(key(left, right)); }

 private:
  static std::uint64_t key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }
  FlatMap<Merge> merges_;
};

class Bpe final : public Model {
 public:
  explicit Bpe(const json::Fields& fields);

  [[nodiscard]] std::unique_ptr<Scratch> make_scratch() const override;
  void tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const override;
  [[nodiscard]] const Vocabulary& vocabulary() const override { return vocabulary_; }
  bool use_bytes() override;

 private:
  [[nodiscard]] TokenId unknown_id() const override { return unknown_; }
  void read_merges(const json::Fields& fields);
  void add_merge(const json::Fields& fields, std::size_t number, std::string_view left, std::string_view right);
  void read_unknown(const json::Fields& fields);
  void index_words();
  void index_joins();
  void merge_long_word(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const;
  [[nodiscard]] WordToken byte_symbol(std::string_view word, std::size_t at) const {
    const auto begin = static_cast<std::uint32_t>(at);
    return {byte_symbols_[static_cast<unsigned char>(word[at])], begin, begin + 1};
  }
  void split_bytes(std::string_view word, std::vector<WordToken>& symbols) const;
  void split_chars(std::string_view word, std::vector<WordToken>& symbols) const;
  bool fall_back_to_bytes(std::string_view symbol, ByteRange place, std::vector<WordToken>& symbols) const;
  [[nodiscard]] TokenId whole_word(std::string_view word) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  std::vector<TokenId> merged_;  // left, right and result of every merge, by rank; only while loading
  /// Pairs of first symbols (characters, bytes) that some merge joins. Between any other two neighbours no token ever
  /// reaches across, so a long text without words is cut there.
  MergeTable joins_;
  bool can_cut_ = false;
  TokenId unknown_ = -1;  // stands for characters that the vocabulary lacks; -1: they are dropped
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;  // a word that is a token is that token, whatever the merges say
  bool takes_bytes_ = false;
  std::string prefix_, suffix_;              // of symbols after the first, and of the last
  std::array<TokenId, 256> byte_symbols_{};  // token of each byte-level character; -1: none
  std::optional<ByteFallback> byte_fallback_;
  std::string word_bytes_;  // the byte form of every token, for words_
  StringMap words_;         // tokens by their bytes, where takes_bytes_ and ignore_merges_
};

/// Merges `symbols` until no pair of neighbours is in `merges`: lowest rank first, leftmost first among equals.
/// Short words take a quadratic path without a queue.
class Merger {
 public:
  void merge(const MergeTable& merges, std::vector<WordToken>& symbols);
  /// What the queue of the last long word did.
  [[nodiscard]] std::uint64_t steps() const { return queue_.steps(); }
  [[nodiscard]] std::size_t bytes() const {
    return queue_.bytes() + (next_.capacity() + before_.capacity()) * sizeof(next_[0]) +
           pairs_.capacity() * sizeof(Merge);
  }

 private:
  void merge_short(const MergeTable& merges, std::vector<WordToken>& symbols);
  void merge_long(const MergeTable& merges, std::vector<WordToken>& symbols);
  void look_up(const MergeTable& merges, const std::vector<WordToken>& symbols, std::uint32_t left);

  MergeQueue queue_;                          // of left symbols
  std::vector<std::uint32_t> next_, before_;  // [symbols]: neighbours still there
  std::vector<Merge> pairs_;                  // [symbols]: what each symbol and the next one merge to
};

}  // namespace skald::text
