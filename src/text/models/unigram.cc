#include "text/models/unigram.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <charconv>
#include <cmath>

#include "text/models/pieces.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

constexpr float kUnknownPenalty = 10;     // of both references
constexpr double kMostScore = 100'000.0;  // of SentencePiece: where a sum is greater, it is taken from all that go on
constexpr TokenId kUnreached = -1;

// The best path to a place.
struct Node {
  double score = 0;
  std::uint32_t begin = 0;  // of the last token
  TokenId id = kUnreached;  // which it is
};

struct UnigramScratch final : Model::Scratch {
  std::vector<Node> nodes;  // [bytes since the last place that no token reaches across, + 1]
  std::vector<WordToken> path;

  [[nodiscard]] std::size_t bytes() const override {
    return nodes.capacity() * sizeof(Node) + path.capacity() * sizeof(WordToken);
  }
};

// A piece of the user is better than any others, and a longer one better than two.
float user_score(std::string_view piece) { return static_cast<float>(0.1 * (static_cast<double>(piece.size()) - 1)); }

// Takes the score of nodes[at] from all from there on, so that none grows too great to be exact.
void take_off(std::vector<Node>& nodes, std::size_t at) {
  const double score = nodes[at].score;
  for (std::size_t i = at; i < nodes.size(); ++i) {
    if (i == at || nodes[i].id != kUnreached) nodes[i].score = static_cast<float>(nodes[i].score - score);
  }
}

TokenId read_unknown(const json::Fields& fields, const Vocabulary& vocabulary) {
  if (vocabulary.id_limit() == 0 && fields.has("unk_id")) fields.fail("unk_id", "the vocabulary is empty");
  return static_cast<TokenId>(fields.get_integer("unk_id", 0, vocabulary.id_limit() - 1).value_or(-1));
}

const std::array<double, DBL_MAX_10_EXP + 1>& powers_of_ten() {
  static const auto all = [] {
    std::array<double, DBL_MAX_10_EXP + 1> powers{};
    for (std::size_t i = 0; i < powers.size(); ++i) powers[i] = std::stod("1e" + std::to_string(i));
    return powers;
  }();
  return all;
}

// `score` as `tokenizers` reads it from JSON: the digits, as one whole number, over a power of ten. The last bit is not
// always that of the nearest double, and decides between two ways to cut a text that have the same tokens.
double as_reference_reads(double score) {
  char text[32];
  const std::string_view written(
      text, std::to_chars(text, text + sizeof(text), std::abs(score), std::chars_format::scientific).ptr);
  const std::size_t mark = written.find('e');
  std::uint64_t digits = 0;
  int exponent = std::stoi(std::string(written.substr(mark + 1)));
  for (std::size_t i = 0; i < mark; ++i) {
    if (written[i] == '.') continue;
    digits = digits * 10 + static_cast<std::uint64_t>(written[i] - '0');
    if (i > 0) --exponent;
  }
  auto value = static_cast<double>(digits);
  const auto& powers = powers_of_ten();
  for (; exponent < -DBL_MAX_10_EXP; exponent += DBL_MAX_10_EXP) value /= powers.back();
  const double power = powers[static_cast<std::size_t>(std::abs(exponent))];
  value = exponent < 0 ? value / power : value * power;
  return std::copysign(value, score);
}

}  // namespace

Unigram::Unigram(const json::Fields& fields)
    : vocabulary_(piece_texts(fields)), unknown_(fields, read_unknown(fields, vocabulary_)) {
  vocabulary_.require_short_tokens(fields);
  if (fields.get_bool("byte_fallback").value_or(false)) bytes_.emplace(vocabulary_);
  single_precision_ = fields.has("piece_types");
  scores_ = piece_scores(fields);
  if (!single_precision_) std::ranges::transform(scores_, scores_.begin(), as_reference_reads);
  const std::vector<PieceType> types = piece_types(fields, scores_.size());
  float lowest = FLT_MAX;
  std::vector<ByteTrie::Entry> entries;
  for (TokenId id = 0; id < vocabulary_.id_limit(); ++id) {
    const auto at = static_cast<std::size_t>(id);
    const bool of_user = types[at] == PieceType::user_defined;
    if (types[at] == PieceType::normal) lowest = std::min(lowest, static_cast<float>(scores_[at]));
    if (types[at] == PieceType::normal || of_user) entries.push_back({vocabulary_.token(id), id});
    if (of_user) scores_[at] = user_score(vocabulary_.token(id));
  }
  trie_ = ByteTrie(std::move(entries));
  if (single_precision_) {
    unknown_score_ = lowest - kUnknownPenalty;
  } else if (!scores_.empty()) {
    unknown_score_ = *std::ranges::min_element(scores_) - kUnknownPenalty;
  }
}

std::unique_ptr<Model::Scratch> Unigram::make_scratch() const { return std::make_unique<UnigramScratch>(); }

void Unigram::tokenize(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const {
  single_precision_ ? find_best<float>(word, scratch, out) : find_best<double>(word, scratch, out);
}

template <typename Score>
void Unigram::find_best(std::string_view word, Scratch& scratch, std::vector<WordToken>& out) const {
  auto& own = static_cast<UnigramScratch&>(scratch);
  std::vector<Node>& nodes = own.nodes;
  nodes.assign(1, {});
  std::uint32_t first = 0;  // place of nodes[0]
  ByteRange unknown;        // characters that are no token, not yet put out: they make one
  const auto settle = [&](std::uint32_t end) {
    own.path.clear();
    for (std::uint32_t at = end; at > first; at = nodes[at - first].begin) {
      own.path.push_back({nodes[at - first].id, nodes[at - first].begin, at});
    }
    for (auto token = own.path.rbegin(); token != own.path.rend(); ++token) {
      if (token->id == unknown_.id()) {
        unknown = {unknown.begin == unknown.end ? token->begin : unknown.begin, token->end};
        continue;
      }
      if (unknown.begin != unknown.end) put_unknown(word, unknown, scratch.plain, out);
      unknown = {};
      out.push_back(*token);
    }
    nodes = {{nodes[end - first].score, end, kUnreached}};
    first = end;
  };
  const auto reach = [&](std::uint32_t begin, std::uint32_t end, double score, TokenId id) {
    if (nodes.size() <= end - first) nodes.resize(end - first + 1);
    Node& node = nodes[end - first];
    if (node.id == kUnreached || score > node.score) node = {score, begin, id};
  };
  const auto size = static_cast<std::uint32_t>(word.size());
  for (std::uint32_t at = 0; at < size;) {
    if (at - first + 1 == nodes.size() && at > first) settle(at);  // no token reaches further
    if (single_precision_ && std::abs(nodes[at - first].score) > kMostScore) take_off(nodes, at - first);
    const double here = nodes[at - first].score;
    const std::size_t length = std::min<std::size_t>(char_length(word[at]), size - at);
    bool has_char = false;
    trie_.for_each_prefix(word.substr(at), [&](std::size_t bytes, TokenId id) {
      if (scratch.plain && is_excluded(id)) return;
      const double score = scores_[static_cast<std::size_t>(id)];
      reach(at, at + static_cast<std::uint32_t>(bytes), static_cast<Score>(score + here), id);
      has_char = has_char || bytes == length;
    });
    if (!has_char) {
      const auto end = at + static_cast<std::uint32_t>(length);
      reach(at, end, static_cast<Score>(unknown_score_ + here), unknown_.id(word.substr(at, length)));
    }
    at += static_cast<std::uint32_t>(length);
  }
  settle(size);
  if (unknown.begin != unknown.end) put_unknown(word, unknown, scratch.plain, out);
}

void Unigram::put_unknown(std::string_view word, ByteRange place, bool plain, std::vector<WordToken>& out) const {
  const std::string_view text = word.substr(place.begin, place.end - place.begin);
  TokenId id = single_precision_ ? -1 : vocabulary_.find(text);
  if (id >= 0 && plain && is_excluded(id)) id = -1;
  if (id < 0 && bytes_ && bytes_->put(text, place, out)) return;
  out.push_back({id >= 0 ? id : unknown_.id(), place.begin, place.end});
}

}  // namespace skald::text
