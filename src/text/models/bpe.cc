#include "text/models/bpe.h"

#include <algorithm>
#include <span>

#include "base/utf8.h"
#include "skald/error.h"
#include "text/models/word_cache.h"
#include "text/unicode.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

constexpr std::size_t kUncutSymbols = 48;  // a longer word is worth cutting
constexpr std::size_t kMaxMerges = 1U << 22;
constexpr std::string_view kBadMerge = "must be \"left right\" or [\"left\", \"right\"]: two tokens";

std::string merge_name(const json::Fields& fields, std::size_t number) {
  return fields.name("merges") + "[" + std::to_string(number) + "]";
}

struct BpeScratch final : Model::Scratch {
  WordCache cache;
  Merger merger;
  std::vector<WordToken> symbols, chunk;

  [[nodiscard]] std::size_t bytes() const override {
    return merger.bytes() + (symbols.capacity() + chunk.capacity()) * sizeof(WordToken);
  }
};

}  // namespace

Bpe::Bpe(const json::Fields& fields) : vocabulary_(fields, "vocab") {
  if (fields.get_number("dropout", 0, 1).value_or(0) != 0) {
    throw UnsupportedError(ErrorFields{.file = fields.file(),
                                       .field = fields.name("dropout"),
                                       .value = fields.find("dropout")->describe(),
                                       .rule = "random merges are not supported: must be null or 0"});
  }
  ignore_merges_ = fields.get_bool("ignore_merges").value_or(false);
  prefix_ = fields.get_string("continuing_subword_prefix").value_or("");
  suffix_ = fields.get_string("end_of_word_suffix").value_or("");
  for (int byte = 0; byte < 256; ++byte) {
    std::string symbol;
    append_utf8(symbol, byte_to_char(static_cast<std::uint8_t>(byte)));
    byte_symbols_[static_cast<std::size_t>(byte)] = vocabulary_.find(symbol);
  }
  read_unknown(fields);
  read_merges(fields);
  index_joins();
}

void Bpe::read_unknown(const json::Fields& fields) {
  fuse_unknown_ = fields.get_bool("fuse_unk").value_or(false);
  if (const auto token = fields.get_string("unk_token")) {
    unknown_ = vocabulary_.find(*token);
    if (unknown_ < 0) fields.fail("unk_token", "is not in vocab");
  }
  if (fields.get_bool("byte_fallback").value_or(false)) byte_fallback_.emplace(vocabulary_);
}

void Bpe::read_merges(const json::Fields& fields) {
  const json::Value* const value = fields.find("merges");
  if (value == nullptr || !value->is_array()) fields.fail("merges", "must be an array of pairs of tokens");
  const json::Array& merges = value->as_array();
  if (merges.size() > kMaxMerges) {
    throw LimitError(ErrorFields{.file = fields.file(),
                                 .field = fields.name("merges"),
                                 .value = std::to_string(merges.size()) + " entries",
                                 .rule = "at most " + std::to_string(kMaxMerges) + " are read"});
  }
  merges_.reserve(merges.size());
  std::size_t number = 0;
  for (const json::Value& merge : merges) {
    const auto fail = [&] {
      throw FormatError(ErrorFields{.file = fields.file(),
                                    .field = merge_name(fields, number),
                                    .value = merge.describe(),
                                    .rule = std::string(kBadMerge)});
    };
    if (merge.is_string()) {
      const std::string_view text = merge.as_string();
      const std::size_t space = text.find(' ');
      if (text.starts_with("#version")) continue;  // the first line of an old merges.txt
      if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) fail();
      add_merge(fields, number, text.substr(0, space), text.substr(space + 1));
    } else {
      const json::Array* const pair = merge.is_array() ? &merge.as_array() : nullptr;
      if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string()) fail();
      add_merge(fields, number, (*pair)[0].as_string(), (*pair)[1].as_string());
    }
    ++number;
  }
}

void Bpe::add_merge(const json::Fields& fields, std::size_t number, std::string_view left, std::string_view right) {
  const auto need = [&](std::string_view token) {
    const TokenId id = vocabulary_.find(token);
    if (id >= 0) return id;
    throw FormatError(ErrorFields{.file = fields.file(),
                                  .field = merge_name(fields, number),
                                  .value = {},
                                  .rule = quoted(token) + " is not in vocab"});
  };
  const TokenId left_id = need(left);
  const TokenId right_id = need(right);
  if (right.size() < prefix_.size()) {
    throw FormatError(ErrorFields{.file = fields.file(),
                                  .field = merge_name(fields, number),
                                  .value = quoted(right),
                                  .rule = "must begin with continuing_subword_prefix " + quoted(prefix_)});
  }
  const TokenId whole = need(std::string(left).append(right.substr(prefix_.size())));
  merged_.insert(merged_.end(), {left_id, right_id, whole});
  if (merges_.insert(left_id, right_id, {static_cast<std::uint32_t>(number), whole})) return;
  throw FormatError(ErrorFields{
      .file = fields.file(),
      .field = merge_name(fields, number),
      .value = quoted(left) + " " + quoted(right),
      .rule = "the pair was already merged as merges[" + std::to_string(merges_.find(left_id, right_id)->rank) + "]"});
}

void Bpe::index_joins() {
  const std::vector<TokenId> merged = std::move(merged_);
  // What each token begins and ends with. One that is no result of merging is a symbol itself.
  std::vector<TokenId> first(static_cast<std::size_t>(vocabulary_.id_limit()), -1), last = first;
  std::vector<bool> used(first.size(), false);
  const auto symbol = [](const std::vector<TokenId>& of, TokenId id) {
    return of[static_cast<std::size_t>(id)] < 0 ? id : of[static_cast<std::size_t>(id)];
  };
  joins_.reserve(merged.size() / 3);
  for (std::size_t i = 0; i < merged.size(); i += 3) {
    const TokenId left = merged[i], right = merged[i + 1];
    const auto whole = static_cast<std::size_t>(merged[i + 2]);
    const TokenId begins = symbol(first, left), ends = symbol(last, right);
    // A token that is used before it is made, or made of different symbols, would break the rule: then nothing is cut.
    const bool new_whole = first[whole] < 0;
    if (new_whole ? static_cast<bool>(used[whole]) : (first[whole] != begins || last[whole] != ends)) return;
    used[static_cast<std::size_t>(left)] = used[static_cast<std::size_t>(right)] = true;
    first[whole] = begins;
    last[whole] = ends;
    joins_.insert(symbol(last, left), symbol(first, right), {});
  }
  can_cut_ = prefix_.empty() && suffix_.empty();
}

bool Bpe::use_bytes() {
  const bool complete = std::all_of(byte_symbols_.begin(), byte_symbols_.end(), [](TokenId id) { return id >= 0; });
  if (!complete || !prefix_.empty() || !suffix_.empty()) return false;
  takes_bytes_ = true;
  if (ignore_merges_) index_words();
  return true;
}

void Bpe::index_words() {
  std::vector<std::pair<std::size_t, TokenId>> begins;  // of each token's bytes in word_bytes_
  for (TokenId id = 0; id < vocabulary_.id_limit(); ++id) {
    const std::size_t begin = word_bytes_.size();
    bool mapped = vocabulary_.contains(id);
    for_each_char(vocabulary_.token(id), [&](char32_t c, std::size_t, std::size_t) {
      const int byte = char_to_byte(c);
      mapped = mapped && byte >= 0;
      word_bytes_ += static_cast<char>(byte);
    });
    if (mapped) {
      begins.emplace_back(begin, id);
    } else {
      word_bytes_.resize(begin);
    }
  }
  words_.reserve(begins.size());
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const std::size_t end = i + 1 < begins.size() ? begins[i + 1].first : word_bytes_.size();
    words_.insert(std::string_view(word_bytes_).substr(begins[i].first, end - begins[i].first), begins[i].second);
  }
}

TokenId Bpe::whole_word(std::string_view word) const {
  return takes_bytes_ ? words_.find(word) : vocabulary_.find(word);
}

std::unique_ptr<Model::Scratch> Bpe::make_scratch() const { return std::make_unique<BpeScratch>(); }

void Bpe::tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const {
  auto& own = static_cast<BpeScratch&>(scratch);
  if (own.cache.find(word, 0, out)) return;
  own.symbols.clear();
  TokenId whole = ignore_merges_ ? whole_word(word) : -1;
  const bool special = whole >= 0 && is_excluded(whole);  // is not cached: it depends on who wrote the text
  if (special && scratch.plain) whole = -1;
  if (whole >= 0) {
    own.symbols.push_back({whole, 0, static_cast<std::uint32_t>(word.size())});
  } else {
    if (!takes_bytes_) split_chars(word, own.symbols);
    const std::size_t count = takes_bytes_ ? word.size() : own.symbols.size();
    if (can_cut_ && count > kUncutSymbols) return merge_long_word(word, scratch, out);
    if (takes_bytes_) split_bytes(word, own.symbols);
    own.merger.merge(merges_, own.symbols);
  }
  if (!special) own.cache.store(word, 0, own.symbols);
  out.insert(out.end(), own.symbols.begin(), own.symbols.end());
}

void Bpe::merge_long_word(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const {
  auto& own = static_cast<BpeScratch&>(scratch);
  // Those of bytes are not written down for the whole word, which may be a text of many MiB.
  const std::size_t count = takes_bytes_ ? word.size() : own.symbols.size();
  const auto symbol = [&](std::size_t i) { return takes_bytes_ ? byte_symbol(word, i) : own.symbols[i]; };
  for (std::size_t at = 0; at < count;) {
    own.chunk.clear();
    do {
      own.chunk.push_back(symbol(at++));
    } while (at < count && joins_.find(own.chunk.back().id, symbol(at).id) != nullptr);
    const std::uint32_t first = own.chunk.front().begin;
    const std::string_view text = word.substr(first, own.chunk.back().end - first);
    // The cache may hold what ignore_merges made of the same text as a word; here merges decide.
    if (!ignore_merges_ && own.cache.find(text, first, out)) continue;
    own.merger.merge(merges_, own.chunk);
    if (!ignore_merges_) own.cache.store(text, first, own.chunk);
    out.insert(out.end(), own.chunk.begin(), own.chunk.end());
  }
}

void Bpe::split_bytes(std::string_view word, std::vector<WordToken>& symbols) const {
  for (std::size_t i = 0; i < word.size(); ++i) symbols.push_back(byte_symbol(word, i));
}

bool Bpe::fall_back_to_bytes(std::string_view symbol, ByteRange place, std::vector<WordToken>& symbols) const {
  if (!byte_fallback_) return false;
  const std::size_t first = symbols.size();
  if (!byte_fallback_->put(symbol, place, symbols)) return false;
  for (std::uint32_t i = 0; i < symbol.size(); ++i) {  // a prefix or suffix has more bytes than the word
    symbols[first + i].begin = std::min(place.begin + i, place.end - 1);
    symbols[first + i].end = std::min(place.begin + i + 1, place.end);
  }
  return true;
}

void Bpe::split_chars(std::string_view word, std::vector<WordToken>& symbols) const {
  std::optional<WordToken> unknown;  // read, and not yet put out: the next one may be fused with it
  const auto put_unknown = [&] {
    if (unknown) symbols.push_back(*unknown);
    unknown.reset();
  };
  for_each_char(word, [&](char32_t, std::size_t from, std::size_t to) {
    const auto begin = static_cast<std::uint32_t>(from), end = static_cast<std::uint32_t>(to);
    std::string_view symbol = word.substr(from, to - from);
    std::string decorated;
    if ((begin > 0 && !prefix_.empty()) || (end == word.size() && !suffix_.empty())) {
      if (begin > 0) decorated += prefix_;
      decorated += symbol;
      if (end == word.size()) decorated += suffix_;
      symbol = decorated;
    }
    const TokenId id = vocabulary_.find(symbol);
    if (id >= 0) {
      put_unknown();
      symbols.push_back({id, begin, end});
    } else if (!fall_back_to_bytes(symbol, {begin, end}, symbols) && unknown_ >= 0) {
      if (unknown && !fuse_unknown_) put_unknown();
      unknown = unknown ? WordToken{unknown_, unknown->begin, end} : WordToken{unknown_, begin, end};
    }
  });
  put_unknown();
}

}  // namespace skald::text
