#include "text/models/piece_bpe.h"

#include <algorithm>
#include <functional>

#include "text/models/word_cache.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

constexpr std::size_t kMaxMerges = 1U << 24;

struct PieceScratch final : Model::Scratch {
  WordCache cache;
  Merger merger;
  std::vector<WordToken> symbols, chunk, tokens;

  [[nodiscard]] std::size_t bytes() const override {
    return merger.bytes() + (symbols.capacity() + chunk.capacity() + tokens.capacity()) * sizeof(WordToken);
  }
};

bool may_merge(PieceType type) {
  return type == PieceType::normal || type == PieceType::user_defined || type == PieceType::unused;
}

// The rank of each piece that merges can make: equal scores have one rank.
std::vector<std::uint32_t> ranks_of(const std::vector<double>& scores) {
  std::vector<double> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<std::uint32_t> ranks;
  for (const double score : scores) {
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), score, std::greater<>());
    ranks.push_back(static_cast<std::uint32_t>(at - sorted.begin()));
  }
  return ranks;
}

}  // namespace

PieceBpe::PieceBpe(const json::Fields& fields)
    : vocabulary_(piece_texts(fields)),
      unknown_(fields, static_cast<TokenId>(fields.need_integer("unk_id", 0, vocabulary_.id_limit() - 1))) {
  vocabulary_.require_short_tokens(fields);
  if (fields.get_bool("byte_fallback").value_or(false)) bytes_.emplace(vocabulary_);
  const std::vector<double> scores = piece_scores(fields);
  types_ = piece_types(fields, scores.size());
  std::vector<ByteTrie::Entry> of_user;
  std::size_t cuts = 0;
  for (TokenId id = 0; id < vocabulary_.id_limit(); ++id) {
    const PieceType type = types_[static_cast<std::size_t>(id)];
    if (type == PieceType::user_defined) of_user.push_back({vocabulary_.token(id), id});
    if (may_merge(type)) cuts += vocabulary_.token(id).size();
  }
  of_user_ = ByteTrie(std::move(of_user));
  if (cuts > kMaxMerges) {
    throw LimitError(ErrorFields{.file = fields.file(),
                                 .field = fields.name("vocab"),
                                 .value = std::to_string(cuts) + " bytes",
                                 .rule = "pieces have at most " + std::to_string(kMaxMerges) + " bytes together"});
  }
  index_characters(types_);
  merges_.reserve(cuts);
  joins_.reserve(cuts);
  if (!fields.get_bool("merge").value_or(true)) return;
  const std::vector<std::uint32_t> ranks = ranks_of(scores);
  for (TokenId id = 0; id < vocabulary_.id_limit(); ++id) {
    if (may_merge(types_[static_cast<std::size_t>(id)])) add_merges(id, ranks[static_cast<std::size_t>(id)]);
  }
}

void PieceBpe::index_characters(const std::vector<PieceType>& types) {
  std::vector<std::string_view> characters;
  for (TokenId id = 0; id < vocabulary_.id_limit(); ++id) {
    if (!may_merge(types[static_cast<std::size_t>(id)])) continue;
    const std::string_view piece = vocabulary_.token(id);
    for_each_char(piece, [&](char32_t, std::size_t begin, std::size_t end) {
      const std::string_view text = piece.substr(begin, end - begin);
      if (vocabulary_.find(text) < 0) characters.push_back(text);
    });
  }
  std::sort(characters.begin(), characters.end());
  characters.erase(std::unique(characters.begin(), characters.end()), characters.end());
  characters_.reserve(characters.size());
  other_ = vocabulary_.id_limit();
  for (const std::string_view text : characters) characters_.insert(text, other_++);
}

TokenId PieceBpe::character(std::string_view text) const {
  TokenId id = vocabulary_.find(text);
  if (id < 0) id = characters_.find(text);
  return id < 0 ? other_ : id;
}

void PieceBpe::add_merges(TokenId id, std::uint32_t rank) {
  const std::string_view piece = vocabulary_.token(id);
  const auto symbol = [&](std::string_view text) {
    if (text.size() == char_length(text[0])) return character(text);
    const TokenId part = vocabulary_.find(text);
    return part >= 0 && may_merge(types_[static_cast<std::size_t>(part)]) ? part : -1;
  };
  TokenId before = -1;  // the character before the cut
  for_each_char(piece, [&](char32_t, std::size_t cut, std::size_t end) {
    const TokenId next = character(piece.substr(cut, end - cut));
    if (cut > 0) {
      joins_.insert(before, next, {});
      const TokenId left = symbol(piece.substr(0, cut)), right = symbol(piece.substr(cut));
      if (left >= 0 && right >= 0) merges_.insert(left, right, {rank, id});
    }
    before = next;
  });
}

std::unique_ptr<Model::Scratch> PieceBpe::make_scratch() const { return std::make_unique<PieceScratch>(); }

void PieceBpe::split(std::string_view word, std::vector<WordToken>& symbols) const {
  symbols.clear();
  for (std::uint32_t at = 0; at < word.size();) {
    const std::size_t of_user = of_user_.longest_prefix(word.substr(at));
    const std::size_t length = of_user > 0 ? of_user : char_length(word[at]);
    const std::string_view text = word.substr(at, length);
    const auto end = at + static_cast<std::uint32_t>(length);
    // A piece of the user never merges: it is marked by a negative number until it is put out.
    symbols.push_back({of_user > 0 ? -1 - vocabulary_.find(text) : character(text), at, end});
    at = end;
  }
}

void PieceBpe::tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const {
  auto& own = static_cast<PieceScratch&>(scratch);
  const std::size_t before = out.size();
  split(word, own.symbols);
  own.tokens.clear();
  for (std::size_t begin = 0, end = 0; begin < own.symbols.size(); begin = end) {
    const WordToken& first = own.symbols[begin];
    end = begin + 1;
    if (first.id < 0) {
      own.tokens.push_back({-1 - first.id, first.begin, first.end});
      continue;
    }
    while (end < own.symbols.size() && own.symbols[end].id >= 0 &&
           joins_.find(own.symbols[end - 1].id, own.symbols[end].id) != nullptr) {
      ++end;
    }
    own.chunk.assign(own.symbols.begin() + static_cast<std::ptrdiff_t>(begin),
                     own.symbols.begin() + static_cast<std::ptrdiff_t>(end));
    put_chunk(word, scratch, own.tokens);
  }
  for (const WordToken& token : own.tokens) {  // unknown characters side by side are one token
    if (token.id == unknown_.id() && out.size() > before && out.back().id == token.id) {
      out.back().end = token.end;
    } else {
      out.push_back(token);
    }
  }
}

void PieceBpe::put_chunk(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const {
  auto& own = static_cast<PieceScratch&>(scratch);
  const std::uint32_t begin = own.chunk.front().begin;
  const std::string_view text = word.substr(begin, own.chunk.back().end - begin);
  if (own.cache.find(text, begin, out)) return;
  const std::size_t before = out.size();
  own.merger.merge(merges_, own.chunk);
  for (const WordToken& symbol : own.chunk) put(word, symbol, out);
  own.cache.store(text, begin, std::span(out).subspan(before));
}

void PieceBpe::put(std::string_view word, const WordToken& symbol, std::vector<WordToken>& out) const {
  const std::string_view text = word.substr(symbol.begin, symbol.end - symbol.begin);
  if (symbol.id >= vocabulary_.id_limit() || symbol.id == unknown_.id()) {
    const ByteRange place{symbol.begin, symbol.end};
    const std::size_t first = out.size();
    if (!bytes_ || !bytes_->put(text, place, out)) return out.push_back({unknown_.id(), place.begin, place.end});
    for (std::uint32_t i = 0; i < text.size(); ++i) {
      out[first + i].begin = place.begin + i;
      out[first + i].end = place.begin + i + 1;
    }
    return;
  }
  out.push_back(symbol);
}

}  // namespace skald::text
