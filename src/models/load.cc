#include <algorithm>
#include <initializer_list>

#include "base/log.h"
#include "formats/file_tensors.h"
#include "models/config_file.h"
#include "models/decoder_model.h"
#include "models/registry.h"
#include "nn/weight_source.h"
#include "skald/error.h"

namespace skald::models {
namespace {

constexpr std::int64_t kPlannedPositions = 8192;  // of one sequence, for the choice of bits

bool keeps_keys(const StateLayout& layout) {
  return std::ranges::any_of(layout.groups,
                             [](const nn::StateGroup& group) { return group.kind != nn::StateGroup::Kind::recurrent; });
}

kernels::KvType kv_type_of(int kv_bits) {
  return kv_bits == 8 ? kernels::KvType::int8 : kv_bits == 16 ? kernels::KvType::bf16 : kernels::KvType::f32;
}

// Bytes that the state of one long sequence takes; in f32 where `kv_bits` leaves it open.
std::size_t planned_state_bytes(const DecoderModel& model, int kv_bits) {
  const StateLayout layout = model.state_layout();
  StatePool probe(layout, {.kv_type = kv_type_of(kv_bits)});
  const std::int64_t trained = model.shape().max_positions;
  const auto positions = trained > 0 ? std::min(trained, kPlannedPositions) : kPlannedPositions;
  std::size_t bytes = probe.bytes_per_position() * static_cast<std::size_t>(positions);
  for (const nn::StateGroup& group : layout.groups) bytes += 2 * group.bytes * group.layers.size();  // before and after
  return bytes;
}

void check_bits(const LoadOptions& options) {
  const auto refuse = [](const char* field, int value, const char* rule) {
    throw OptionError(ErrorFields{.field = field, .value = std::to_string(value), .rule = rule});
  };
  const auto one_of = [](int bits, std::initializer_list<int> known) { return std::ranges::count(known, bits) > 0; };
  if (!one_of(options.bits, {0, 32, 16, 8, 4})) refuse("--bits", options.bits, "must be 32, 16, 8 or 4");
  if (!one_of(options.kv_bits, {0, 32, 16, 8})) refuse("--kv-bits", options.kv_bits, "must be 32, 16 or 8");
}

}  // namespace

std::unique_ptr<DecoderModel> load_model(const std::string& folder, const LoadOptions& options, ThreadPool& pool) {
  return load_model(folder, options, pool, architectures());
}

std::unique_ptr<DecoderModel> load_model(const std::string& folder, const LoadOptions& options, ThreadPool& pool,
                                         std::span<const Architecture> known) {
  check_bits(options);
  const ConfigFile config = read_config_file(folder);
  const json::Fields fields(config.value, config.path);
  const Architecture& architecture = find_architecture(fields, known);
  const auto tensors = open_tensor_source(folder);
  check_sums(*tensors, pool);
  nn::WeightSource weights(*tensors, std::string(architecture.base_prefix));
  auto model = architecture.make(fields, weights);
  weights.load({.bits = options.bits,
                .strict = options.strict,
                .check_weights = options.check_weights,
                .state_bytes = planned_state_bytes(*model, options.kv_bits),
                .progress = options.progress},
               pool);
  model->adapter_slots_ = weights.take_adapter_slots();
  model->shape_.n_parameters = weights.n_parameters();
  model->shape_.weight_bytes = weights.weight_bytes();
  model->shape_.weight_bits = weights.bits();
  model->shape_.encoder_kv_type = weights.all_f32() ? kernels::KvType::f32 : kernels::KvType::bf16;
  model->shape_.kv_type = options.kv_bits == 0 ? model->shape_.encoder_kv_type : kv_type_of(options.kv_bits);
  if (options.kv_bits != 0 && !keeps_keys(model->state_layout())) {
    log_notice(LogLevel::warning, folder + ": --kv-bits has no effect, the model keeps no keys and values");
  }
  return model;
}

}  // namespace skald::models
