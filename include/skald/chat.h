// Conversations in the form that a model was trained on: messages → text → token ids, by the model's chat template.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "skald/error.h"
#include "skald/export.h"
#include "skald/tokenizer.h"

namespace skald {

/// A chat template refuses what it is given (`raise_exception`), or does what no template may. fields().field has the
/// place ("line 12"), fields().rule what went wrong.
class SKALD_API TemplateError : public Error {
 public:
  TemplateError(ErrorFields fields, std::string raised) : Error(std::move(fields)), raised_(std::move(raised)) {}
  /// The template's own words, where it called raise_exception; else empty.
  [[nodiscard]] const std::string& raised() const noexcept { return raised_; }

 private:
  std::string raised_;
};

/// One turn of a conversation that is text alone.
struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

/// Messages as ChatInput::messages has them.
SKALD_API std::string chat_json(const std::vector<ChatMessage>& messages);

/// What a template is given. `messages`, `tools`, `documents` and `variables` are JSON texts.
struct ChatInput {
  std::string messages;                 // [{"role": "user", "content": "Hi"}, ...]; at least one
  std::string tools = {};               // [{"type": "function", "function": {...}}, ...]; empty: none
  std::string documents = {};           // [{"title": ..., "text": ...}, ...]; empty: none
  std::string variables = {};           // {"enable_thinking": false, ...}: further variables of the template
  std::string template_name = {};       // of several; empty: "tool_use" where it is there and tools are, else "default"
  bool add_generation_prompt = false;   // end with what begins the assistant's answer
  bool continue_final_message = false;  // end inside the last message: it is to be gone on with
  std::string continue_field = "content";  // of that message
};

/// What a template wrote. Ranges are bytes of `text`, [begin, end), ascending and disjoint.
struct RenderedChat {
  using Range = std::pair<std::size_t, std::size_t>;
  std::string text;
  std::vector<Range> from_caller;  // what messages, tools, documents and variables say
  std::vector<Range> generated;    // inside {% generation %}: what the assistant says
  std::string template_name;
};

/// The tokens of a chat. Both vectors have the same length.
struct ChatTokens {
  std::vector<std::int32_t> ids;
  std::vector<bool> generated;  // whether it lies inside {% generation %}
};

/// The chat templates of a model. A cheap handle: copies share them, and every method may be called from many threads
/// at once. They run in an interpreter of Jinja that gives the bytes jinja2 gives as transformers 5.23 sets it up, with
/// no way out: no files, no Python objects, bounded in steps, depth and bytes.
class SKALD_API ChatTemplate {
 public:
  /// Those of the folder `path` (chat_template.jinja and additional_chat_templates/*.jinja, else `chat_template` of
  /// tokenizer_config.json, one or a list of named ones) or of the GGUF file `path`, with the model's special tokens.
  /// Throws UnsupportedError where there are none, FormatError with line and column for one that is malformed.
  static ChatTemplate load(const std::string& path);
  /// A given template, `name` in errors, with the special tokens of the model at `path` (empty: none).
  static ChatTemplate from_source(std::string source, const std::string& name, const std::string& path = {});

  /// The names to choose from, ascending; one template alone is "default".
  [[nodiscard]] std::vector<std::string> names() const;

  /// Throws TemplateError, FormatError for JSON that is malformed, OptionError for contradictions, LimitError.
  [[nodiscard]] RenderedChat render(const ChatInput& input) const;

  /// The ids of a chat, without what the tokenizer puts around other texts: the template writes its own bos, so that
  /// there are never two. A control token (a special token, or an added one that the template writes) counts where
  /// the template wrote its first and last byte; in a message's text it is plain text, unless `parse_messages`, which
  /// gives the ids of transformers' apply_chat_template.
  [[nodiscard]] ChatTokens encode(const RenderedChat& chat, const Tokenizer& tokenizer,
                                  bool parse_messages = false) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace skald
