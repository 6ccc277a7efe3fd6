#include "formats/gguf_vocabulary.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/utf8.h"
#include "formats/gguf_pre_tokenizers.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kMerges = "tokenizer.ggml.merges";
constexpr std::string_view kWordBegin = "\u2581";  // before a token that begins a word of BERT's

json::Value byte_level() {
  return json::Object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
}

bool is_byte_token(std::string_view token) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">") && is_digit(token[3]) &&
         is_digit(token[4]);
}

template <typename T>
void copy(const GgufArray& array, std::vector<T>& out) {
  std::memcpy(out.data(), array.numbers.data(), out.size() * sizeof(T));
}

}  // namespace

GgufVocabulary::GgufVocabulary(const GgufFile& source) : file(source) {
  const GgufArray* const list = find_table(kTokens, GgufType::string);
  if (list == nullptr || list->count == 0) fail(kTokens, {}, "is missing, or has no tokens");
  tokens = &list->strings;
  const TensorInfo* const embedding = file.find("token_embd.weight");
  if (embedding != nullptr && !embedding->shape.empty() && embedding->shape[0] != tokens->size()) {
    fail(kTokens, std::to_string(tokens->size()) + " items",
         "must have one for each of the " + std::to_string(embedding->shape[0]) + " rows of token_embd.weight");
  }
  types.assign(tokens->size(), kNormalToken);
  if (const GgufArray* const array = find_table(kTypes, GgufType::i32)) copy(*array, types);
  for (std::size_t id = 0; id < tokens->size(); ++id) {
    const std::string& token = (*tokens)[id];
    const std::string field = "token " + std::to_string(id);
    if (first_invalid_utf8(token) != token.size()) fail(field, quoted(token), "is not UTF-8");
    if (types[id] == kByteToken && !is_byte_token(token)) fail(field, quoted(token), "is not a byte token");
  }
}

void GgufVocabulary::fail(std::string_view key, std::string value, std::string rule) const {
  throw FormatError(
      {.file = file.path(), .field = std::string(key), .value = std::move(value), .rule = std::move(rule)});
}

const GgufArray* GgufVocabulary::find_table(std::string_view key, GgufType type) const {
  const GgufArray* const array = file.get_array(key);
  if (array == nullptr) return nullptr;
  if (array->type != type) {
    fail(key, "array of " + std::string(gguf_type_name(array->type)),
         "must be an array of " + std::string(gguf_type_name(type)));
  }
  if (key != kTokens && array->count != tokens->size()) {
    fail(key, std::to_string(array->count) + " items",
         "must have one for each of the " + std::to_string(tokens->size()) + " tokens");
  }
  return array;
}

std::vector<float> GgufVocabulary::scores() const {
  const GgufArray* const array = find_table(kScores, GgufType::f32);
  if (array == nullptr) fail(kScores, {}, "is missing: tokenizers of this kind have a score for every token");
  std::vector<float> scores(tokens->size());
  copy(*array, scores);
  for (const float score : scores) {
    if (!std::isfinite(score)) fail(kScores, std::to_string(score), "scores must be finite");
  }
  return scores;
}

json::Object GgufVocabulary::ids() const {
  json::Object ids;
  ids.reserve(tokens->size());
  for (std::size_t id = 0; id < tokens->size(); ++id) ids.push_back({(*tokens)[id], static_cast<std::int64_t>(id)});
  return ids;
}

std::int64_t GgufVocabulary::id_of(std::string_view key) const {
  const auto id = file.get_integer(key);
  if (!id) return -1;
  if (static_cast<std::uint64_t>(*id) < tokens->size()) return *id;
  fail(key, std::to_string(*id), "must be below " + std::to_string(tokens->size()) + ", the number of tokens");
}

json::Value gguf_sequence(const char* key, json::Array stages) {
  return json::Object{{"type", "Sequence"}, {key, std::move(stages)}};
}

json::Value gguf_replace(const std::string& from, const std::string& to) {
  return json::Object{{"type", "Replace"}, {"pattern", json::Object{{"String", from}}}, {"content", to}};
}

json::Object gguf_byte_level(const GgufVocabulary& vocabulary, const GgufPreTokenizer& pre) {
  const GgufArray* const merges = vocabulary.file.get_array(kMerges);
  if (merges == nullptr || merges->type != GgufType::string) vocabulary.fail(kMerges, {}, "must be an array of string");
  json::Array pairs(merges->strings.begin(), merges->strings.end());
  json::Array stages;
  for (const std::string_view cut : pre.cuts) {
    if (cut.empty()) break;
    stages.emplace_back(json::Object{{"type", "Split"},
                                     {"pattern", json::Object{{"Regex", std::string(cut)}}},
                                     {"behavior", "Isolated"},
                                     {"invert", false}});
  }
  if (!pre.raw) stages.push_back(byte_level());
  json::Object out{{"model", json::Object{{"type", "BPE"},
                                          {"ignore_merges", pre.whole_words},
                                          {"vocab", vocabulary.ids()},
                                          {"merges", std::move(pairs)}}},
                   {"pre_tokenizer", gguf_sequence("pretokenizers", std::move(stages))},
                   {"decoder", byte_level()}};
  if (pre.compose) out.push_back({"normalizer", json::Object{{"type", "NFC"}}});
  return out;
}

void GgufVocabulary::spell_as_word_pieces() {
  for (std::size_t id = 0; id < tokens->size(); ++id) {
    const std::string& token = (*tokens)[id];
    const bool plain = types[id] == kControlToken || (token.starts_with('[') && token.ends_with(']'));
    if (token.starts_with(kWordBegin)) {
      spellings_.push_back(token.substr(kWordBegin.size()));
    } else {
      spellings_.push_back(plain ? token : "##" + token);
    }
  }
  tokens = &spellings_;
}

void GgufVocabulary::find_user_pieces(const std::vector<float>& scores) {
  constexpr float kAdded = -1000;
  for (std::size_t id = 0; id < types.size(); ++id) {
    const bool own = types[id] == kUserToken && scores[id] != kAdded;
    if (own || (types[id] == kNormalToken && scores[id] == 0)) types[id] = kUserPiece;
  }
}

json::Object gguf_word_piece(GgufVocabulary& vocabulary) {
  vocabulary.spell_as_word_pieces();
  json::Object model{{"type", "WordPiece"}, {"continuing_subword_prefix", "##"}, {"vocab", vocabulary.ids()}};
  const std::int64_t unknown = vocabulary.id_of("tokenizer.ggml.unknown_token_id");
  if (unknown >= 0) model.push_back({"unk_token", (*vocabulary.tokens)[static_cast<std::size_t>(unknown)]});
  const bool lowercase = vocabulary.file.get_bool("tokenizer.ggml.normalizer.lowercase").value_or(true);
  const bool accents = vocabulary.file.get_bool("tokenizer.ggml.normalizer.strip_accents").value_or(lowercase);
  return {
      {"normalizer", json::Object{{"type", "BertNormalizer"}, {"lowercase", lowercase}, {"strip_accents", accents}}},
      {"pre_tokenizer", json::Object{{"type", "BertPreTokenizer"}}},
      {"model", std::move(model)},
      {"decoder", json::Object{{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}}};
}

json::Object gguf_rwkv(const GgufVocabulary& vocabulary) {
  return {{"model", json::Object{{"type", "RWKV"}, {"vocab", vocabulary.ids()}}},
          {"decoder", json::Object{{"type", "RWKV"}}}};
}

}  // namespace skald
