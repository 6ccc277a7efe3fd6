#include "decode/constraints/constraint_options.h"

#include <algorithm>

#include "base/utf8.h"
#include "decode/options.h"
#include "skald/error.h"

namespace skald::decode {
namespace {

constexpr std::size_t kMostPhrases = 64;
constexpr std::size_t kMostTexts = 64;      // of one phrase
constexpr std::size_t kLongestText = 1024;  // bytes, or ids
constexpr std::int64_t kLargestId = (1 << 24) - 1;
constexpr std::int64_t kLongestSegment = 1 << 20;  // tokens
constexpr std::size_t kMostAllowed = 1 << 18;

bool is_id(const json::Value& value) {
  return value.is_integer() && value.as_integer() >= 0 && value.as_integer() <= kLargestId;
}

bool is_ids(const json::Value& value) {
  return value.is_array() && !value.as_array().empty() && std::ranges::all_of(value.as_array(), is_id);
}

// A text, or a list of ids.
TextOrIds read_item(const json::Value& value, const std::string& which, const FailOption& fail) {
  if (value.is_string()) {
    const std::string& text = value.as_string();
    if (text.empty()) fail(which, "is empty: each text has 1 to 1024 bytes");
    if (text.size() > kLongestText) {
      fail(which, "has " + std::to_string(text.size()) + " bytes: each text has 1 to 1024");
    }
    if (first_invalid_utf8(text) != text.size()) fail(quoted(text), "is not UTF-8");
    return text;
  }
  if (!is_ids(value)) fail(which + ", " + value.describe(), "must be a text or a list of token ids in [0, 16777215]");
  if (value.as_array().size() > kLongestText) {
    fail(which, "has " + std::to_string(value.as_array().size()) + " ids: at most 1024 are allowed");
  }
  std::vector<TokenId> ids;
  for (const json::Value& id : value.as_array()) ids.push_back(static_cast<TokenId>(id.as_integer()));
  return ids;
}

}  // namespace

std::vector<std::vector<TextOrIds>> read_phrases(const json::Value& value, const FailOption& fail) {
  std::vector<std::vector<TextOrIds>> phrases;
  if (value.is_string()) return {{read_item(value, "item 0", fail)}};
  if (!value.is_array()) fail(value.describe(), "must be a list of texts, of lists of alternatives, or of token ids");
  if (value.as_array().size() > kMostPhrases) {
    fail(std::to_string(value.as_array().size()) + " items",
         "at most " + std::to_string(kMostPhrases) + " are allowed");
  }
  for (const json::Value& item : value.as_array()) {
    const std::string which = "item " + std::to_string(phrases.size());
    std::vector<TextOrIds>& phrase = phrases.emplace_back();
    if (!item.is_array() || is_ids(item)) {
      phrase.push_back(read_item(item, which, fail));
      continue;
    }
    const json::Array& alternatives = item.as_array();
    if (alternatives.empty() || alternatives.size() > kMostTexts) {
      fail(which, "has " + std::to_string(alternatives.size()) + " alternatives: 1 to " + std::to_string(kMostTexts) +
                      " are allowed");
    }
    for (const json::Value& alternative : alternatives) phrase.push_back(read_item(alternative, which, fail));
  }
  return phrases;
}

std::vector<TextOrIds> read_texts_or_ids(const json::Value& value, const FailOption& fail) {
  if (!value.is_array() || value.as_array().empty()) {
    fail(value.describe(), "must be a list of texts and token ids, at least one");
  }
  if (value.as_array().size() > kMostAllowed) {
    fail(std::to_string(value.as_array().size()) + " items",
         "at most " + std::to_string(kMostAllowed) + " are allowed");
  }
  std::vector<TextOrIds> items;
  for (const json::Value& item : value.as_array()) {
    if (is_id(item)) {
      items.emplace_back(std::vector<TokenId>{static_cast<TokenId>(item.as_integer())});
    } else {
      items.push_back(read_item(item, "item " + std::to_string(items.size()), fail));
    }
  }
  return items;
}

namespace {

constexpr std::size_t kMostSegments = 1024;

// What a generated segment may set for itself.
constexpr std::string_view kSegmentOptions[] = {"max_new_tokens",
                                                "stop_strings",
                                                "do_sample",
                                                "temperature",
                                                "top_k",
                                                "top_p",
                                                "min_p",
                                                "typical_p",
                                                "epsilon_cutoff",
                                                "eta_cutoff",
                                                "top_h",
                                                "top_n_sigma",
                                                "dynatemp_range",
                                                "repetition_penalty",
                                                "frequency_penalty",
                                                "presence_penalty",
                                                "suppress_tokens",
                                                "logit_bias",
                                                "no_repeat_ngram_size",
                                                "min_new_tokens"};

// Appends the segments of one item of the list.
void read_segment(const json::Value& item, const std::string& which, const FailOption& fail,
                  std::vector<Segment>& segments) {
  if (!item.is_object()) fail(which + ", " + item.describe(), "must be an object");
  if (const json::Value* const text = item.find("text")) {
    if (item.as_object().size() != 1) fail(which, "has a text, which has no options");
    segments.push_back({.text = std::get<std::string>(
                            read_item(text->is_string() ? *text : json::Value(std::string()), which, fail))});
    return;
  }
  for (const auto& [key, value] : item.as_object()) {
    if (std::ranges::find(kSegmentOptions, key) == std::end(kSegmentOptions)) {
      fail(which + ", " + quoted(key), "is no option of a segment");
    }
  }
  const GenerationConfig config = read_generation_config(item, which, UnknownFields::refuse);
  if (!config.max_new_tokens) fail(which, "needs a text, or max_new_tokens for one that is generated");
  if (*config.max_new_tokens > kLongestSegment) {
    fail(which + ", max_new_tokens " + std::to_string(*config.max_new_tokens),
         "must be in [1, " + std::to_string(kLongestSegment) + "]");
  }
  segments.push_back({.generate = std::make_shared<const GenerationConfig>(config)});
}

}  // namespace

std::vector<Segment> read_segments(const json::Value& value, const FailOption& fail) {
  if (!value.is_array() || value.as_array().empty()) fail(value.describe(), "must be a list of objects, at least one");
  std::vector<Segment> segments;
  std::size_t number = 0;
  for (const json::Value& item : value.as_array()) {
    const std::string which = "item " + std::to_string(number++);
    const json::Value* const repeat = item.find("repeat");
    const json::Value* const inner = item.find("segments");
    if (repeat == nullptr && inner == nullptr) {
      read_segment(item, which, fail, segments);
      continue;
    }
    const bool well_formed = repeat != nullptr && repeat->is_integer() && repeat->as_integer() >= 1 &&
                             repeat->as_integer() <= static_cast<std::int64_t>(kMostSegments) && inner != nullptr &&
                             inner->is_array() && !inner->as_array().empty() && item.as_object().size() == 2;
    if (!well_formed) fail(which, "must have repeat, in [1, 1024], and a list of segments");
    std::vector<Segment> once;
    for (const json::Value& one : inner->as_array()) read_segment(one, which, fail, once);
    for (std::int64_t i = 0; i < repeat->as_integer() && segments.size() <= kMostSegments; ++i) {
      segments.insert(segments.end(), once.begin(), once.end());
    }
  }
  if (segments.size() > kMostSegments) fail("more than 1024 segments", "at most 1024 are allowed");
  if (std::ranges::none_of(segments, [](const Segment& segment) { return segment.generate != nullptr; })) {
    fail("", "must have a segment that is generated");
  }
  return segments;
}

json::Value write(const Segment& segment) {
  if (segment.generate) return json::parse(segment.generate->to_json(), "segment");
  return json::Object{{"text", segment.text}};
}

json::Value write(const TextOrIds& item) {
  if (const auto* const text = std::get_if<std::string>(&item)) return *text;
  json::Array ids;
  for (const TokenId id : std::get<std::vector<TokenId>>(item)) ids.emplace_back(static_cast<std::int64_t>(id));
  return ids;
}

}  // namespace skald::decode
