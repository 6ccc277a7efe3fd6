// What the library's own parts may ask of a Model beyond its public face.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/sampling_request.h"
#include "models/decoder_model.h"
#include "skald/embed.h"
#include "skald/model.h"

namespace skald {

struct ModelAccess {
  /// Arguments of Model::submit, and where its completions go on from.
  struct Call {
    std::vector<Prompt> prompts;
    GenerationConfig config;
    StreamCallback stream = {};
    Door door = Door::library;
    Hooks hooks = {};
    decode::Resume resume = {};
    bool again = false;  // a call like this one was made before: its warnings are told
  };
  static Generation submit(const Model& model, Call call);
  static const models::ModelShape& shape(const Model& model);
  /// Hidden states [layers, hidden_size] of each text after so many layers each. Throws OptionError for what is no
  /// text of this model, LimitError for one that does not fit.
  static std::vector<std::vector<float>> states(const Model& model, const std::vector<Prompt>& texts,
                                                std::span<const std::int32_t> layers, Pooling pooling);
};

}  // namespace skald
