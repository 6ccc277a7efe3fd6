#include "formats/gguf_tokenizer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "formats/gguf_pre_tokenizers.h"
#include "formats/gguf_vocabulary.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr std::string_view kModel = "tokenizer.ggml.model";
constexpr std::string_view kPre = "tokenizer.ggml.pre";

// What is put around a text where the file does not say.
struct Frame {
  const char* first_key = "tokenizer.ggml.bos_token_id";
  const char* last_key = "tokenizer.ggml.eos_token_id";
  const char* ends_key = "tokenizer.ggml.add_eos_token";
  bool begins = false, ends = false;
};

class TokenizerReader {
 public:
  TokenizerReader(const GgufFile& file, std::string_view model) : vocabulary_(file), file_(file), model_(model) {}

  GgufTokenizer read() {
    json::Object out = parts();
    out.push_back({"added_tokens", added_tokens()});
    out.push_back({"post_processor", post_processor()});
    return GgufTokenizer{.tokenizer = std::move(out), .config = roles()};
  }

 private:
  json::Object parts() {
    if (model_ == "llama") {
      frame_.begins = true;
      return gguf_scored_bpe(vocabulary_);
    }
    if (model_ == "t5") {
      frame_.ends = true;
      return gguf_unigram(vocabulary_);
    }
    if (model_ == "bert") {
      frame_ = {.first_key = "tokenizer.ggml.cls_token_id",
                .last_key = "tokenizer.ggml.seperator_token_id",  // so spelled
                .ends_key = "tokenizer.ggml.add_sep_token",
                .begins = true,
                .ends = true};
      return gguf_word_piece(vocabulary_);
    }
    if (model_ == "rwkv") return gguf_rwkv(vocabulary_);
    const GgufPreTokenizer& pre = pre_tokenizer();
    frame_.begins = pre.begins || pre.frames;
    frame_.ends = pre.frames;
    return pre.raw ? gguf_raw_bpe(vocabulary_, pre) : gguf_byte_level(vocabulary_, pre);
  }

  [[nodiscard]] const GgufPreTokenizer& pre_tokenizer() const {
    const std::string name(model_ == "gemma4" ? model_ : file_.get_text(kPre).value_or("default"));
    if (const GgufPreTokenizer* const found = find_gguf_pre_tokenizer(name)) return *found;
    throw UnsupportedError({.file = file_.path(),
                            .field = std::string(kPre),
                            .value = quoted(name),
                            .rule = "how it cuts words is not known; known are " + known_gguf_pre_tokenizers()});
  }

  [[nodiscard]] json::Array added_tokens() const {
    json::Array added;
    for (std::size_t id = 0; id < vocabulary_.tokens->size(); ++id) {
      if ((vocabulary_.types[id] != kControlToken && vocabulary_.types[id] != kUserToken) || spelling(id).empty())
        continue;
      added.emplace_back(json::Object{{"id", static_cast<std::int64_t>(id)},
                                      {"content", spelling(id)},
                                      {"normalized", false},
                                      {"special", vocabulary_.types[id] == kControlToken}});
    }
    return added;
  }

  // As the tokenizer spells it.
  [[nodiscard]] const std::string& spelling(std::size_t id) const { return (*vocabulary_.tokens)[id]; }

  [[nodiscard]] json::Value post_processor() const {
    const std::int64_t first = vocabulary_.id_of(frame_.first_key), last = vocabulary_.id_of(frame_.last_key);
    json::Array single;
    json::Object used;
    const auto put = [&](std::int64_t id) {
      const std::string& token = spelling(static_cast<std::size_t>(id));
      single.emplace_back(json::Object{{"SpecialToken", json::Object{{"id", token}, {"type_id", 0}}}});
      const bool there = std::ranges::any_of(used, [&](const json::Member& m) { return m.key == token; });
      if (there) return;
      used.push_back({token, json::Object{{"id", token},
                                          {"ids", json::Array{json::Value(id)}},
                                          {"tokens", json::Array{json::Value(token)}}}});
    };
    if (first >= 0 && file_.get_bool("tokenizer.ggml.add_bos_token").value_or(frame_.begins)) put(first);
    single.emplace_back(json::Object{{"Sequence", json::Object{{"id", "A"}, {"type_id", 0}}}});
    if (last >= 0 && file_.get_bool(frame_.ends_key).value_or(frame_.ends)) put(last);
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
      const std::int64_t id = vocabulary_.id_of(key);
      if (id >= 0) config.push_back({role, spelling(static_cast<std::size_t>(id))});
    };
    add("bos_token", "tokenizer.ggml.bos_token_id");
    add("eos_token", "tokenizer.ggml.eos_token_id");
    add("pad_token", "tokenizer.ggml.padding_token_id");
    add("unk_token", "tokenizer.ggml.unknown_token_id");
    return config;
  }

  GgufVocabulary vocabulary_;
  const GgufFile& file_;
  std::string_view model_;
  Frame frame_;
};

}  // namespace

std::optional<GgufTokenizer> read_gguf_tokenizer(const GgufFile& file) {
  const auto model = file.get_text(kModel);
  if (!model || *model == "none" || *model == "no_vocab") return std::nullopt;
  constexpr std::string_view kModels[] = {"gpt2", "llama", "t5", "bert", "rwkv", "gemma4"};
  if (std::ranges::find(kModels, *model) == std::end(kModels)) {
    throw UnsupportedError({.file = file.path(),
                            .field = std::string(kModel),
                            .value = quoted(*model),
                            .rule = "known are gpt2 and gemma4 (BPE), llama (SentencePiece BPE), t5 (SentencePiece "
                                    "unigram), bert (WordPiece), rwkv"});
  }
  return TokenizerReader(file, *model).read();
}

std::optional<std::string_view> read_gguf_chat_template(const GgufFile& file) {
  return file.get_text("tokenizer.chat_template");
}

}  // namespace skald
