#include "engine/inspect.h"

#include <algorithm>
#include <map>

#include "engine/folder.h"
#include "formats/gguf_model.h"
#include "formats/tensor_source.h"
#include "formats/torch_checkpoint.h"
#include "json/fields.h"
#include "models/config_file.h"
#include "models/registry.h"
#include "nn/state.h"
#include "nn/weight_source.h"

namespace skald::engine {
namespace {

// A tensor of the type that holds most of the weights.
TensorInfo main_tensor(const TensorSource& tensors) {
  std::map<std::string_view, std::uint64_t> bytes;
  for (const TensorInfo& tensor : tensors.tensors()) bytes[stored_type_name(tensor)] += tensor.bytes;
  const auto most =
      std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == bytes.end()) return {};
  return *std::ranges::find(tensors.tensors(), most->first, stored_type_name);
}

}  // namespace

ModelInfo inspect_model(const std::string& path, const std::optional<Tokenizer>& tokenizer) {
  const models::ConfigFile config = models::read_config_file(path);
  const json::Fields fields(config.value, config.path);
  const models::Architecture& architecture = models::find_architecture(fields);
  const auto tensors = open_tensor_source(path);
  nn::WeightSource weights(*tensors, std::string(architecture.base_prefix));
  const auto model = architecture.make(fields, weights);  // asks for every weight, reads none of the matrices
  const models::ModelShape& shape = model->shape();
  const nn::StateLayout layout = model->state_layout();

  const TensorInfo main = main_tensor(*tensors);
  const bool wide = main.dtype == DType::f32 || main.dtype == DType::f64;
  const auto kv_type = wide ? kernels::KvType::f32 : kernels::KvType::bf16;
  ModelInfo info;
  info.path = path;
  const auto all = tensors->tensors();
  const bool is_torch = !all.empty() && is_torch_file(tensors->file_of(all.front()));
  info.format = is_gguf_file(path) ? "GGUF" : is_torch ? "PyTorch" : "safetensors";
  info.architecture = shape.model_type;
  info.dtype = stored_type_name(main);
  info.parameters = weights.n_parameters();
  info.tensors = static_cast<std::int64_t>(tensors->tensors().size());
  info.layers = shape.n_layers;
  if (model->encoder() != nullptr) info.encoder_layers = model->encoder()->n_layers();
  info.hidden_size = shape.hidden_size;
  info.heads = shape.n_heads;
  if (!layout.groups.empty()) {
    info.kv_heads = static_cast<std::int64_t>(layout.groups[0].kv_heads);
    info.head_dim = static_cast<std::int64_t>(layout.groups[0].k_dim);
  }
  info.context = shape.max_positions;
  info.vocab_size = shape.vocab_size;
  if (tokenizer) info.tokenizer = std::to_string(tokenizer->vocab_size()) + " tokens";
  info.chat_template = has_chat_template(path);
  info.weight_bytes = weights.bytes_for(0);
  info.weight_bytes_32 = weights.bytes_for(32);
  info.weight_bytes_16 = weights.bytes_for(16);
  info.weight_bytes_8 = weights.bytes_for(8);
  info.weight_bytes_4 = weights.bytes_for(4);
  info.kv_bytes_per_token = nn::StatePool(layout, {.kv_type = kv_type}).bytes_per_position();
  info.kv_bytes_per_token_8 = nn::StatePool(layout, {.kv_type = kernels::KvType::int8}).bytes_per_position();
  for (const nn::StateGroup& group : layout.groups) info.state_bytes += group.layers.size() * group.bytes;
  return info;
}

}  // namespace skald::engine

namespace skald {

ModelInfo Model::inspect(const std::string& path) {
  engine::require_model(path);
  std::optional<Tokenizer> tokenizer;
  if (engine::has_tokenizer_file(path)) tokenizer = Tokenizer::load(path);
  return engine::inspect_model(path, tokenizer);
}

}  // namespace skald
