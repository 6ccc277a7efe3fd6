#include "engine/controls.h"

#include <algorithm>

#include "skald/error.h"

namespace skald::engine {
namespace {

const nn::ControlVectors& find(const std::string& name, const ControlLibrary& loaded) {
  if (const auto found = loaded.find(name); found != loaded.end()) return *found->second;
  std::string known;
  for (const auto& [other, vectors] : loaded) known += (known.empty() ? "" : ", ") + other;
  throw OptionError(
      {.field = "control_vectors",
       .value = quoted(name),
       .rule = known.empty() ? "no control vector is loaded: name its file when the model is loaded (--control-vector)"
                             : "is not loaded; loaded are " + known});
}

void check_layers(const LayerRange& range, std::int64_t n_layers) {
  if (range.first >= 1 && range.first <= range.last && range.last < n_layers) return;
  throw OptionError({.field = "control_layers",
                     .value = "[" + std::to_string(range.first) + ", " + std::to_string(range.last) + "]",
                     .rule = "must be layers in [1, " + std::to_string(n_layers - 1) + "]"});
}

void add(const std::vector<float>& direction, float strength, std::vector<float>& sum) {
  sum.resize(direction.size());
  for (std::size_t i = 0; i < direction.size(); ++i) sum[i] += strength * direction[i];
}

}  // namespace

std::shared_ptr<const nn::ControlVectors> make_controls(const GenerationConfig& config, const ControlLibrary& loaded,
                                                        std::int64_t n_layers) {
  const auto strengths = config.control_vectors.value_or(std::map<std::string, double>{});
  const LayerRange layers = config.control_layers.value_or(LayerRange{.first = 1, .last = n_layers - 1});
  if (config.control_layers) check_layers(layers, n_layers);
  nn::ControlVectors sum{.after_layer = std::vector<std::vector<float>>(static_cast<std::size_t>(n_layers))};
  bool wanted = false;
  bool acts = false;
  for (const auto& [name, strength] : strengths) {  // by name: the sum does not depend on how they were given
    const nn::ControlVectors& vectors = find(name, loaded);
    if (strength == 0) continue;
    wanted = true;
    for (std::int64_t layer = layers.first; layer <= layers.last; ++layer) {
      const auto i = static_cast<std::size_t>(layer);
      if (vectors.after_layer[i].empty()) continue;
      add(vectors.after_layer[i], static_cast<float>(strength), sum.after_layer[i]);
      acts = true;
    }
  }
  if (acts) return std::make_shared<const nn::ControlVectors>(std::move(sum));
  if (!wanted) return nullptr;
  throw OptionError({.field = "control_layers", .value = {}, .rule = "the control vectors have no direction there"});
}

}  // namespace skald::engine
