// Mamba: layers of one mixer each, no attention, no positions. Reference: transformers/models/mamba/modeling_mamba.py
//   Read and without effect there and here: intermediate_size (it is expand * hidden_size) and the time_step_* of
//   initialisation.
#include "nn/mamba.h"

#include <cmath>

#include "models/config.h"
#include "models/mixer_parts.h"

namespace skald::models {
namespace {

std::size_t read_step_rank(const json::Fields& fields, const MixerConfig& c) {
  const json::Value* const rank = fields.find("time_step_rank");
  const bool automatic = rank == nullptr || (rank->is_string() && rank->as_string() == "auto");
  const std::int64_t found =
      automatic ? (c.hidden_size + 15) / 16 : fields.need_integer("time_step_rank", 1, kMaxWidth);
  return static_cast<std::size_t>(found);
}

// A_log [width, state_size] as what states decay by [state_size, scan_pitch(width)].
std::vector<float> read_decays(const std::string& name, const nn::MambaSpec& spec, nn::WeightSource& w) {
  const std::vector<float> stored = w.values(name, {spec.width, spec.state_size});
  const std::size_t pitch = kernels::scan_pitch(spec.width);
  std::vector<float> decays(spec.state_size * pitch);
  for (std::size_t i = 0; i < spec.width; ++i) {
    for (std::size_t n = 0; n < spec.state_size; ++n) {
      decays[n * pitch + i] = -std::exp(stored[i * spec.state_size + n]);
    }
  }
  return decays;
}

}  // namespace

std::unique_ptr<DecoderModel> make_mamba(const json::Fields& fields, nn::WeightSource& w) {
  const MixerConfig c = read_mixer_config(fields, /*state_size=*/16, /*tied=*/true);
  const nn::MambaSpec spec{
      .width = c.width, .state_size = c.state_size, .step_rank = read_step_rank(fields, c), .taps = c.conv_kernel};
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  const auto make = [&](const std::string& p) {
    nn::Mamba mixer;
    mixer.spec = spec;
    mixer.in_proj = w.linear(p + "in_proj", 2 * spec.width, hidden, c.use_bias);
    mixer.out_proj = w.linear(p + "out_proj", hidden, spec.width, c.use_bias);
    const std::size_t selected = spec.step_rank + 2 * spec.state_size;
    const auto select = [&](std::size_t first, std::size_t n) {
      return w.linear(p + "x_proj", n, spec.width, /*bias=*/false, nn::stacked(selected, first));
    };
    mixer.step_proj = select(0, spec.step_rank);
    mixer.bc_proj = select(spec.step_rank, 2 * spec.state_size);
    mixer.dt_proj = w.linear(p + "dt_proj", spec.width, spec.step_rank, /*bias=*/true);
    mixer.convolution = read_convolution(p + "conv1d", spec.width, c, w);
    mixer.a = read_decays(p + "A_log", spec, w);
    mixer.d = w.vector(p + "D", spec.width);
    return mixer;
  };
  return std::make_unique<MixerDecoder<nn::Mamba>>(c, make, w);
}

}  // namespace skald::models
