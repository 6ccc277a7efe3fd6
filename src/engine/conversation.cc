#include "skald/conversation.h"

#include <span>

#include "base/partial_file.h"
#include "decode/options.h"
#include "json/fields.h"
#include "skald/error.h"

namespace skald {
namespace {

constexpr const char* kFormat = "skald-conversation";
constexpr std::int64_t kVersion = 1;
constexpr json::Limits kLimits{.bytes = std::uint64_t{64} << 20, .depth = 16, .nodes = 1U << 20, .infinity = true};

// Who speaks at a place, where turns begin at `first`.
std::string expected_role(std::size_t index, std::size_t first) {
  return (index - first) % 2 == 0 ? "user" : "assistant";
}

std::vector<ChatMessage> read_messages(const json::Fields& fields) {
  const json::Value* list = fields.find("messages");
  if (list == nullptr || !list->is_array()) fields.fail("messages", "must be a list of messages");
  std::vector<ChatMessage> messages;
  std::size_t first = 0;
  for (const json::Value& item : list->as_array()) {
    const json::Fields message(item, fields.file(), "messages[" + std::to_string(messages.size()) + "]");
    ChatMessage read{.role = message.need_string("role"), .content = message.need_string("content")};
    if (messages.empty() && read.role == "system") {
      first = 1;
    } else if (const std::string wanted = expected_role(messages.size(), first); read.role != wanted) {
      message.fail("role", "must be \"" + wanted + "\": turns alternate");
    }
    messages.push_back(std::move(read));
  }
  if ((messages.size() - first) % 2 != 0) fields.fail("messages", "must end with the assistant's: turns are whole");
  return messages;
}

}  // namespace

SavedConversation SavedConversation::load(const std::string& path, const std::string& kind) {
  const json::Value root = json::parse_file(path, kLimits);
  const json::Fields fields(root, path);
  if (fields.get_string("format").value_or("") != kFormat) {
    fields.fail("format", "must be \"skald-conversation\", as /save writes");
  }
  if (const auto version = fields.need_integer("version", 0, std::int64_t{1} << 24); version != kVersion) {
    throw UnsupportedError({.file = path,
                            .field = "version",
                            .value = std::to_string(version),
                            .rule = "this version of skald reads conversations of version 1"});
  }
  if (fields.need_string("kind") != kind) {
    fields.fail("kind", "must be \"" + kind + "\": `skald chat` saves \"chat\", `skald generate -i` \"prompts\"");
  }
  if (!fields.get_object("options")) fields.fail("options", "must be an object");
  return {.kind = kind,
          .messages = read_messages(fields),
          .config = decode::read_generation_config(*fields.find("options"), path, decode::UnknownFields::refuse)};
}

void SavedConversation::save(const std::string& path) const {
  const json::Object root{{"format", kFormat},
                          {"version", kVersion},
                          {"kind", kind},
                          {"options", json::parse(config.to_json(), "options", kLimits)},
                          {"messages", json::parse(chat_json(messages), "messages", kLimits)}};
  const std::string text = json::dump(root) + "\n";
  PartialFile out(path);
  out.write(std::as_bytes(std::span(text)));
  out.finish();
}

}  // namespace skald
