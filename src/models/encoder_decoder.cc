#include "models/encoder_decoder.h"

#include <algorithm>
#include <numeric>

namespace skald::models {
namespace {

const nn::Norm* address(const std::optional<nn::Norm>& norm) { return norm ? &*norm : nullptr; }

// Keys and values of layers [first, first + n).
nn::StateGroup group_of(const Stack& stack, nn::StateGroup::Kind kind, int first, std::size_t n) {
  const nn::AttentionSpec& spec = stack.layers.front().self.spec;
  std::vector<int> layers(n);
  std::iota(layers.begin(), layers.end(), first);
  return {
      .kind = kind, .layers = std::move(layers), .kv_heads = spec.kv_heads, .k_dim = spec.k_dim, .v_dim = spec.v_dim};
}

// As nn::add_positions, where one token has none. Rows of an input that is not counted whole begin with its first.
void add_positions_but(const Stack& stack, float* x, const nn::Context& context) {
  const std::size_t hidden = stack.embed_positions->columns();
  float* const row = context.work->delta.ensure(hidden);
  std::int64_t passed = 0;
  for (std::size_t r = 0; r < context.rows.size(); ++r, x += hidden) {
    const nn::Row& at = context.rows[r];
    if (at.position == 0 || stack.counts_unplaced) passed = 0;
    if (at.token == stack.unplaced) {
      ++passed;
      continue;
    }
    stack.embed_positions->unpack_row(static_cast<std::size_t>(at.position - passed + stack.position_offset), row);
    kernels::table().add(row, hidden, x);
  }
}

class StackEncoder final : public Encoder {
 public:
  explicit StackEncoder(const EncoderDecoderParts& parts) : parts_(parts) {}

  [[nodiscard]] int n_layers() const override { return static_cast<int>(parts_.encoder.layers.size()); }
  [[nodiscard]] std::size_t hidden_size() const override { return parts_.encoder.embed_tokens->columns(); }
  [[nodiscard]] std::int64_t max_positions() const override { return parts_.shape.encoder_positions; }
  /// A pass has all of a layer's keys before it reads one: the layers take turns in one place.
  [[nodiscard]] StateLayout state_layout() const override {
    return {{group_of(parts_.encoder, nn::StateGroup::Kind::paged, 0, 1)}};
  }
  void embed(float* x, nn::Context& context) const override { parts_.encoder.embed(x, context); }
  void layer(int i, float* x, const nn::Context& context) const override {
    parts_.encoder.layer(static_cast<std::size_t>(i), /*own=*/0, /*cross=*/-1, x, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return address(parts_.encoder.final_norm); }
  void store(const float* encoded, std::span<const nn::SequenceId> targets, StatePool& state,
             const nn::Context& context) const override {
    auto layer = static_cast<int>(parts_.decoder.layers.size());
    for (const Stack::Layer& l : parts_.decoder.layers) l.cross.store(encoded, targets, state, layer++, context);
  }

 private:
  const EncoderDecoderParts& parts_;
};

class EncoderDecoder final : public DecoderModel {
 public:
  explicit EncoderDecoder(EncoderDecoderParts parts) : parts_(std::move(parts)), encoder_(parts_) {
    shape_ = parts_.shape;
    shape_.encodes = true;
    logits_scale_ = parts_.logits_scale;
  }
  [[nodiscard]] StateLayout state_layout() const override {
    const std::size_t n = parts_.decoder.layers.size();
    return {{group_of(parts_.decoder, nn::StateGroup::Kind::paged, 0, n),
             group_of(parts_.decoder, nn::StateGroup::Kind::cross, static_cast<int>(n), n)}};
  }
  [[nodiscard]] const Encoder* encoder() const override { return &encoder_; }

 private:
  void embed(float* x, nn::Context& context) const override { parts_.decoder.embed(x, context); }
  void layer(int i, float* x, const nn::Context& context) const override {
    const int cross = static_cast<int>(parts_.decoder.layers.size()) + i;
    parts_.decoder.layer(static_cast<std::size_t>(i), i, cross, x, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return address(parts_.decoder.final_norm); }
  [[nodiscard]] const nn::Linear& head() const override { return parts_.head; }

  EncoderDecoderParts parts_;
  StackEncoder encoder_;
};

}  // namespace

void Stack::embed(float* x, nn::Context& context) const {
  nn::embed_rows(*embed_tokens, x, context, embed_scale);
  if (unplaced >= 0) {
    add_positions_but(*this, x, context);
  } else if (embed_positions != nullptr) {
    nn::add_positions(*embed_positions, position_offset, x, context);
  }
  if (embed_norm) nn::normalize_rows(*embed_norm, x, context);
}

void Stack::layer(std::size_t i, int own, int cross, float* x, const nn::Context& context) const {
  const Layer& l = layers[i];
  const auto before = [&](const nn::Norm& norm) { return nn::Residual{.before = norms_after ? nullptr : &norm}; };
  const auto end = [&](const nn::Norm& norm) {
    if (norms_after) nn::normalize_rows(norm, x, context);
  };
  l.self.add_to(x, before(l.self_norm), own, context);
  end(l.self_norm);
  if (cross >= 0) {
    l.cross.add_to(x, before(l.cross_norm), cross, context);
    end(l.cross_norm);
  }
  l.mlp.add_to(x, before(l.mlp_norm), context);
  end(l.mlp_norm);
}

std::unique_ptr<DecoderModel> make_encoder_decoder(EncoderDecoderParts parts) {
  return std::make_unique<EncoderDecoder>(std::move(parts));
}

std::string stored_embedding(const nn::WeightSource& weights, const std::string& name,
                             std::span<const std::string> tied) {
  const auto stored = [&](const std::string& n) { return weights.has(n + ".weight"); };
  if (stored(name)) return name;
  const auto found = std::ranges::find_if(tied, stored);
  return found == tied.end() ? name : *found;
}

}  // namespace skald::models
