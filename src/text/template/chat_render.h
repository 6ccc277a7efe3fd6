// From a caller's messages to what a template sees, and from what it wrote to ids. Reference: transformers 5.23,
// apply_chat_template and render_jinja_template.
#pragma once

#include "skald/chat.h"
#include "text/template/compiled_template.h"
#include "text/tokenizer.h"

namespace skald::jinja {

/// `tokens` are the special tokens by role: {"bos_token": "<s>", ...}.
RenderedChat render_chat(const CompiledTemplate& compiled, const json::Object& tokens, const ChatInput& input);

ChatTokens encode_chat(const RenderedChat& chat, const CompiledTemplate& compiled, const text::Tokenizer& tokenizer,
                       bool parse_messages);

}  // namespace skald::jinja
