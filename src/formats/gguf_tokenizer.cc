#include "formats/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/utf8.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::string_view kModel = "tokenizer.ggml.model";
constexpr std::string_view kPre = "tokenizer.ggml.pre";
constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kMerges = "tokenizer.ggml.merges";
constexpr std::string_view kSpace = "\u2581";  // what SentencePiece writes for a space

// Numbers of tokenizer.ggml.token_type.
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kUserDefined = 4;
constexpr std::int32_t kByte = 6;

// How byte-level BPE cuts text into words, by tokenizer.ggml.pre: normalizer and pre_tokenizer of tokenizer.json, where
// every pattern of `cuts` is a Split before the bytes are mapped. Reference: llama.cpp, llama-vocab.cpp.
struct Pre {
  std::string_view name;
  std::array<std::string_view, 4> cuts;
  bool compose = false;      // NFC first
  bool whole_words = false;  // a word that is a token is that token, whatever the merges say
};

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDigit = R"(\p{N})";

constexpr Pre kPres[] = {
    {.name = "default", .cuts = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
    {.name = "gpt-2", .cuts = {kGpt2}},
    {.name = "gpt-4o", .cuts = {kO200k}},
    {.name = "llama-bpe", .cuts = {kLlama3}, .whole_words = true},
    {.name = "llama3", .cuts = {kLlama3}, .whole_words = true},
    {.name = "qwen2", .cuts = {kQwen2}, .compose = true},
    {.name = "smollm", .cuts = {kDigit, kGpt2}},
    {.name = "starcoder", .cuts = {kDigit, kGpt2}},
    {.name = "tekken", .cuts = {kTekken}, .whole_words = true},
};

json::Value sequence(const char* key, json::Array stages) {
  return json::Object{{"type", "Sequence"}, {key, std::move(stages)}};
}

json::Value byte_level() {
  return json::Object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
}

std::size_t count_chars(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

bool is_byte_token(std::string_view token) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return token.size() == 6 && token.starts_with("<0x") && token.ends_with(">") && is_digit(token[3]) &&
         is_digit(token[4]);
}

class TokenizerReader {
 public:
  explicit TokenizerReader(const GgufFile& file) : file_(file) {}

  std::optional<GgufTokenizer> read() {
    const auto model = file_.get_text(kModel);
    if (!model || *model == "none") return std::nullopt;
    if (*model != "gpt2" && *model != "llama") {
      throw UnsupportedError({.file = file_.path(),
                              .field = std::string(kModel),
                              .value = quoted(*model),
                              .rule = "known are gpt2 (byte-level BPE), llama (SentencePiece BPE)"});
    }
    read_tables();
    json::Object out = *model == "gpt2" ? byte_level_bpe() : sentence_piece();
    out.push_back({"added_tokens", added_tokens()});
    out.push_back({"post_processor", post_processor(*model == "llama")});
    return GgufTokenizer{.tokenizer = std::move(out), .config = roles()};
  }

 private:
  [[noreturn]] void fail(std::string_view key, std::string value, std::string rule) const {
    throw FormatError(
        {.file = file_.path(), .field = std::string(key), .value = std::move(value), .rule = std::move(rule)});
  }

  // The array of `key`, with an item for every token; nullptr where there is none.
  const GgufArray* find_table(std::string_view key, GgufType type) const {
    const GgufArray* const array = file_.get_array(key);
    if (array == nullptr) return nullptr;
    if (array->type != type) {
      fail(key, "array of " + std::string(gguf_type_name(array->type)),
           "must be an array of " + std::string(gguf_type_name(type)));
    }
    if (key != kTokens && array->count != tokens_->size()) {
      fail(key, std::to_string(array->count) + " items",
           "must have one for each of the " + std::to_string(tokens_->size()) + " tokens");
    }
    return array;
  }

  void read_tables() {
    const GgufArray* const tokens = find_table(kTokens, GgufType::string);
    if (tokens == nullptr || tokens->count == 0) fail(kTokens, {}, "is missing, or has no tokens");
    tokens_ = &tokens->strings;
    const TensorInfo* const embedding = file_.find("token_embd.weight");
    if (embedding != nullptr && !embedding->shape.empty() && embedding->shape[0] != tokens_->size()) {
      fail(kTokens, std::to_string(tokens_->size()) + " items",
           "must have one for each of the " + std::to_string(embedding->shape[0]) + " rows of token_embd.weight");
    }
    types_.assign(tokens_->size(), 1);
    if (const GgufArray* const types = find_table(kTypes, GgufType::i32)) copy(*types, types_);
    for (std::size_t id = 0; id < tokens_->size(); ++id) {
      const std::string& token = (*tokens_)[id];
      const std::string field = "token " + std::to_string(id);
      if (first_invalid_utf8(token) != token.size()) fail(field, quoted(token), "is not UTF-8");
      if (types_[id] == kByte && !is_byte_token(token)) fail(field, quoted(token), "is not a byte token");
    }
  }

  template <typename T>
  static void copy(const GgufArray& array, std::vector<T>& out) {
    std::memcpy(out.data(), array.numbers.data(), out.size() * sizeof(T));
  }

  [[nodiscard]] json::Object vocabulary() const {
    json::Object vocabulary;
    vocabulary.reserve(tokens_->size());
    for (std::size_t id = 0; id < tokens_->size(); ++id) {
      vocabulary.push_back({(*tokens_)[id], static_cast<std::int64_t>(id)});
    }
    return vocabulary;
  }

  [[nodiscard]] json::Object byte_level_bpe() const {
    const std::string name(file_.get_text(kPre).value_or("default"));
    const auto* const pre = std::ranges::find(kPres, std::string_view(name), &Pre::name);
    if (pre == std::end(kPres)) refuse_pre(name);
    const GgufArray* const merges = file_.get_array(kMerges);
    if (merges == nullptr || merges->type != GgufType::string) fail(kMerges, {}, "must be an array of string");
    json::Array pairs(merges->strings.begin(), merges->strings.end());
    json::Array stages;
    for (const std::string_view cut : pre->cuts) {
      if (cut.empty()) break;
      stages.emplace_back(json::Object{{"type", "Split"},
                                       {"pattern", json::Object{{"Regex", std::string(cut)}}},
                                       {"behavior", "Isolated"},
                                       {"invert", false}});
    }
    stages.push_back(byte_level());
    json::Object out{{"model", json::Object{{"type", "BPE"},
                                            {"ignore_merges", pre->whole_words},
                                            {"vocab", vocabulary()},
                                            {"merges", std::move(pairs)}}},
                     {"pre_tokenizer", sequence("pretokenizers", std::move(stages))},
                     {"decoder", byte_level()}};
    if (pre->compose) out.push_back({"normalizer", json::Object{{"type", "NFC"}}});
    return out;
  }

  [[noreturn]] void refuse_pre(const std::string& name) const {
    std::string known;
    for (const Pre& pre : kPres) known += (known.empty() ? "" : ", ") + std::string(pre.name);
    throw UnsupportedError({.file = file_.path(),
                            .field = std::string(kPre),
                            .value = quoted(name),
                            .rule = "how it cuts words is not known; known are " + known});
  }

  [[nodiscard]] json::Object sentence_piece() const {
    const bool prefix = file_.get_bool("tokenizer.ggml.add_space_prefix").value_or(true);
    json::Object model{{"type", "BPE"},
                       {"byte_fallback", true},
                       {"fuse_unk", true},
                       {"vocab", vocabulary()},
                       {"merges", merges_by_score()}};
    if (const auto unknown = token_of("tokenizer.ggml.unknown_token_id")) model.push_back({"unk_token", *unknown});
    const std::string space(kSpace);
    json::Array normalizers, decoders;
    if (prefix) normalizers.emplace_back(json::Object{{"type", "Prepend"}, {"prepend", space}});
    normalizers.emplace_back(replace(" ", space));
    decoders.emplace_back(replace(space, " "));
    decoders.emplace_back(json::Object{{"type", "ByteFallback"}});
    decoders.emplace_back(json::Object{{"type", "Fuse"}});
    if (prefix) {
      decoders.emplace_back(json::Object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    }
    return {{"model", std::move(model)},
            {"normalizer", sequence("normalizers", std::move(normalizers))},
            {"decoder", sequence("decoders", std::move(decoders))}};
  }

  static json::Value replace(const std::string& from, const std::string& to) {
    return json::Object{{"type", "Replace"}, {"pattern", json::Object{{"String", from}}}, {"content", to}};
  }

  // A merge for every way to make a token of two, best score first: SentencePiece merges the pair whose token has the
  // best score. Reference: generate_merges of transformers' tokenization_utils_base.py.
  [[nodiscard]] json::Array merges_by_score() const {
    const GgufArray* const array = find_table(kScores, GgufType::f32);
    if (array == nullptr) fail(kScores, {}, "is missing: tokenizers of the kind 'llama' have a score for every token");
    std::vector<float> scores(tokens_->size());
    copy(*array, scores);
    std::unordered_map<std::string_view, std::size_t> ids;
    for (std::size_t id = 0; id < tokens_->size(); ++id) {
      if (!std::isfinite(scores[id])) fail(kScores, std::to_string(scores[id]), "scores must be finite");
      ids.emplace((*tokens_)[id], id);
    }
    std::vector<ScoredMerge> merges;
    for (std::size_t id = 0; id < tokens_->size(); ++id) {
      if (types_[id] == kControl || types_[id] == kUserDefined) continue;  // are found before anything is merged
      check_length(id);
      add_merges((*tokens_)[id], scores[id], ids, merges);
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

  // Every place to cut a token is tried.
  void check_length(std::size_t id) const {
    constexpr std::size_t kMost = 1024;
    const std::size_t bytes = (*tokens_)[id].size();
    if (bytes <= kMost) return;
    throw LimitError({.file = file_.path(),
                      .field = "token " + std::to_string(id),
                      .value = std::to_string(bytes) + " bytes",
                      .rule = "a token of SentencePiece has at most " + std::to_string(kMost)});
  }

  struct ScoredMerge {
    std::string_view left, right;
    float score = 0;
    std::size_t left_chars = 0, right_chars = 0;
    std::size_t left_id = 0, right_id = 0;
  };

  // The ways to make `token` of two tokens, by their ids.
  static void add_merges(std::string_view token, float score,
                         const std::unordered_map<std::string_view, std::size_t>& ids,
                         std::vector<ScoredMerge>& merges) {
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

  [[nodiscard]] json::Array added_tokens() const {
    json::Array added;
    for (std::size_t id = 0; id < tokens_->size(); ++id) {
      if ((types_[id] != kControl && types_[id] != kUserDefined) || (*tokens_)[id].empty()) continue;
      added.emplace_back(json::Object{{"id", static_cast<std::int64_t>(id)},
                                      {"content", (*tokens_)[id]},
                                      {"normalized", false},
                                      {"special", types_[id] == kControl}});
    }
    return added;
  }

  // Token of the id that stands under `key`.
  [[nodiscard]] std::optional<std::string> token_of(std::string_view key) const {
    const auto id = file_.get_integer(key);
    if (!id) return std::nullopt;
    if (static_cast<std::uint64_t>(*id) < tokens_->size()) return (*tokens_)[static_cast<std::size_t>(*id)];
    fail(key, std::to_string(*id), "must be below " + std::to_string(tokens_->size()) + ", the number of tokens");
  }

  // What is put before and after a text. SentencePiece models begin with bos unless the file says otherwise.
  [[nodiscard]] json::Value post_processor(bool begins) const {
    const auto bos = token_of("tokenizer.ggml.bos_token_id");
    const auto eos = token_of("tokenizer.ggml.eos_token_id");
    json::Array single;
    json::Object used;
    const auto put = [&](const std::string& token) {
      single.emplace_back(json::Object{{"SpecialToken", json::Object{{"id", token}, {"type_id", 0}}}});
      const auto id = std::ranges::find(*tokens_, token) - tokens_->begin();
      const bool there = std::ranges::any_of(used, [&](const json::Member& m) { return m.key == token; });
      if (there) return;
      used.push_back({token, json::Object{{"id", token},
                                          {"ids", json::Array{json::Value(static_cast<std::int64_t>(id))}},
                                          {"tokens", json::Array{json::Value(token)}}}});
    };
    if (bos && file_.get_bool("tokenizer.ggml.add_bos_token").value_or(begins)) put(*bos);
    single.emplace_back(json::Object{{"Sequence", json::Object{{"id", "A"}, {"type_id", 0}}}});
    if (eos && file_.get_bool("tokenizer.ggml.add_eos_token").value_or(false)) put(*eos);
    if (single.size() == 1) return {};
    json::Array pair = single;
    pair.emplace_back(json::Object{{"Sequence", json::Object{{"id", "B"}, {"type_id", 1}}}});
    return json::Object{{"type", "TemplateProcessing"},
                        {"single", std::move(single)},
                        {"pair", std::move(pair)},
                        {"special_tokens", std::move(used)}};
  }

  [[nodiscard]] json::Value roles() const {
    json::Object config;
    const auto add = [&](const char* role, std::string_view key) {
      if (const auto token = token_of(key)) config.push_back({role, *token});
    };
    add("bos_token", "tokenizer.ggml.bos_token_id");
    add("eos_token", "tokenizer.ggml.eos_token_id");
    add("pad_token", "tokenizer.ggml.padding_token_id");
    add("unk_token", "tokenizer.ggml.unknown_token_id");
    return config;
  }

  const GgufFile& file_;
  const std::vector<std::string>* tokens_ = nullptr;
  std::vector<std::int32_t> types_;  // of each token
};

}  // namespace

std::optional<GgufTokenizer> read_gguf_tokenizer(const GgufFile& file) { return TokenizerReader(file).read(); }

std::optional<std::string_view> read_gguf_chat_template(const GgufFile& file) {
  return file.get_text("tokenizer.chat_template");
}

}  // namespace skald
