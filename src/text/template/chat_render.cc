#include "text/template/chat_render.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/find_text.h"
#include "text/template/characters.h"

namespace skald::jinja {
namespace {

constexpr json::Limits kInputLimits = {.bytes = 64U << 20, .depth = 180, .nodes = 1U << 20};
constexpr std::string_view kTag = "CONTINUE_FINAL_MESSAGE_TAG ";
constexpr std::array<std::string_view, 3> kReasoning = {"reasoning_content", "thinking", "reasoning"};

json::Value* find_member(json::Object& object, std::string_view key) {
  const auto found = std::ranges::find(object, key, &json::Member::key);
  return found == object.end() ? nullptr : &found->value;
}

// The objects of a JSON array; null where `text` is empty.
json::Value objects_of(const std::string& text, const char* what) {
  if (text.empty()) return {};
  json::Value list = json::parse(text, what, kInputLimits);
  if (list.is_null()) return {};
  const auto is_object = [](const json::Value& item) { return item.is_object(); };
  if (!list.is_array() || !std::ranges::all_of(list.as_array(), is_object)) {
    throw FormatError(ErrorFields{.file = what, .rule = "must be an array of objects"});
  }
  return list;
}

// Members that are null are left out: many templates would write "None" for them.
json::Object without_nulls(const json::Object& message) {
  json::Object out;
  for (const json::Member& member : message) {
    if (!member.value.is_null()) out.push_back(member);
  }
  return out;
}

// Reasoning goes by several names: templates read the first, or `thinking`.
void alias_reasoning(json::Object& message) {
  const json::Value* reasoning = nullptr;
  for (const std::string_view name : kReasoning) {
    if (reasoning == nullptr) reasoning = find_member(message, name);
  }
  if (reasoning == nullptr) return;
  const json::Value value = *reasoning;
  if (find_member(message, "thinking") == nullptr) message.insert(message.begin(), {"thinking", value});
  if (json::Value* const own = find_member(message, "reasoning_content")) {
    *own = value;
  } else {
    message.push_back({"reasoning_content", value});
  }
}

json::Array messages_of(const ChatInput& input) {
  if (input.messages.empty()) throw OptionError("a chat needs messages: [{\"role\": \"user\", \"content\": \"...\"}]");
  const json::Value list = objects_of(input.messages, "messages");
  if (!list.is_array() || list.as_array().empty()) {
    throw FormatError(ErrorFields{.file = "messages", .rule = "must be an array of at least one message"});
  }
  json::Array out;
  for (const json::Value& item : list.as_array()) {
    json::Object message = without_nulls(item.as_object());
    alias_reasoning(message);
    out.emplace_back(std::move(message));
  }
  return out;
}

/// The last message, marked where it ends, so that the text can be cut there.
class FinalMessage {
 public:
  FinalMessage(json::Array& messages, const ChatInput& input, const std::string& source)
      : field_(input.continue_field) {
    json::Object message = messages.back().as_object();
    json::Value* const value = find_member(message, field_);
    if (value == nullptr) refuse("the last message has no " + quoted(field_) + " to continue");
    std::vector<std::string> fields = {field_};
    if (std::ranges::find(kReasoning, field_) != kReasoning.end()) {
      fields.clear();
      for (const std::string_view name : kReasoning) {
        const json::Value* const copy = find_member(message, name);
        if (copy != nullptr && json::dump(*copy) == json::dump(*value)) fields.emplace_back(name);
      }
    }
    const auto read = [&source](const std::string& name) { return source.find(name) != std::string::npos; };
    if (std::ranges::none_of(fields, read)) refuse("the template does not read " + quoted(field_));
    if (value->is_array()) {
      mark_parts(*value);
    } else {
      text_ = text_of(*value);
      for (const std::string& name : fields) *find_member(message, name) = text_ + std::string(kTag);
    }
    messages.back() = std::move(message);
  }

  /// Where `text` is to end.
  [[nodiscard]] std::size_t end_in(const std::string& text) const {
    const std::string tag(stripped(kTag));
    const std::size_t at = text.rfind(tag);
    if (at == std::string::npos || find_text(text, stripped(text_)) == std::string::npos) {
      refuse("the final message does not appear in what the template writes: the template changes it");
    }
    if (text.compare(at, kTag.size(), kTag) == 0) return at;
    return strip_right(std::string_view(text).substr(0, at)).size();  // its end was trimmed, so this is too
  }

 private:
  [[noreturn]] static void refuse(const std::string& rule) {
    throw OptionError(ErrorFields{.field = "continue_final_message", .rule = rule});
  }

  static std::string text_of(const json::Value& value) {
    if (!value.is_string()) refuse("the final message must be text, or parts with a text");
    return value.as_string();
  }

  static std::string_view stripped(std::string_view text) {
    text = strip_right(text);
    while (const std::size_t length = space_length(text)) text.remove_prefix(length);
    return text;
  }

  // The last part with a text.
  void mark_parts(json::Value& content) {
    json::Array parts = content.as_array();
    const auto last = std::find_if(parts.rbegin(), parts.rend(),
                                   [](const json::Value& part) { return part.find("text") != nullptr; });
    if (last == parts.rend()) refuse("the final message has no part with a text");
    text_ = text_of(*last->find("text"));
    json::Object part = last->as_object();
    *find_member(part, "text") = text_ + std::string(kTag);
    *last = std::move(part);
    content = std::move(parts);
  }

  std::string field_;
  std::string text_;
};

json::Object variables_of(const ChatInput& input) {
  json::Object out;
  if (input.variables.empty()) return out;
  const json::Value given = json::parse(input.variables, "template variables", kInputLimits);
  if (!given.is_object()) throw FormatError(ErrorFields{.file = "template variables", .rule = "must be an object"});
  // What transformers' apply_chat_template takes itself: no template sees it as a variable of that name.
  static constexpr std::string_view kOwn[] = {"messages",
                                              "conversation",
                                              "tools",
                                              "documents",
                                              "chat_template",
                                              "add_generation_prompt",
                                              "continue_final_message",
                                              "tokenize",
                                              "sanitize_control_tokens",
                                              "padding",
                                              "truncation",
                                              "max_length",
                                              "return_tensors",
                                              "return_dict",
                                              "return_assistant_tokens_mask",
                                              "tokenizer_kwargs"};
  for (const json::Member& member : given.as_object()) {
    if (std::ranges::find(kOwn, member.key) != std::end(kOwn)) {
      throw OptionError(
          ErrorFields{.field = "template variable " + quoted(member.key), .rule = "has a place of its own"});
    }
    out.push_back(member);
  }
  return out;
}

void cut(std::vector<TrackedText::Range>& ranges, std::size_t end) {
  for (auto& range : ranges) range.second = std::min(range.second, end);
  std::erase_if(ranges, [](const auto& range) { return range.first >= range.second; });
}

}  // namespace

RenderedChat render_chat(const CompiledTemplate& compiled, const json::Object& tokens, const ChatInput& input) {
  if (input.continue_final_message && input.add_generation_prompt) {
    throw OptionError(
        "continue_final_message goes on with the last message, add_generation_prompt begins a new one: give one of "
        "them");
  }
  json::Array messages = messages_of(input);
  std::optional<FinalMessage> final_message;
  if (input.continue_final_message) final_message.emplace(messages, input, compiled.source());
  json::Object variables = variables_of(input);
  variables.push_back({"messages", std::move(messages)});
  variables.push_back({"tools", objects_of(input.tools, "tools")});
  variables.push_back({"documents", objects_of(input.documents, "documents")});
  variables.push_back({"add_generation_prompt", input.add_generation_prompt});
  Rendered rendered = compiled.render(variables, tokens);
  RenderedChat out{.text = rendered.text.bytes(),
                   .from_caller = rendered.text.from_caller(),
                   .generated = std::move(rendered.generated),
                   .template_name = {}};
  if (final_message) {
    out.text.resize(final_message->end_in(out.text));
    cut(out.from_caller, out.text.size());
  }
  cut(out.generated, out.text.size());
  return out;
}

ChatTokens encode_chat(const RenderedChat& chat, const CompiledTemplate& compiled, const text::Tokenizer& tokenizer,
                       bool parse_messages) {
  const auto from_caller = [&chat](std::size_t at) {
    const auto range = std::ranges::upper_bound(chat.from_caller, at, {}, &RenderedChat::Range::second);
    return range != chat.from_caller.end() && range->first <= at;
  };
  const auto controls = [&compiled](const text::AddedToken& token) {
    return token.special ||
           (compiled.literals().find(token.content) != std::string::npos && !strip_right(token.content).empty());
  };
  text::EncodeOptions options{.add_special_tokens = false};
  if (!parse_messages) {
    options.reads = [&](const text::AddedToken& token, text::ByteRange at) {
      return !controls(token) || (!from_caller(at.begin) && !from_caller(at.end - 1));
    };
  }
  text::Encoding encoding = tokenizer.encode(chat.text, options);
  ChatTokens out{.ids = std::move(encoding.ids), .generated = std::vector<bool>(encoding.offsets.size())};
  for (std::size_t i = 0; i < encoding.offsets.size(); ++i) {
    const text::ByteRange at = encoding.offsets[i];
    const auto range = std::ranges::upper_bound(chat.generated, at.begin, {}, &RenderedChat::Range::second);
    out.generated[i] = range != chat.generated.end() && at.end > range->first;
  }
  return out;
}

}  // namespace skald::jinja
