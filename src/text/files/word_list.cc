// vocab.txt: a token a line, as BERT stored it. Reference: BertTokenizer of transformers.
#include <algorithm>
#include <unordered_map>

#include "base/file.h"
#include "base/utf8.h"
#include "skald/error.h"
#include "text/files/vocabulary_files.h"

namespace skald::text {
namespace {

constexpr std::uint64_t kMaxBytes = 128U << 20;

// Of lines that are alike the last one counts.
json::Object read_lines(const std::string& path) {
  const std::string text = read_text_file(path, kMaxBytes);
  if (const std::size_t bad = first_invalid_utf8(text); bad != text.size()) {
    throw FormatError({.file = path, .offset = bad, .field = "line", .rule = "is not UTF-8"});
  }
  std::unordered_map<std::string_view, std::int64_t> ids;
  std::int64_t number = 0;
  for (std::size_t at = 0; at < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) ids[line] = number;
    at = end + 1;
  }
  json::Object vocabulary;
  for (const auto& [token, id] : ids) vocabulary.push_back({std::string(token), id});
  std::ranges::sort(vocabulary, {}, [](const json::Member& member) { return member.value.as_integer(); });
  return vocabulary;
}

}  // namespace

VocabularyFile read_word_list(const std::string& path, const FolderSettings& settings) {
  json::Object vocabulary = read_lines(path);
  const auto named = [&](const char* role, const char* usual) { return settings.token(role).value_or(usual); };
  const auto framed = [&](const std::string& token) -> FrameToken {
    const auto found = std::ranges::find(vocabulary, token, &json::Member::key);
    if (found != vocabulary.end()) return {token, found->value.as_integer()};
    throw FormatError(
        {.file = path, .field = quoted(token), .rule = "a text is put between such tokens, but no line has it"});
  };
  const std::string unknown = named("unk_token", "[UNK]");
  json::Value post = frame({framed(named("cls_token", "[CLS]"))}, {framed(named("sep_token", "[SEP]"))});
  json::Object normalizer{{"type", "BertNormalizer"},
                          {"clean_text", true},
                          {"handle_chinese_chars", settings.flag("tokenize_chinese_chars").value_or(true)},
                          {"lowercase", settings.flag("do_lower_case").value_or(true)}};
  if (const auto accents = settings.flag("strip_accents")) normalizer.push_back({"strip_accents", *accents});
  json::Object roles;
  for (const auto& [role, usual] : {std::pair("unk_token", "[UNK]"),
                                    {"sep_token", "[SEP]"},
                                    {"pad_token", "[PAD]"},
                                    {"cls_token", "[CLS]"},
                                    {"mask_token", "[MASK]"}}) {
    roles.push_back({role, usual});
  }
  json::Object model{{"type", "WordPiece"},
                     {"unk_token", unknown},
                     {"continuing_subword_prefix", "##"},
                     {"max_input_chars_per_word", 100},
                     {"vocab", std::move(vocabulary)}};
  return {
      .path = path,
      .tokenizer = json::Object{{"normalizer", std::move(normalizer)},
                                {"pre_tokenizer", json::Object{{"type", "BertPreTokenizer"}}},
                                {"model", std::move(model)},
                                {"decoder", json::Object{{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
                                {"post_processor", std::move(post)}},
      .roles = std::move(roles)};
}

}  // namespace skald::text
