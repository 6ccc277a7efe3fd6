#include "text/files/vocabulary_files.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "json/fields.h"

namespace skald::text {
namespace {

constexpr std::uint64_t kMaxModelBytes = 256U << 20;
constexpr const char* kPieceModels[] = {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
                                        "sentencepiece.model", "spm.model"};

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::optional<std::filesystem::path> find_piece_model(const std::filesystem::path& folder) {
  for (const char* name : kPieceModels) {
    if (is_there(folder / name)) return folder / name;
  }
  return std::nullopt;
}

bool has_bpe_files(const std::filesystem::path& folder) {
  return is_there(folder / "vocab.json") && is_there(folder / "merges.txt");
}

}  // namespace

FolderSettings::FolderSettings(const std::string& folder) : value(json::Object{}) {
  const std::filesystem::path file = std::filesystem::path(folder) / "tokenizer_config.json";
  path = file.string();
  if (is_there(file)) value = json::parse_file(path);
}

std::string FolderSettings::tokenizer_class() const {
  std::string name = json::Fields(value, path).get_string("tokenizer_class").value_or("");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

std::optional<bool> FolderSettings::flag(std::string_view key) const { return json::Fields(value, path).get_bool(key); }

std::optional<std::string> FolderSettings::token(std::string_view role) const {
  const json::Value* const found = value.find(role);
  if (found != nullptr && found->is_object())
    return json::Fields(*found, path, std::string(role)).get_string("content");
  return json::Fields(value, path).get_string(role);
}

json::Value frame(const std::vector<FrameToken>& before, const std::vector<FrameToken>& after) {
  if (before.empty() && after.empty()) return {};
  json::Array single;
  json::Object used;
  const auto put = [&](const FrameToken& token) {
    single.emplace_back(json::Object{{"SpecialToken", json::Object{{"id", token.token}, {"type_id", 0}}}});
    if (std::ranges::any_of(used, [&](const json::Member& member) { return member.key == token.token; })) return;
    used.push_back({token.token, json::Object{{"id", token.token},
                                              {"ids", json::Array{json::Value(token.id)}},
                                              {"tokens", json::Array{json::Value(token.token)}}}});
  };
  for (const FrameToken& token : before) put(token);
  single.emplace_back(json::Object{{"Sequence", json::Object{{"id", "A"}, {"type_id", 0}}}});
  for (const FrameToken& token : after) put(token);
  json::Array pair = single;
  pair.emplace_back(json::Object{{"Sequence", json::Object{{"id", "B"}, {"type_id", 1}}}});
  return json::Object{{"type", "TemplateProcessing"},
                      {"single", std::move(single)},
                      {"pair", std::move(pair)},
                      {"special_tokens", std::move(used)}};
}

bool has_vocabulary_file(const std::string& folder) {
  return find_piece_model(folder) || has_bpe_files(folder) || is_there(std::filesystem::path(folder) / "vocab.txt");
}

std::optional<VocabularyFile> read_vocabulary_file(const std::string& folder) {
  const std::filesystem::path path(folder);
  const FolderSettings settings(folder);
  if (const auto model = find_piece_model(path)) {
    return read_piece_model(read_text_file(*model, kMaxModelBytes), model->string(), settings);
  }
  if (has_bpe_files(path)) {
    return read_bpe_files((path / "vocab.json").string(), (path / "merges.txt").string(), settings);
  }
  if (is_there(path / "vocab.txt")) return read_word_list((path / "vocab.txt").string(), settings);
  return std::nullopt;
}

}  // namespace skald::text
