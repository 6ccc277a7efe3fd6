// A conversation, or a row of prompts and their continuations, as a file keeps it.
#pragma once

#include <string>
#include <vector>

#include "skald/chat.h"
#include "skald/export.h"
#include "skald/generation_config.h"

namespace skald {

/// One JSON object: {"format": "skald-conversation", "version": 1, "kind": ..., "options": {...}, "messages": [...]}.
struct SavedConversation {
  std::string kind;                   // "chat", "prompts": who goes on with it
  std::vector<ChatMessage> messages;  // at most one of "system", first; then "user" and "assistant" in turn
  GenerationConfig config = {};

  /// Throws FormatError naming the field for what is no such file or has another kind, UnsupportedError for another
  /// version, LimitError over 64 MiB.
  SKALD_API static SavedConversation load(const std::string& path, const std::string& kind);
  /// The file is whole or not there. Throws PathError.
  SKALD_API void save(const std::string& path) const;
};

}  // namespace skald
