// Options that are lists of texts and token ids, from JSON and to it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "json/value.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// Throws for a value and the rule that it breaks.
using FailOption = std::function<void(const std::string& value, const std::string& rule)>;

/// ["a text", ["one", "or another"], [15, 7], ...]: of each item one alternative; a list of ids is the text that they
/// stand for. Calls `fail` for what is none, empty, too long or too much.
std::vector<std::vector<TextOrIds>> read_phrases(const json::Value& value, const FailOption& fail);

/// ["a text", 15, [15, 7], ...].
std::vector<TextOrIds> read_texts_or_ids(const json::Value& value, const FailOption& fail);

/// [{"text": "Alice: "}, {"max_new_tokens": 40, "stop_strings": ["\n"], "temperature": 0.8},
///  {"repeat": 3, "segments": [...]}, ...].
std::vector<Segment> read_segments(const json::Value& value, const FailOption& fail);

json::Value write(const TextOrIds& item);
json::Value write(const Segment& segment);

}  // namespace skald::decode
