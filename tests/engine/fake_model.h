// A model that costs nothing and forgets nothing: logits are a fixed random function of every token before them, of its
// position and of its rope_length, all read back from the state pool. A wrong block, a lost fork, a row computed twice
// or a chunk at the wrong place changes them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "base/random.h"
#include "models/decoder_model.h"
#include "nn/context.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/packed_matrix.h"

namespace skald::test {

struct FakeOptions {
  std::int64_t vocab_size = 96;
  std::int64_t max_positions = 100000;
  bool hard_limit = false;
  std::int64_t long_rope_from = 0;
  bool any_length = false;  // logits do not depend on rope_length
  std::int64_t memory = 0;  // logits depend on so many tokens alone, and on no position; 0: on everything
  TokenId poison = -1;      // a row with this token has NaN logits
  std::function<void()> before_pass = {};                      // called at the start of every pass
  std::function<void(std::span<const nn::Row>)> on_rows = {};  // the same, with its rows
};

class FakeModel final : public models::DecoderModel {
 public:
  explicit FakeModel(FakeOptions options = {}) : options_(std::move(options)) {
    shape_.model_type = "fake";
    shape_.n_layers = 2;
    shape_.hidden_size = kHidden;
    shape_.vocab_size = options_.vocab_size;
    shape_.max_positions = options_.max_positions;
    shape_.hard_limit = options_.hard_limit;
    shape_.long_rope_from = options_.long_rope_from;
    shape_.length_dependent_rope = !options_.any_length;
    const auto vocab = static_cast<std::size_t>(options_.vocab_size);
    std::vector<float> rows(vocab * kHidden);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = uniform(i, 77);
    head_ = nn::Linear(
        "head", std::make_shared<nn::PackedMatrix>(nn::pack_matrix(rows, vocab, kHidden, kernels::WeightFormat::f32)));
    norm_ = nn::Norm::rms(std::vector<float>(kHidden, 1.5F), 1e-6F);
  }

  [[nodiscard]] nn::StateLayout state_layout() const override {
    return {{{.kind = nn::StateGroup::Kind::paged, .layers = {0, 1}, .kv_heads = 1, .k_dim = 8, .v_dim = 8}}};
  }

 protected:
  void embed(float* x, nn::Context& context) const override {
    if (options_.before_pass) options_.before_pass();
    if (options_.on_rows) options_.on_rows(context.rows);
    std::fill_n(x, context.rows.size() * kHidden, 0.F);
  }

  // Layer 0 stores (token, class of rope_length) and makes x a hash of everything up to the row.
  void layer(int i, float* x, const nn::Context& context) const override {
    if (i != 0) return;
    for (const nn::Row& row : context.rows) {
      std::array<float, 8> key{};
      key[0] = static_cast<float>(row.token);
      key[1] = static_cast<float>(shape_.rope_class(row.rope_length));
      for (int each = 0; each < 2; ++each)
        context.state->store(row.sequence, each, row.position, key.data(), key.data());
    }
    for (std::size_t r = 0; r < context.rows.size(); ++r) {
      const nn::Row& row = context.rows[r];
      const std::uint64_t hash = history_hash(*context.state, row.sequence, row.position);
      for (std::size_t j = 0; j < kHidden; ++j) x[r * kHidden + j] = uniform(j, hash);
      if (row.token == options_.poison) x[r * kHidden] = std::numeric_limits<float>::quiet_NaN();
    }
  }

  const nn::Norm* final_norm() const override { return &norm_; }
  const nn::Linear& head() const override { return head_; }

 private:
  static constexpr std::size_t kHidden = 16;

  static float uniform(std::uint64_t index, std::uint64_t key) {
    const auto bits = philox4x32({static_cast<std::uint32_t>(index), 0, 0, 0},
                                 {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
    return static_cast<float>(bits[0]) * 0x1p-31F - 1.F;
  }

  std::uint64_t history_hash(const nn::StatePool& state, nn::SequenceId sequence, std::int64_t last) const {
    const auto n_blocks = static_cast<std::size_t>(last) / kernels::kBlock + 1;
    blocks_.resize(std::max(blocks_.size(), n_blocks));
    const std::span blocks(blocks_.data(), n_blocks);
    state.k_blocks(sequence, 1, 0, 0, blocks);
    std::uint64_t hash = 0xcbf29ce484222325;
    const bool forgets = options_.memory > 0;
    for (std::int64_t p = forgets ? std::max<std::int64_t>(0, last + 1 - options_.memory) : 0; p <= last; ++p) {
      const auto* const block = reinterpret_cast<const float*>(blocks[static_cast<std::size_t>(p) / kernels::kBlock]);
      const std::size_t slot = static_cast<std::size_t>(p) % kernels::kBlock;
      for (std::size_t d = 0; d < (forgets ? 1 : 2); ++d) {
        hash = (hash ^ static_cast<std::uint64_t>(block[d * kernels::kBlock + slot])) * 0x100000001b3;
      }
    }
    return hash ^ hash >> 29;
  }

  FakeOptions options_;
  nn::Norm norm_;
  nn::Linear head_;
  mutable std::vector<const std::byte*> blocks_;
};

}  // namespace skald::test
