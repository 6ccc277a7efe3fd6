#include "models/config_file.h"
#include "models/decoder_model.h"
#include "models/registry.h"
#include "nn/weight_source.h"
#include "skald/error.h"

namespace skald::models {
namespace {

constexpr std::int64_t kPlannedPositions = 8192;  // of one sequence, for the choice of bits

// Bytes that the state of one long sequence takes in f32.
std::size_t planned_state_bytes(const DecoderModel& model) {
  const StateLayout layout = model.state_layout();
  StatePool probe(layout, {.kv_type = kernels::KvType::f32});
  const std::int64_t trained = model.shape().max_positions;
  const auto positions = trained > 0 ? std::min(trained, kPlannedPositions) : kPlannedPositions;
  std::size_t bytes = probe.bytes_per_position() * static_cast<std::size_t>(positions);
  for (const nn::StateGroup& group : layout.groups) bytes += 2 * group.bytes * group.layers.size();  // before and after
  return bytes;
}

void check_bits(int bits) {
  if (bits == 0 || bits == 4 || bits == 8 || bits == 16 || bits == 32) return;
  throw OptionError(ErrorFields{.field = "--bits", .value = std::to_string(bits), .rule = "must be 32, 16, 8 or 4"});
}

}  // namespace

std::unique_ptr<DecoderModel> load_model(const std::string& folder, const LoadOptions& options, ThreadPool& pool) {
  return load_model(folder, options, pool, architectures());
}

std::unique_ptr<DecoderModel> load_model(const std::string& folder, const LoadOptions& options, ThreadPool& pool,
                                         std::span<const Architecture> known) {
  check_bits(options.bits);
  const ConfigFile config = read_config_file(folder);
  const json::Fields fields(config.value, config.path);
  const Architecture& architecture = find_architecture(fields, known);
  const auto tensors = open_tensor_source(folder);
  nn::WeightSource weights(*tensors, std::string(architecture.base_prefix));
  auto model = architecture.make(fields, weights);
  weights.load({.bits = options.bits,
                .strict = options.strict,
                .check_weights = options.check_weights,
                .state_bytes = planned_state_bytes(*model),
                .progress = options.progress},
               pool);
  model->adapter_slots_ = weights.take_adapter_slots();
  model->shape_.n_parameters = weights.n_parameters();
  model->shape_.weight_bytes = weights.weight_bytes();
  model->shape_.weight_bits = weights.bits();
  model->shape_.kv_type = weights.all_f32() ? kernels::KvType::f32 : kernels::KvType::bf16;
  return model;
}

}  // namespace skald::models
