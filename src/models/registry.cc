#include "models/registry.h"

#include <algorithm>
#include <array>

#include "models/llama.h"
#include "skald/error.h"

namespace skald::models {
namespace {

constexpr std::array<Architecture, 4> kArchitectures = {{
    {"llama", "LlamaForCausalLM", "model.", &make_llama},
    {"mistral", "MistralForCausalLM", "model.", &make_mistral},
    {"qwen2", "Qwen2ForCausalLM", "model.", &make_qwen2},
    {"qwen3", "Qwen3ForCausalLM", "model.", &make_qwen3},
}};

}  // namespace

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& find_architecture(const json::Fields& config) {
  const std::string type = config.need_string("model_type");
  const auto found = std::ranges::find(kArchitectures, std::string_view(type), &Architecture::model_type);
  if (found != kArchitectures.end()) return *found;
  std::string known;
  for (const Architecture& a : kArchitectures) known += (known.empty() ? "" : ", ") + std::string(a.model_type);
  throw UnsupportedError(
      ErrorFields{.file = config.file(), .field = "model_type", .value = quoted(type), .rule = "known are " + known});
}

}  // namespace skald::models
