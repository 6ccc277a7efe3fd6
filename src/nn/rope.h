// Rotary positions, https://arxiv.org/abs/2104.09864, and their scalings. Reference: transformers,
// modeling_rope_utils.py: frequencies are computed with its operations in its order, in f32 where it uses f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/context.h"

namespace skald::nn {

/// rope_parameters of a config, with every default filled in. Fields that a type does not use are not read.
struct RopeSettings {
  std::string type = "default";  // one of rope_types()
  double theta = 10000;
  std::int64_t head_dim = 0;
  double partial_rotary_factor = 1;
  std::int64_t max_positions = 0;               // max_position_embeddings
  std::int64_t original_positions = 0;          // original_max_position_embeddings: yarn, longrope, llama3
  std::optional<double> factor = {};            // all but default
  std::optional<double> attention_factor = {};  // yarn, longrope
  double beta_fast = 32;                        // yarn
  double beta_slow = 1;                         // yarn
  std::optional<double> mscale = {};            // yarn
  std::optional<double> mscale_all_dim = {};    // yarn
  bool truncate = true;                         // yarn
  std::vector<double> short_factor = {};        // longrope, [rotary_dim / 2]
  std::vector<double> long_factor = {};         // longrope, [rotary_dim / 2]
  double low_freq_factor = 1;                   // llama3
  double high_freq_factor = 4;                  // llama3

  [[nodiscard]] std::int64_t rotary_dim() const;  // int(head_dim * partial_rotary_factor)
};

/// "default", "linear", ...: what Rope knows.
std::span<const std::string_view> rope_types();

/// inv_freq [rotary_dim / 2] as the reference has it for a pass over `rope_length` positions.
std::vector<float> rope_frequencies(const RopeSettings& settings, std::int64_t rope_length);

/// What cosines and sines are multiplied by.
float rope_attention_scaling(const RopeSettings& settings);

/// Cosines and sines of rows. Tables are kept per set of frequencies; only dynamic scaling past its original length,
/// which has frequencies of its own for every length, computes them anew.
class Rope {
 public:
  explicit Rope(RopeSettings settings);
  ~Rope();
  Rope(Rope&&) noexcept;

  [[nodiscard]] std::size_t half() const { return static_cast<std::size_t>(settings_.rotary_dim()) / 2; }
  /// Whether a row's rope_length changes its angles: dynamic, longrope.
  [[nodiscard]] bool length_dependent() const;
  /// longrope: the length past which the long factors hold; else 0.
  [[nodiscard]] std::int64_t long_from() const;

  /// Points context.angles[set] at the cosines and sines of all rows. One thread at a time.
  void prepare(Context& context, std::size_t set = 0) const;

 private:
  struct Table;
  [[nodiscard]] Table& table_for(std::int64_t rope_length) const;

  RopeSettings settings_;
  float scaling_;
  std::unique_ptr<Table[]> tables_;  // [2]: short (or only) and long frequencies
};

}  // namespace skald::nn
