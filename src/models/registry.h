// Which architectures there are: one row each, found by config.json's model_type.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "json/fields.h"
#include "models/decoder_model.h"
#include "nn/weight_source.h"

namespace skald::models {

/// A family's entry: reads the config and composes the model.
using Maker = std::unique_ptr<DecoderModel>(const json::Fields& config, nn::WeightSource& weights);

struct Architecture {
  std::string_view model_type;
  std::string_view class_name;   // of transformers, as in config.json's `architectures`
  std::string_view base_prefix;  // that checkpoints of the bare base model lack
  /// Asks `weights` for what the config wants; the matrices are filled afterwards.
  Maker* make;
};

std::span<const Architecture> architectures();

/// The architecture of a config: by its model_type or, with a notice, by the first known class of its `architectures`.
/// Throws UnsupportedError that lists what is known.
const Architecture& find_architecture(const json::Fields& config,
                                      std::span<const Architecture> known = architectures());

/// load_model with architectures of one's own.
std::unique_ptr<DecoderModel> load_model(const std::string& folder, const LoadOptions& options, ThreadPool& pool,
                                         std::span<const Architecture> known);

}  // namespace skald::models
