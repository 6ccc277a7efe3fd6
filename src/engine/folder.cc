#include "engine/folder.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "decode/options.h"
#include "formats/gguf_model.h"
#include "formats/gguf_tokenizer.h"
#include "formats/torch_checkpoint.h"
#include "json/value.h"
#include "models/class_defaults.h"
#include "models/config_file.h"
#include "skald/error.h"
#include "text/access.h"
#include "text/files/vocabulary_files.h"
#include "text/roles.h"

namespace skald::engine {
namespace {

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

void require_model(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return require_folder(path);
  if (is_gguf_file(path) || is_torch_file(path)) return;
  throw PathError(
      PathError::Kind::not_regular,
      {.file = path, .rule = "is neither a GGUF file nor a PyTorch checkpoint: name the folder of the model"});
}

std::string folder_of(const std::string& path) {
  if (!is_torch_file(path)) return path;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

bool has_tokenizer_file(const std::string& path) {
  if (is_gguf_file(path)) return open_gguf(path)->find_entry("tokenizer.ggml.model") != nullptr;
  const std::string folder = folder_of(path);
  return is_there(std::filesystem::path(folder) / "tokenizer.json") || text::has_vocabulary_file(folder);
}

bool has_chat_template(const std::string& path) {
  if (is_gguf_file(path)) return read_gguf_chat_template(*open_gguf(path)).has_value();
  const std::filesystem::path folder(folder_of(path));
  if (is_there(folder / "chat_template.jinja")) return true;
  const std::filesystem::path config = folder / "tokenizer_config.json";
  if (!is_there(config)) return false;
  const json::Value read = json::parse_file(config);
  const json::Value* const found = read.find("chat_template");
  return found != nullptr && !found->is_null();
}

void check_tokenizer_fits(const text::Tokenizer& tokenizer, std::int64_t n_rows, const std::string& path) {
  for (auto id = static_cast<TokenId>(n_rows); id < tokenizer.id_limit(); ++id) {
    const bool added = std::ranges::binary_search(tokenizer.added_tokens(), id, {}, &text::AddedToken::id);
    if (added || tokenizer.id_to_token(id).empty()) continue;
    throw FormatError(
        {.file = is_gguf_file(path) ? path : (std::filesystem::path(folder_of(path)) / "tokenizer.json").string(),
         .field = "token " + quoted(tokenizer.id_to_token(id)),
         .value = std::to_string(id),
         .rule = "id must be below the " + std::to_string(n_rows) +
                 " rows of the model's embedding (is this the tokenizer of another model?)"});
  }
}

GenerationConfig read_model_generation_config(const std::string& path) {
  const models::ConfigFile model_config = models::read_config_file(path);
  const std::string generation_path = std::filesystem::path(folder_of(path)) / "generation_config.json";
  const auto begin_decoder = [&](GenerationConfig& config) {
    const std::int64_t start = models::class_decoder_start(model_config.value);
    if (!config.decoder_start_token_id && start >= 0) config.decoder_start_token_id = static_cast<TokenId>(start);
  };
  if (!is_there(generation_path)) {
    GenerationConfig config = decode::read_legacy_settings(model_config.value, model_config.path);
    begin_decoder(config);
    return config;
  }
  GenerationConfig config = decode::read_generation_config(json::parse_file(generation_path, json::kConfigLimits),
                                                           generation_path, decode::UnknownFields::notice);
  const auto take = [&](std::string_view name) {
    const json::Value* const value = model_config.value.find(name);
    if (value != nullptr && !value->is_null()) {
      decode::assign(config, *decode::find_option(name), *value, model_config.path, name);
    }
  };
  if (!config.decoder_start_token_id && !config.bos_token_id) take("decoder_start_token_id");
  if (!config.eos_token_id) take("eos_token_id");
  if (!config.bos_token_id) take("bos_token_id");
  if (!config.pad_token_id) take("pad_token_id");
  if (!config.bos_token_id) begin_decoder(config);
  return config;
}

}  // namespace skald::engine

namespace skald {

Tokenizer Tokenizer::load(const std::string& path) {
  engine::require_model(path);
  if (!is_gguf_file(path)) return TokenizerAccess::wrap(text::Tokenizer::load(engine::folder_of(path)));
  const auto found = read_gguf_tokenizer(*open_gguf(path));
  if (!found) throw UnsupportedError({.file = path, .rule = "has no tokenizer"});
  return TokenizerAccess::wrap(
      text::Tokenizer::from_json(found->tokenizer, path, text::read_token_settings(found->config, path)));
}

}  // namespace skald
