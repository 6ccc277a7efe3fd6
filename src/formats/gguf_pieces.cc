// The tokenizers of SentencePiece in a GGUF file.
#include <algorithm>
#include <unordered_map>

#include "base/base64.h"
#include "formats/gguf_vocabulary.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::string_view kCharsmap = "tokenizer.ggml.precompiled_charsmap";
constexpr const char* kSpace = "\u2581";  // what SentencePiece writes for a space

std::size_t count_chars(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

struct ScoredMerge {
  std::string_view left, right;
  float score = 0;
  std::size_t left_chars = 0, right_chars = 0;
  std::size_t left_id = 0, right_id = 0;
};
using Ids = std::unordered_map<std::string_view, std::size_t>;

// Every place to cut a token is tried.
void check_length(const GgufVocabulary& vocabulary, std::size_t id) {
  constexpr std::size_t kMost = 1024;
  const std::size_t bytes = (*vocabulary.tokens)[id].size();
  if (bytes <= kMost) return;
  throw LimitError({.file = vocabulary.file.path(),
                    .field = "token " + std::to_string(id),
                    .value = std::to_string(bytes) + " bytes",
                    .rule = "a token of SentencePiece has at most " + std::to_string(kMost)});
}

// The ways to make `token` of two tokens, by their ids.
void add_merges(std::string_view token, float score, const Ids& ids, std::vector<ScoredMerge>& merges) {
  const std::size_t before = merges.size();
  for (std::size_t cut = 1; cut < token.size(); ++cut) {
    const auto left = ids.find(token.substr(0, cut));
    const auto right = ids.find(token.substr(cut));
    if (left == ids.end() || right == ids.end()) continue;
    merges.push_back({.left = left->first,
                      .right = right->first,
                      .score = score,
                      .left_chars = count_chars(left->first),
                      .right_chars = count_chars(right->first),
                      .left_id = left->second,
                      .right_id = right->second});
  }
  std::sort(merges.begin() + static_cast<std::ptrdiff_t>(before), merges.end(),
            [](const ScoredMerge& a, const ScoredMerge& b) {
              return std::pair(a.left_id, a.right_id) < std::pair(b.left_id, b.right_id);
            });
}

// A merge for every way to make a token of two, best score first: SentencePiece merges the pair whose token has the
// best score. Reference: generate_merges of transformers' tokenization_utils_base.py.
json::Array merges_by_score(const GgufVocabulary& vocabulary) {
  const std::vector<float> scores = vocabulary.scores();
  Ids ids;
  for (std::size_t id = 0; id < scores.size(); ++id) ids.emplace((*vocabulary.tokens)[id], id);
  std::vector<ScoredMerge> merges;
  for (std::size_t id = 0; id < scores.size(); ++id) {
    const std::int32_t type = vocabulary.types[id];
    if (type == kControlToken || type == kUserToken) continue;  // are found before anything is merged
    check_length(vocabulary, id);
    add_merges((*vocabulary.tokens)[id], scores[id], ids, merges);
  }
  std::ranges::stable_sort(merges, [](const ScoredMerge& a, const ScoredMerge& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.left_chars != b.left_chars) return a.left_chars > b.left_chars;
    return a.right_chars > b.right_chars;
  });
  json::Array pairs;
  pairs.reserve(merges.size());
  for (const ScoredMerge& merge : merges) {
    pairs.emplace_back(json::Array{json::Value(std::string(merge.left)), json::Value(std::string(merge.right))});
  }
  return pairs;
}

// Spaces are made visible, and back; a text begins with one where `prefix`.
json::Object with_spaces(json::Object model, bool prefix) {
  json::Array normalizers, decoders;
  if (prefix) normalizers.emplace_back(json::Object{{"type", "Prepend"}, {"prepend", kSpace}});
  normalizers.push_back(gguf_replace(" ", kSpace));
  decoders.push_back(gguf_replace(kSpace, " "));
  decoders.emplace_back(json::Object{{"type", "ByteFallback"}});
  decoders.emplace_back(json::Object{{"type", "Fuse"}});
  if (prefix) decoders.emplace_back(json::Object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"model", std::move(model)},
          {"normalizer", gguf_sequence("normalizers", std::move(normalizers))},
          {"decoder", gguf_sequence("decoders", std::move(decoders))}};
}

void name_unknown(const GgufVocabulary& vocabulary, json::Object& model) {
  const std::int64_t id = vocabulary.id_of("tokenizer.ggml.unknown_token_id");
  if (id >= 0) model.push_back({"unk_token", (*vocabulary.tokens)[static_cast<std::size_t>(id)]});
}

std::string read_charsmap(const GgufVocabulary& vocabulary) {
  const GgufArray* const array = vocabulary.file.get_array(kCharsmap);
  if (array == nullptr) return {};
  if (array->type != GgufType::u8 && array->type != GgufType::i8) {
    vocabulary.fail(kCharsmap, "array of " + std::string(gguf_type_name(array->type)), "must be an array of bytes");
  }
  return encode_base64({reinterpret_cast<const char*>(array->numbers.data()), array->numbers.size()});
}

// As a SentencePiece model numbers them.
std::int64_t piece_type(std::int32_t type) {
  if (type == kUserPiece) return kUserToken;
  if (type == kUserToken) return kUnusedToken;  // an added one, found before the model sees the text
  return std::clamp<std::int32_t>(type, kNormalToken, kByteToken);
}

}  // namespace

json::Object gguf_scored_bpe(const GgufVocabulary& vocabulary) {
  json::Object model{{"type", "BPE"},
                     {"byte_fallback", true},
                     {"fuse_unk", true},
                     {"vocab", vocabulary.ids()},
                     {"merges", merges_by_score(vocabulary)}};
  name_unknown(vocabulary, model);
  return with_spaces(std::move(model), vocabulary.file.get_bool("tokenizer.ggml.add_space_prefix").value_or(true));
}

json::Object gguf_raw_bpe(const GgufVocabulary& vocabulary, const GgufPreTokenizer& pre) {
  json::Object parts = gguf_byte_level(vocabulary, pre);
  json::Object model{{"byte_fallback", true}, {"fuse_unk", true}};
  name_unknown(vocabulary, model);
  json::Value cuts;
  for (json::Member& part : parts) {
    if (part.key == "pre_tokenizer") cuts = std::move(part.value);
    if (part.key != "model") continue;
    for (const json::Member& member : part.value.as_object()) model.push_back(member);
  }
  json::Object out = with_spaces(std::move(model), /*prefix=*/false);
  out.push_back({"pre_tokenizer", std::move(cuts)});
  return out;
}

json::Object gguf_unigram(GgufVocabulary& vocabulary) {
  const std::vector<float> scores = vocabulary.scores();
  vocabulary.find_user_pieces(scores);
  json::Array pieces, types, of_user;
  std::size_t bytes = 0;
  for (std::size_t id = 0; id < scores.size(); ++id) {
    const std::string& token = (*vocabulary.tokens)[id];
    const std::int32_t type = vocabulary.types[id];
    pieces.emplace_back(json::Array{json::Value(token), json::Value(static_cast<double>(scores[id]))});
    types.emplace_back(piece_type(type));
    bytes += type == kByteToken;
    if (type == kUserPiece) of_user.emplace_back(token);
  }
  const auto flag = [&](const char* key, bool absent) { return vocabulary.file.get_bool(key).value_or(absent); };
  const std::int64_t unknown = vocabulary.id_of("tokenizer.ggml.unknown_token_id");
  const bool prefix = flag("tokenizer.ggml.add_space_prefix", true);
  const bool single = flag("tokenizer.ggml.remove_extra_whitespaces", true);
  json::Object model{
      {"type", "Unigram"},
      {"vocab", std::move(pieces)},
      {"piece_types", std::move(types)},
      {"unk_id", unknown >= 0 ? unknown : std::min<std::int64_t>(2, static_cast<std::int64_t>(scores.size()) - 1)},
      {"byte_fallback", bytes == 256}};
  json::Object out = with_spaces(std::move(model), prefix);
  for (json::Member& part : out) {
    if (part.key != "normalizer") continue;
    part.value = json::Object{{"type", "PieceNormalizer"},
                              {"precompiled_charsmap", read_charsmap(vocabulary)},
                              {"add_dummy_prefix", prefix},
                              {"remove_extra_whitespaces", single},
                              {"user_defined", of_user}};
  }
  return out;
}

}  // namespace skald
