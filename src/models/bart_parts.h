// What BART and its kin share: two stacks with biases everywhere, by the checkpoints' names.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "json/fields.h"
#include "models/decoder_model.h"
#include "nn/weight_source.h"

namespace skald::models {

/// How one of them differs.
struct BartKind {
  enum class Positions { learned, sines, sines_of_fairseq };
  std::string_view prefix = "model.";
  bool norms_after = false;
  bool embed_norm = false;
  Positions positions = Positions::learned;
  std::int64_t position_offset = 0;   // rows of the position table before that of position 0
  std::int64_t max_positions = 1024;  // where the config does not say
  std::string_view activation = "gelu";
  bool scale_embedding = false;
  bool windowed = false;  // the encoder is Longformer's, and each stack has a number of positions of its own
};

std::unique_ptr<DecoderModel> make_bart_kind(const json::Fields& fields, const BartKind& kind,
                                             nn::WeightSource& weights);

}  // namespace skald::models
