// What a call may use: the model, its tokenizer and adapters, and the models beside it (a draft, experts).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "decode/language_model.h"
#include "engine/controls.h"
#include "models/decoder_model.h"
#include "text/tokenizer.h"

namespace skald::engine {

/// Numbers of something by name.
using Names = std::map<std::string, std::int32_t>;

struct ModelSet {
  const models::ModelShape& shape;
  const text::Tokenizer* tokenizer = nullptr;  // null: ids only
  Names adapters = {};
  decode::ModelIndex draft = -1;                     // of the draft model; -1: none is loaded
  const text::Tokenizer* draft_tokenizer = nullptr;  // where it is not that of the model
  std::int64_t draft_encoder_positions = 0;          // that its encoder's input may have; 0: any number
  Names experts = {};                                // loaded ones, by name
  ControlLibrary controls = {};
};

}  // namespace skald::engine
