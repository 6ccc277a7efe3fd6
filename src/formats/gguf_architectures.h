// What llama.cpp's conversion makes of the models that Skald knows, as tables: where a setting of config.json stands in
// the metadata, and which tensor of the checkpoint is which of the file's.
// Reference: llama.cpp, convert_hf_to_gguf.py and gguf-py/gguf/tensor_mapping.py.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "formats/gguf.h"

namespace skald {

/// A number of the metadata that config.json has too.
struct GgufSetting {
  std::string_view key;     // after "llama."
  std::string_view config;  // its name in config.json; "a.b" is a member of the object `a`
  double low = 0, high = 0;
  bool needed = false;
  bool none_at_zero = false;  // 0 stands for null
};

/// How the conversion changes a tensor.
enum class GgufChange : std::uint8_t {
  none,
  query_pairs,   // rows of every query head: the two that are rotated together stand side by side
  key_pairs,     // the same of key heads
  plus_one,      // 1 is added to every number
  grouped_qkv,   // all queries, all keys, all values, where the checkpoint has those of each group of heads together
  transposed,    // the last two dimensions change places
  experts,       // those of all experts, `#` in the checkpoint's name, become one
  negative_exp,  // every number x is -e^x
  taps,          // of a convolution [channels, 1, taps] the dimension of 1 is left out
};

/// Names without ".weight" and ".bias", or whole ones; `*` is the layer.
struct GgufTensorName {
  std::string_view file;
  std::string_view checkpoint;
  GgufChange change = GgufChange::none;
  bool flat = false;  // the checkpoint has all numbers in one dimension
};

/// That a whole number of the metadata is this one.
struct GgufNumber {
  std::string_view key = "";  // after "llama."; empty: it may be anything
  std::int64_t value = 0;
};

/// How the tokens of a text are mixed.
enum class GgufMixer : std::uint8_t { attention, latent_attention, recurrence };

struct GgufArchitecture {
  std::string_view name;         // general.architecture
  bool experts = false;          // expert_count is more than 0
  std::string_view tensor = "";  // this tensor is in the file; of several rows with one name the first that fits
  GgufNumber number = {};        // this number too
  std::string_view model_type;   // of config.json
  std::span<const GgufSetting> settings;
  std::span<const GgufTensorName> tensors;
  GgufMixer mixer = GgufMixer::attention;
  std::string_view fixed = "{}";         // members of config.json that every such model has
  std::string_view partial_rotary = "";  // heads may be rotated in part: what config.json calls the part
  std::int64_t odd_blocks = 0;           // models with so many layers have `odd_fixed` as well
  std::string_view odd_fixed = "{}";
  std::string_view odd_refused = "";  // or they are not read: why
};

/// That of the file. Throws FormatError where it has none, UnsupportedError that lists the known ones.
const GgufArchitecture& find_gguf_architecture(const GgufFile& file);

}  // namespace skald
