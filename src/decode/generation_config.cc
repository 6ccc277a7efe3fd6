// GenerationConfig: reading, writing, and the rank of one over another.
#include "skald/generation_config.h"

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "base/partial_file.h"
#include "decode/foreign_options.h"
#include "decode/options.h"
#include "skald/error.h"

namespace skald {
namespace decode {
namespace {

constexpr std::string_view kFileName = "generation_config.json";

// What the file of transformers 4 calls generation_kwargs: they go before the fields, as arguments of generate() do.
GenerationConfig read_kwargs(const json::Value& value, const std::string& file, UnknownFields unknown) {
  if (value.is_object()) return read_generation_config(value, file, unknown);
  throw OptionError(
      {.file = file, .field = "generation_kwargs", .value = value.describe(), .rule = "must be an object"});
}

// True where `key` is an option or known of transformers.
bool take(GenerationConfig& config, const std::string& key, const json::Value& value, const std::string& file) {
  const Option* const option = find_option(key);
  if (option != nullptr && option->info.name == key) {
    if (!value.is_null()) assign(config, *option, value, file, key);
    return true;
  }
  const ForeignOption* const foreign = find_foreign_option(key);
  if (foreign != nullptr) take_foreign_option(config, *foreign, value, file);
  return foreign != nullptr;
}

std::filesystem::path file_at(const std::string& path) {
  const std::filesystem::path given(path);
  return given.extension() == ".json" ? given : given / kFileName;
}

json::Object fields_of(const GenerationConfig& config) {
  json::Object fields;
  for (const Option& option : option_table()) {
    json::Value value = value_of(config, option);
    if (!value.is_null()) fields.push_back({std::string(option.info.name), std::move(value)});
  }
  for (const auto& [name, text] : config.passive) fields.push_back({name, json::parse(text, name)});
  return fields;
}

// The same configuration in what transformers has words for.
GenerationConfig portable(GenerationConfig config) {
  if (config.temperature == 0.0) {
    config.temperature.reset();
    config.do_sample = false;
  }
  if (config.top_k == -1) config.top_k = 0;
  return config;
}

}  // namespace

GenerationConfig read_generation_config(const json::Value& json, const std::string& file, UnknownFields unknown) {
  if (!json.is_object()) throw OptionError({.file = file, .value = json.describe(), .rule = "must be an object"});
  GenerationConfig config;
  GenerationConfig kwargs;
  for (const auto& [key, value] : json.as_object()) {
    if (key == "generation_kwargs") {
      if (!value.is_null()) kwargs = read_kwargs(value, file, unknown);
    } else if (!take(config, key, value, file)) {
      if (unknown == UnknownFields::refuse) {
        throw OptionError({.file = file, .field = quoted(key), .rule = unknown_option_rule(key)});
      }
      log_notice(LogLevel::warning, file + ": " + quoted(key) + " is not known and has no effect");
    }
  }
  return kwargs.over(config);
}

// As transformers' GenerationConfig.from_model_config: what the file itself does not set, the part about text may.
GenerationConfig read_legacy_settings(const json::Value& config_json, const std::string& file) {
  GenerationConfig config;
  if (!config_json.is_object()) return config;
  for (const auto& [key, value] : config_json.as_object()) take(config, key, value, file);
  for (const std::string_view name : {"decoder", "generator", "text_config"}) {
    const json::Value* const part = config_json.find(name);
    if (part == nullptr || !part->is_object() || part->as_object().empty()) continue;
    GenerationConfig lower;
    for (const auto& [key, value] : part->as_object()) take(lower, key, value, file);
    return config.over(lower);
  }
  return config;
}

}  // namespace decode

GenerationConfig GenerationConfig::load(const std::string& path) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  const std::string file = is_folder ? (std::filesystem::path(path) / decode::kFileName).string() : path;
  return decode::read_generation_config(json::parse_file(file, json::kConfigLimits), file,
                                        decode::UnknownFields::refuse);
}

GenerationConfig GenerationConfig::from_json(std::string_view text, const std::string& file) {
  return decode::read_generation_config(json::parse(text, file, json::kConfigLimits), file,
                                        decode::UnknownFields::refuse);
}

GenerationConfig GenerationConfig::over(const GenerationConfig& lower) const {
  GenerationConfig merged = lower;
  for (const decode::Option& option : decode::option_table()) {
    std::visit(
        [&](auto member) {
          if (this->*member) merged.*member = this->*member;
        },
        option.member);
  }
  for (const auto& [name, value] : passive) merged.passive[name] = value;
  return merged;
}

std::string GenerationConfig::to_json() const { return json::dump(decode::fields_of(*this)); }

void GenerationConfig::save(const std::string& path) const {
  decode::check(*this);
  const std::filesystem::path file = decode::file_at(path);
  std::string text = "{";
  for (const auto& [name, value] : decode::fields_of(decode::portable(*this))) {
    text += (text.size() > 1 ? ",\n  " : "\n  ") + json::dump(name) + ": " + json::dump(value);
  }
  text += "\n}\n";
  std::error_code ignored;  // where the folder cannot be made, the file cannot be written: that tells
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), ignored);
  PartialFile out(file);
  out.write(std::as_bytes(std::span(text)));
  out.finish();
}

}  // namespace skald
