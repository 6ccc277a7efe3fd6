// How byte-level BPE of a GGUF file cuts text into words, by tokenizer.ggml.pre.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace skald {

/// In the words of tokenizer.json: each of `cuts` is a Split that isolates what a pattern matches, before bytes are
/// mapped. The patterns are those of the models' own tokenizer.json.
struct GgufPreTokenizer {
  std::string_view name;
  std::array<std::string_view, 6> cuts;  // empty ones at the end
  bool compose = false;                  // NFC first
  bool whole_words = false;              // a word that is a token is that token, whatever the merges say
  bool begins = false;                   // with bos, unless the file says otherwise
  bool frames = false;                   // and ends with eos, likewise
  bool raw = false;                      // characters are not mapped to bytes; spaces are U+2581
};

/// nullptr where it is not known.
const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name);

/// "default, gpt-2, ...": for errors.
std::string known_gguf_pre_tokenizers();

}  // namespace skald
