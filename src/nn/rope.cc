#include "nn/rope.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace skald::nn {
namespace {

constexpr std::int64_t kChunk = 256;  // positions of a table that are computed together

std::size_t half_of(const RopeSettings& s) { return static_cast<std::size_t>(s.rotary_dim()) / 2; }

// base ** (2i / dim) in f32: the reference's pow is rounded from more than f32, as this one is.
std::vector<float> powers(float base, std::size_t half, std::int64_t dim) {
  std::vector<float> out(half);
  for (std::size_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
    out[i] = static_cast<float>(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  return out;
}

std::vector<float> reciprocals(std::vector<float> values) {
  for (float& value : values) value = 1.0F / value;
  return values;
}

std::vector<float> plain(const RopeSettings& s, double theta) {
  return reciprocals(powers(static_cast<float>(theta), half_of(s), s.rotary_dim()));
}

std::vector<float> default_frequencies(const RopeSettings& s, std::int64_t /*length*/) { return plain(s, s.theta); }

std::vector<float> linear_frequencies(const RopeSettings& s, std::int64_t /*length*/) {
  auto frequencies = plain(s, s.theta);
  for (float& f : frequencies) f /= static_cast<float>(*s.factor);
  return frequencies;
}

// Past max_positions the reference computes the base from a length that is a tensor, so in f32.
std::vector<float> dynamic_frequencies(const RopeSettings& s, std::int64_t length) {
  const auto dim = static_cast<double>(s.rotary_dim());
  const double power = dim / (dim - 2);
  if (length <= s.max_positions) {
    const auto positions = static_cast<double>(s.max_positions);
    return plain(s, s.theta * std::pow(*s.factor * positions / positions - (*s.factor - 1), power));
  }
  const float grown = static_cast<float>(*s.factor) * static_cast<float>(length) / static_cast<float>(s.max_positions) -
                      static_cast<float>(*s.factor - 1);
  const auto raised = static_cast<float>(std::pow(static_cast<double>(grown), power));
  return plain(s, raised * static_cast<float>(s.theta));
}

// https://arxiv.org/abs/2309.00071
std::vector<float> yarn_frequencies(const RopeSettings& s, std::int64_t /*length*/) {
  const auto dim = static_cast<double>(s.rotary_dim());
  const auto original = static_cast<double>(s.original_positions);
  const auto correction = [&](double rotations) {
    return dim * std::log(original / (rotations * 2 * std::numbers::pi)) / (2 * std::log(s.theta));
  };
  double low = correction(s.beta_fast);
  double high = correction(s.beta_slow);
  if (s.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;

  auto frequencies = powers(static_cast<float>(s.theta), half_of(s), s.rotary_dim());
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float extrapolated = 1.0F / frequencies[i];
    const float interpolated = 1.0F / (static_cast<float>(*s.factor) * frequencies[i]);
    const float ramp = (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
    const float keep = 1.0F - std::clamp(ramp, 0.0F, 1.0F);
    frequencies[i] = interpolated * (1.0F - keep) + extrapolated * keep;
  }
  return frequencies;
}

std::vector<float> longrope_frequencies(const RopeSettings& s, std::int64_t length) {
  const auto& factors = length > s.original_positions ? s.long_factor : s.short_factor;
  auto frequencies = powers(static_cast<float>(s.theta), half_of(s), s.rotary_dim());
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] = 1.0F / (static_cast<float>(factors[i]) * frequencies[i]);
  }
  return frequencies;
}

std::vector<float> llama3_frequencies(const RopeSettings& s, std::int64_t /*length*/) {
  const auto original = static_cast<double>(s.original_positions);
  const auto low_wavelength = static_cast<float>(original / s.low_freq_factor);
  const auto high_wavelength = static_cast<float>(original / s.high_freq_factor);
  const auto factor = static_cast<float>(*s.factor);
  auto frequencies = plain(s, s.theta);
  for (float& f : frequencies) {
    const float wavelength = (1.0F / f) * static_cast<float>(2 * std::numbers::pi);
    const float scaled = wavelength > low_wavelength ? f / factor : f;
    const bool medium = !(wavelength < high_wavelength) && !(wavelength > low_wavelength);
    const float smooth = ((1.0F / wavelength) * static_cast<float>(original) - static_cast<float>(s.low_freq_factor)) /
                         static_cast<float>(s.high_freq_factor - s.low_freq_factor);
    f = medium ? (1.0F - smooth) * scaled / factor + smooth * scaled : scaled;
  }
  return frequencies;
}

float no_scaling(const RopeSettings& /*settings*/) { return 1.0F; }

float yarn_scaling(const RopeSettings& s) {
  const auto magnitude = [&](double scale) { return *s.factor <= 1 ? 1.0 : 0.1 * scale * std::log(*s.factor) + 1.0; };
  if (s.attention_factor) return static_cast<float>(*s.attention_factor);
  const bool both = s.mscale.value_or(0) != 0 && s.mscale_all_dim.value_or(0) != 0;
  return static_cast<float>(both ? magnitude(*s.mscale) / magnitude(*s.mscale_all_dim) : magnitude(1));
}

float longrope_scaling(const RopeSettings& s) {
  if (s.attention_factor) return static_cast<float>(*s.attention_factor);
  if (*s.factor <= 1) return 1.0F;
  return static_cast<float>(std::sqrt(1 + std::log(*s.factor) / std::log(static_cast<double>(s.original_positions))));
}

struct RopeKind {
  std::string_view type;
  std::vector<float> (*frequencies)(const RopeSettings&, std::int64_t length);
  float (*scaling)(const RopeSettings&);
};

constexpr std::array<RopeKind, 6> kKinds = {{{"default", default_frequencies, no_scaling},
                                             {"linear", linear_frequencies, no_scaling},
                                             {"dynamic", dynamic_frequencies, no_scaling},
                                             {"yarn", yarn_frequencies, yarn_scaling},
                                             {"longrope", longrope_frequencies, longrope_scaling},
                                             {"llama3", llama3_frequencies, no_scaling}}};

const RopeKind& kind_of(const RopeSettings& settings) {
  const auto found = std::ranges::find(kKinds, std::string_view(settings.type), &RopeKind::type);
  return found == kKinds.end() ? kKinds.front() : *found;  // configs with other types are refused when read
}

// cos and sin of position * frequencies: [half] each.
void compute_angles(std::span<const float> frequencies, std::int64_t position, float scaling, float* cos, float* sin) {
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const auto angle = static_cast<double>(static_cast<float>(position) * frequencies[i]);
    cos[i] = static_cast<float>(std::cos(angle)) * scaling;
    sin[i] = static_cast<float>(std::sin(angle)) * scaling;
  }
}

}  // namespace

std::int64_t RopeSettings::rotary_dim() const {
  return static_cast<std::int64_t>(static_cast<double>(head_dim) * partial_rotary_factor);
}

std::span<const std::string_view> rope_types() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, kKinds.size()> names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = kKinds[i].type;
    return names;
  }();
  return kNames;
}

std::vector<float> rope_frequencies(const RopeSettings& settings, std::int64_t rope_length) {
  return kind_of(settings).frequencies(settings, rope_length);
}

float rope_attention_scaling(const RopeSettings& settings) { return kind_of(settings).scaling(settings); }

// Angles of one set of frequencies, in chunks of positions: [kChunk, 2, half].
struct Rope::Table {
  std::vector<float> frequencies;
  std::vector<std::unique_ptr<float[]>> chunks;

  RowAngles at(std::int64_t position, float scaling) {
    const std::size_t half = frequencies.size();
    const auto chunk = static_cast<std::size_t>(position / kChunk);
    if (chunk >= chunks.size()) chunks.resize(chunk + 1);
    if (chunks[chunk] == nullptr) {
      chunks[chunk] = std::make_unique<float[]>(kChunk * 2 * half);
      for (std::int64_t i = 0; i < kChunk; ++i) {
        float* const row = chunks[chunk].get() + static_cast<std::size_t>(i) * 2 * half;
        compute_angles(frequencies, position / kChunk * kChunk + i, scaling, row, row + half);
      }
    }
    const float* const row = chunks[chunk].get() + static_cast<std::size_t>(position % kChunk) * 2 * half;
    return {row, row + half};
  }
};

Rope::Rope(RopeSettings settings)
    : settings_(std::move(settings)),
      scaling_(rope_attention_scaling(settings_)),
      tables_(std::make_unique<Table[]>(2)) {
  tables_[0].frequencies = rope_frequencies(settings_, 0);
  if (long_from() > 0) tables_[1].frequencies = rope_frequencies(settings_, long_from() + 1);
}

Rope::~Rope() = default;
Rope::Rope(Rope&&) noexcept = default;

bool Rope::length_dependent() const { return settings_.type == "dynamic" || settings_.type == "longrope"; }
std::int64_t Rope::long_from() const { return settings_.type == "longrope" ? settings_.original_positions : 0; }

Rope::Table& Rope::table_for(std::int64_t rope_length) const {
  return tables_[long_from() > 0 && rope_length > long_from() ? 1 : 0];
}

void Rope::prepare(Context& context, std::size_t set) const {
  const bool dynamic = settings_.type == "dynamic";
  std::vector<float> frequencies;
  std::int64_t frequencies_for = -1;
  for (std::size_t r = 0; r < context.rows.size(); ++r) {
    const Row& row = context.rows[r];
    if (!dynamic || row.rope_length <= settings_.max_positions) {
      context.angles[set][r] = table_for(row.rope_length).at(row.position, scaling_);
      continue;
    }
    if (frequencies_for != row.rope_length) frequencies = rope_frequencies(settings_, row.rope_length);
    frequencies_for = row.rope_length;
    float* const cos = context.work->angles[set].ensure(context.rows.size() * 2 * half()) + r * 2 * half();
    compute_angles(frequencies, row.position, scaling_, cos, cos + half());
    context.angles[set][r] = {cos, cos + half()};
  }
}

}  // namespace skald::nn
