// A byte-level tokenizer for fake models: single bytes, words, halves of characters, special tokens.
#pragma once

#include <string>
#include <vector>

#include "json/value.h"
#include "text/tokenizer.h"

namespace skald::test {

/// 96 tokens: 0..89 texts, some of them halves of UTF-8 characters; 90 and 91 special; the rest are no tokens.
inline text::Tokenizer small_tokenizer() {
  json::Object vocab;
  const auto add = [&](const std::string& spelling) {
    vocab.push_back({spelling, static_cast<std::int64_t>(vocab.size())});
  };
  for (char c = 'a'; c <= 'z'; ++c) add(std::string(1, c));
  for (char c = 'A'; c <= 'Z'; ++c) add(std::string(1, c));
  for (char c = '0'; c <= '9'; ++c) add(std::string(1, c));
  for (const char* word : {"Ġthe", "Ġof", "Ġ", "Ċ", "ing", "st", "op", "opera", ".", ",", "!", "?", "Ġand", "er"}) {
    add(word);
  }
  for (const char* half : {"Ã", "©", "¨", "â", "Ĥ", "¬", "ð", "Ł", "ĺ", "Ģ", "Ãł", "Âµ"}) add(half);
  const auto special = [](std::int64_t id, const char* content) {
    return json::Object{{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                        {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  const json::Object byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const json::Object tokenizer = {
      {"added_tokens", json::Array{special(90, "<end>"), special(91, "<start>")}},
      {"normalizer", nullptr},
      {"pre_tokenizer", byte_level},
      {"post_processor", nullptr},
      {"decoder", byte_level},
      {"model", json::Object{{"type", "BPE"}, {"vocab", vocab}, {"merges", json::Array{}}}}};
  return text::Tokenizer::from_json(tokenizer, "tokenizer.json");
}

}  // namespace skald::test
