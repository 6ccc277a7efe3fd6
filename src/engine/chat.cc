// The public face, include/skald/chat.h: which templates a model has, and its special tokens.
#include "skald/chat.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>

#include "base/file.h"
#include "engine/folder.h"
#include "formats/gguf_model.h"
#include "formats/gguf_tokenizer.h"
#include "json/fields.h"
#include "text/access.h"
#include "text/template/chat_render.h"

namespace skald {

struct ChatTemplate::Impl {
  std::map<std::string, jinja::CompiledTemplate, std::less<>> templates;
  json::Object tokens;  // {"bos_token": "<s>", ...}
};

namespace {

constexpr std::uint64_t kMaxTemplateBytes = 4U << 20;
constexpr std::array<const char*, 7> kRoles = {"bos_token", "eos_token", "unk_token", "sep_token",
                                               "pad_token", "cls_token", "mask_token"};

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// A template's source and where it stands.
struct Source {
  std::string text, file;
};
using Sources = std::map<std::string, Source>;

// {"bos_token": "<s>"} or {"bos_token": {"content": "<s>"}}
void read_tokens(const json::Value& config, json::Object& out) {
  for (const char* role : kRoles) {
    const json::Value* value = config.find(role);
    if (value != nullptr && value->is_object()) value = value->find("content");
    if (value == nullptr || !value->is_string()) continue;
    std::erase_if(out, [role](const json::Member& member) { return member.key == role; });
    out.push_back({role, *value});
  }
}

std::filesystem::path config_file(const std::string& path) {
  return std::filesystem::path(engine::folder_of(path)) / "tokenizer_config.json";
}

// Where a model says how to talk with it.
struct ModelFiles {
  std::string path;
  std::unique_ptr<const GgufFile> gguf;  // null: a folder, or a file in one
  json::Value config;                    // tokenizer_config.json of a folder; null where there is none
};

ModelFiles open_model(const std::string& path) {
  engine::require_model(path);
  if (is_gguf_file(path)) return {path, open_gguf(path), {}};
  return {path, nullptr, is_there(config_file(path)) ? json::parse_file(config_file(path)) : json::Value()};
}

json::Object tokens_of(const ModelFiles& model) {
  json::Object out;
  if (model.gguf != nullptr) {
    if (const auto tokenizer = read_gguf_tokenizer(*model.gguf)) read_tokens(tokenizer->config, out);
    return out;
  }
  const auto map_file = config_file(model.path).replace_filename("special_tokens_map.json");
  read_tokens(model.config, out);
  if (model.config.find("added_tokens_decoder") == nullptr && is_there(map_file)) {
    read_tokens(json::parse_file(map_file), out);
  }
  return out;
}

// chat_template: a text, or [{"name": ..., "template": ...}, ...]
void read_config_templates(const json::Value& config, const std::filesystem::path& file, Sources& out) {
  const json::Value* const found = config.find("chat_template");
  if (found == nullptr || found->is_null()) return;
  if (found->is_string()) {
    out["default"] = {found->as_string(), file.string() + ": chat_template"};
    return;
  }
  if (!found->is_array()) json::Fields(config, file).fail("chat_template", "must be a text or an array of named ones");
  for (const json::Value& item : found->as_array()) {
    const json::Fields fields(item, file, "chat_template");
    const std::string name = fields.need_string("name");
    out[name] = {fields.need_string("template"), file.string() + ": chat_template " + quoted(name)};
  }
}

// Files in the folder go before those of tokenizer_config.json.
Sources folder_sources(const ModelFiles& model) {
  const std::filesystem::path folder(engine::folder_of(model.path));
  Sources out;
  const auto read = [&out](const std::string& name, const std::filesystem::path& file) {
    out[name] = {read_text_file(file, kMaxTemplateBytes), file.string()};
  };
  if (is_there(folder / "chat_template.jinja")) read("default", folder / "chat_template.jinja");
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "additional_chat_templates", ignored)) {
    if (entry.path().extension() == ".jinja") read(entry.path().stem().string(), entry.path());
  }
  if (out.empty()) read_config_templates(model.config, config_file(model.path), out);
  return out;
}

// tokenizer.chat_template, and tokenizer.chat_template.NAME of each further one
Sources gguf_sources(const ModelFiles& model) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  Sources out;
  for (const GgufEntry& entry : model.gguf->metadata()) {
    const std::string_view key = entry.key;
    if (key != kKey && !key.starts_with(std::string(kKey) + ".")) continue;
    const std::string name = key == kKey ? "default" : std::string(key.substr(kKey.size() + 1));
    out[name] = {std::string(model.gguf->get_text(key).value_or("")), model.path + ": " + std::string(key)};
  }
  return out;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

std::string chat_json(const std::vector<ChatMessage>& messages) {
  json::Array list;
  for (const ChatMessage& message : messages) {
    list.emplace_back(json::Object{{"role", message.role}, {"content", message.content}});
  }
  return json::dump(list);
}

ChatTemplate ChatTemplate::load(const std::string& path) {
  const ModelFiles model = open_model(path);
  auto impl = std::make_shared<Impl>();
  for (auto& [name, source] : model.gguf != nullptr ? gguf_sources(model) : folder_sources(model)) {
    impl->templates.emplace(name, jinja::CompiledTemplate(source.text, source.file));
  }
  if (impl->templates.empty()) {
    throw UnsupportedError(
        ErrorFields{.file = path,
                    .rule = "has no chat template (chat_template.jinja, or chat_template in "
                            "tokenizer_config.json): give one as a file, --template F, or use `skald generate`"});
  }
  impl->tokens = tokens_of(model);
  return ChatTemplate(std::move(impl));
}

ChatTemplate ChatTemplate::from_source(std::string source, const std::string& name, const std::string& path) {
  auto impl = std::make_shared<Impl>();
  impl->templates.emplace("default", jinja::CompiledTemplate(std::move(source), name));
  if (!path.empty()) impl->tokens = tokens_of(open_model(path));
  return ChatTemplate(std::move(impl));
}

std::vector<std::string> ChatTemplate::names() const {
  std::vector<std::string> out;
  for (const auto& [name, compiled] : impl_->templates) out.push_back(name);
  return out;
}

RenderedChat ChatTemplate::render(const ChatInput& input) const {
  const auto& all = impl_->templates;
  std::string name = input.template_name;
  if (name.empty()) {
    name = !input.tools.empty() && all.contains("tool_use") ? "tool_use" : "default";
    if (!all.contains(name)) {
      throw OptionError(ErrorFields{.field = "template",
                                    .rule = "must be chosen: there is no default; known are " + listed(names())});
    }
  }
  const auto found = all.find(name);
  if (found == all.end()) {
    throw OptionError(ErrorFields{.field = "template",
                                  .value = quoted(std::string_view(name)),
                                  .rule = "is not known; known are " + listed(names())});
  }
  RenderedChat out = jinja::render_chat(found->second, impl_->tokens, input);
  out.template_name = name;
  return out;
}

ChatTokens ChatTemplate::encode(const RenderedChat& chat, const Tokenizer& tokenizer, bool parse_messages) const {
  const auto found = impl_->templates.find(chat.template_name);
  if (found == impl_->templates.end()) {
    throw UsageError("the chat was rendered by another model's template: " + quoted(chat.template_name));
  }
  return jinja::encode_chat(chat, found->second, TokenizerAccess::parts_of(tokenizer), parse_messages);
}

}  // namespace skald
