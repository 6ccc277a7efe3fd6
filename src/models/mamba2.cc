// Mamba-2: layers of one mixer each, no attention, no positions; Codestral Mamba too.
// Reference: transformers/models/mamba2/modeling_mamba2.py
//   Read and without effect there and here: norm_before_gate and rms_norm (the gated norm always stands behind the
//   gate), intermediate_size (it is expand * hidden_size), chunk_size and the time_step_* of initialisation.
//   The reference forgets time_step_limit when it decodes token by token; here it holds for every token.
#include "nn/mamba2.h"

#include <cmath>
#include <tuple>

#include "models/config.h"
#include "models/mixer_parts.h"

namespace skald::models {
namespace {

nn::Mamba2Spec read_spec(const json::Fields& fields, const MixerConfig& c) {
  const auto count = [&](const char* key, std::int64_t fallback, std::int64_t most) {
    return static_cast<std::size_t>(fields.get_integer(key, 1, most).value_or(fallback));
  };
  nn::Mamba2Spec spec{.n_heads = count("num_heads", 128, kMaxHeads),
                      .head_dim = count("head_dim", 64, 1 << 16),
                      .state_size = c.state_size,
                      .n_groups = count("n_groups", 8, kMaxHeads),
                      .taps = c.conv_kernel};
  std::tie(spec.step_low, spec.step_high) = read_limits(fields, "time_step_limit");
  if (spec.width() != c.width) {
    fields.fail("num_heads", "num_heads * head_dim must be expand * hidden_size = " + std::to_string(c.width) +
                                 ", not " + std::to_string(spec.width()));
  }
  if (spec.n_heads % spec.n_groups != 0) {
    fields.fail("n_groups", "must divide num_heads, which is " + std::to_string(spec.n_heads));
  }
  return spec;
}

}  // namespace

std::unique_ptr<DecoderModel> make_mamba2(const json::Fields& fields, nn::WeightSource& w) {
  const MixerConfig c = read_mixer_config(fields, /*state_size=*/128, /*tied=*/false);
  const nn::Mamba2Spec spec = read_spec(fields, c);
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  const auto make = [&](const std::string& p) {
    nn::Mamba2 mixer;
    mixer.spec = spec;
    mixer.in_proj = w.linear(p + "in_proj", spec.projected(), hidden, c.use_bias);
    mixer.out_proj = w.linear(p + "out_proj", hidden, spec.width(), c.use_bias);
    mixer.convolution = read_convolution(p + "conv1d", spec.channels(), c, w);
    mixer.dt_bias = w.vector(p + "dt_bias", spec.n_heads);
    mixer.a = w.vector(p + "A_log", spec.n_heads);
    for (float& a : mixer.a) a = -std::exp(a);
    mixer.d = w.vector(p + "D", spec.n_heads);
    const std::size_t part = spec.width() / spec.n_groups;
    for (std::size_t g = 0; g < spec.n_groups; ++g) {
      std::vector<float> gain = w.vector(p + "norm.weight", part, nn::stacked(spec.width(), g * part));
      mixer.norms.push_back(nn::Norm::rms(std::move(gain), c.epsilon));
    }
    return mixer;
  };
  return std::make_unique<MixerDecoder<nn::Mamba2>>(c, make, w);
}

}  // namespace skald::models
