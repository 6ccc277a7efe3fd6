#include "engine/folder.h"

#include <algorithm>
#include <filesystem>

#include "decode/options.h"
#include "json/value.h"
#include "models/config_file.h"
#include "skald/error.h"

namespace skald::engine {
namespace {

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

bool has_tokenizer_file(const std::string& folder) {
  return is_there(std::filesystem::path(folder) / "tokenizer.json");
}

void check_tokenizer_fits(const text::Tokenizer& tokenizer, std::int64_t n_rows, const std::string& folder) {
  for (auto id = static_cast<TokenId>(n_rows); id < tokenizer.id_limit(); ++id) {
    const bool added = std::ranges::binary_search(tokenizer.added_tokens(), id, {}, &text::AddedToken::id);
    if (added || tokenizer.id_to_token(id).empty()) continue;
    throw FormatError({.file = std::filesystem::path(folder) / "tokenizer.json",
                       .field = "token " + quoted(tokenizer.id_to_token(id)),
                       .value = std::to_string(id),
                       .rule = "id must be below the " + std::to_string(n_rows) +
                               " rows of the model's embedding (is this the tokenizer of another model?)"});
  }
}

GenerationConfig read_model_generation_config(const std::string& folder) {
  const models::ConfigFile model_config = models::read_config_file(folder);
  const std::string generation_path = std::filesystem::path(folder) / "generation_config.json";
  if (!is_there(generation_path)) return decode::read_legacy_settings(model_config.value, model_config.path);
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
  return config;
}

}  // namespace skald::engine
