#include "skald/embed.h"

#include <array>
#include <cmath>
#include <string>

#include "engine/model_access.h"
#include "skald/error.h"

namespace skald {
namespace {

void normalize(std::vector<float>& vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  if (squares == 0) return;
  const double length = std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(static_cast<double>(value) / length);
}

}  // namespace

std::vector<std::vector<float>> embed(const Model& model, const std::vector<Prompt>& texts,
                                      const EmbedOptions& options) {
  const models::ModelShape& shape = ModelAccess::shape(model);
  if (shape.encodes) {
    throw UnsupportedError({.file = model.info().path, .rule = "has an encoder: embeddings are for models without"});
  }
  const std::int64_t layer = options.layer.value_or(shape.n_layers);
  if (layer < 0 || layer > shape.n_layers) {
    throw OptionError({.field = "layer",
                       .value = std::to_string(layer),
                       .rule = "must be in [0, " + std::to_string(shape.n_layers) + "]: so many layers are passed"});
  }
  const std::array layers = {static_cast<std::int32_t>(layer)};
  std::vector<std::vector<float>> vectors = ModelAccess::states(model, texts, layers, options.pooling);
  if (!options.normalize) return vectors;
  for (std::vector<float>& vector : vectors) normalize(vector);
  return vectors;
}

}  // namespace skald
