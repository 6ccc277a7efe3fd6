#include "models/decoder_parts.h"

#include <algorithm>

namespace skald::models {
namespace {

const nn::Norm* address(const std::optional<nn::Norm>& norm) { return norm ? &*norm : nullptr; }

class PartsDecoder final : public DecoderModel {
 public:
  explicit PartsDecoder(DecoderParts parts) : parts_(std::move(parts)) {
    shape_ = parts_.shape;
    logits_scale_ = parts_.logits_scale;
    logit_scales_ = std::move(parts_.logit_scales);
    logits_softcap_ = parts_.logits_softcap;
  }
  [[nodiscard]] StateLayout state_layout() const override {
    std::vector<std::int64_t> windows;
    for (const DecoderParts::Layer& layer : parts_.layers) windows.push_back(layer.self.spec.window);
    const nn::AttentionSpec& spec = parts_.layers.front().self.spec;
    return nn::paged_layout(windows, spec.kv_heads, spec.k_dim);
  }

 private:
  void embed(float* x, nn::Context& context) const override {
    if (parts_.widen) {
      float* const narrow = context.work->before.ensure(context.rows.size() * parts_.embed_tokens->columns());
      nn::embed_rows(*parts_.embed_tokens, narrow, context, parts_.embed_scale);
      parts_.widen->forward(narrow, context.rows.size(), x, {}, context);
    } else {
      nn::embed_rows(*parts_.embed_tokens, x, context, parts_.embed_scale);
    }
    if (parts_.embed_positions != nullptr) {
      nn::add_positions(*parts_.embed_positions, parts_.position_offset, x, context);
    }
    if (parts_.embed_norm) nn::normalize_rows(*parts_.embed_norm, x, context);
    for (std::size_t set = 0; set < parts_.ropes.size(); ++set) parts_.ropes[set].prepare(context, set);
  }
  void layer(int i, float* x, const nn::Context& context) const override {
    const DecoderParts::Layer& l = parts_.layers[static_cast<std::size_t>(i)];
    const auto before = [&](const std::optional<nn::Norm>& norm) {
      return parts_.norms_after ? nullptr : address(norm);
    };
    const auto end = [&](const std::optional<nn::Norm>& norm) {
      if (parts_.norms_after) nn::normalize_rows(*norm, x, context);
    };
    nn::Residual inner{before(l.mlp_norm), address(l.mlp_end_norm), parts_.residual_scale};
    if (parts_.parallel) {
      const std::size_t n = context.rows.size() * static_cast<std::size_t>(shape_.hidden_size);
      float* const stream = context.work->before.ensure(n);
      std::copy_n(x, n, stream);
      inner.from = stream;
    }
    l.self.add_to(x, {before(l.self_norm), address(l.self_end_norm), parts_.residual_scale}, i, context);
    end(l.self_norm);
    std::visit([&](const auto& block) { block.add_to(x, inner, context); }, l.mlp);
    end(l.mlp_norm);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return address(parts_.final_norm); }
  [[nodiscard]] const nn::Linear* before_head() const override { return parts_.narrow ? &*parts_.narrow : nullptr; }
  [[nodiscard]] const nn::Linear& head() const override { return parts_.head; }

  DecoderParts parts_;
};

}  // namespace

DecoderParts begin_decoder(const DecoderConfig& c, nn::WeightSource& w, const std::string& embedding,
                           std::int64_t width) {
  DecoderParts parts;
  parts.shape = decoder_shape(c);
  parts.embed_tokens = w.matrix(embedding + ".weight", static_cast<std::size_t>(c.vocab_size),
                                static_cast<std::size_t>(width > 0 ? width : c.hidden_size));
  parts.layers.resize(static_cast<std::size_t>(c.n_layers));
  if (c.rope.head_dim > 0) add_rope(parts, c.rope);
  return parts;
}

void add_position_table(DecoderParts& parts, const std::string& name, std::int64_t offset, nn::WeightSource& w) {
  const auto rows = static_cast<std::size_t>(parts.shape.max_positions + offset);
  parts.embed_positions = w.matrix(name + ".weight", rows, static_cast<std::size_t>(parts.shape.hidden_size));
  parts.position_offset = offset;
  parts.shape.hard_limit = true;
}

DecoderParts llama_parts(const DecoderConfig& c, nn::WeightSource& w, FinishLayer finish) {
  DecoderParts parts = begin_decoder(c, w);
  const auto norm = [&](const std::string& name) {
    return w.rms_norm(name, static_cast<std::size_t>(c.hidden_size), c.norm_eps);
  };
  for (std::int64_t i = 0; i < c.n_layers; ++i) {
    const std::string p = layer_prefix("model.layers.", i);
    DecoderParts::Layer& layer = parts.layers[static_cast<std::size_t>(i)];
    layer.self_norm = norm(p + "input_layernorm");
    layer.self = rotary_attention(c, parts.ropes.front(), i, p + "self_attn.", w);
    layer.mlp_norm = norm(p + "post_attention_layernorm");
    finish(i, p, layer);
  }
  parts.final_norm = norm("model.norm");
  parts.head = language_model_head(c, w);
  return parts;
}

DecoderParts llama_parts(const DecoderConfig& c, nn::WeightSource& w) {
  return llama_parts(c, w, [&](std::int64_t /*i*/, const std::string& prefix, DecoderParts::Layer& layer) {
    layer.mlp = gated_mlp(c, prefix + "mlp.", w);
  });
}

std::size_t add_rope(DecoderParts& parts, const nn::RopeSettings& settings) {
  const nn::Rope& rope = parts.ropes.emplace_back(settings);
  ModelShape& shape = parts.shape;
  shape.length_dependent_rope = shape.length_dependent_rope || rope.length_dependent();
  shape.long_rope_from = std::max(shape.long_rope_from, rope.long_from());
  shape.same_rope_to = shape.max_positions;
  return parts.ropes.size() - 1;
}

std::unique_ptr<DecoderModel> make_decoder(DecoderParts parts) {
  return std::make_unique<PartsDecoder>(std::move(parts));
}

std::string layer_prefix(const std::string& prefix, std::int64_t layer) { return prefix + std::to_string(layer) + "."; }

nn::Norm bare_layer_norm(std::int64_t n, float eps) {
  return nn::Norm::layer(std::vector<float>(static_cast<std::size_t>(n), 1.0F), {}, eps);
}

}  // namespace skald::models
