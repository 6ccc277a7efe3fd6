#include "models/bart_parts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "models/config.h"
#include "models/encoder_decoder.h"
#include "models/position_tables.h"

namespace skald::models {
namespace {

constexpr float kEpsilon = 1e-5F;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct StackConfig {
  std::string name;  // "model.encoder."
  std::int64_t max_positions;
  std::size_t n_heads, ffn_dim;
  bool decodes;
  std::vector<std::int64_t> windows;  // [layers] positions seen to either side, the own one included; 0: all
};

struct BartConfig {
  BartKind kind;
  std::int64_t vocab_size, d_model;
  kernels::Activation activation;
  bool scale_embedding, tied;
};

StackConfig read_stack_config(const json::Fields& fields, const std::string& name, const BartConfig& c) {
  const std::int64_t heads = fields.need_integer(name + "_attention_heads", 1, kMaxHeads);
  if (c.d_model % heads != 0) {
    fields.fail(name + "_attention_heads", "must divide d_model, which is " + std::to_string(c.d_model));
  }
  return {.name = std::string(c.kind.prefix) + name + ".",
          .max_positions = fields.get_integer("max_position_embeddings", 1, kMaxVocab).value_or(c.kind.max_positions),
          .n_heads = size(heads),
          .ffn_dim = size(fields.need_integer(name + "_ffn_dim", 1, kMaxWidth)),
          .decodes = name == "decoder",
          .windows = std::vector<std::int64_t>(size(fields.need_integer(name + "_layers", 1, kMaxLayers)))};
}

// What Longformer adds: attention_window, how many positions a layer of the encoder sees beside the own one, for each
// layer or for all; and numbers of positions of their own.
void read_windows(const json::Fields& fields, StackConfig& encoder, StackConfig& decoder) {
  encoder.max_positions = fields.get_integer("max_encoder_position_embeddings", 1, kMaxVocab).value_or(16384);
  decoder.max_positions = fields.get_integer("max_decoder_position_embeddings", 1, kMaxVocab).value_or(1024);
  std::vector<std::int64_t> windows = fields.get_integers("attention_window", 2, kMaxPositions);
  if (windows.empty()) windows = {512};
  if (windows.size() == 1) windows.resize(encoder.windows.size(), windows.front());
  const bool even = std::ranges::all_of(windows, [](std::int64_t window) { return window % 2 == 0; });
  if (!even || windows.size() != encoder.windows.size()) {
    fields.fail("attention_window", "must be an even number, or one for each of encoder_layers = " +
                                        std::to_string(encoder.windows.size()));
  }
  std::ranges::transform(windows, encoder.windows.begin(), [](std::int64_t window) { return window / 2 + 1; });
}

BartConfig read_config(const json::Fields& fields, const BartKind& kind) {
  refuse_quantized(fields);
  return {.kind = kind,
          .vocab_size = fields.need_integer("vocab_size", 1, kMaxVocab),
          .d_model = fields.need_integer("d_model", 1, kMaxWidth),
          .activation = read_activation(fields, "activation_function", kind.activation),
          .scale_embedding = fields.get_bool("scale_embedding").value_or(kind.scale_embedding),
          .tied = fields.get_bool("tie_word_embeddings").value_or(true)};
}

// How the projections of an attention are called.
struct AttentionNames {
  std::string q, k, v, o;
};

AttentionNames names_at(const std::string& p) {
  return {.q = p + "q_proj", .k = p + "k_proj", .v = p + "v_proj", .o = p + "out_proj"};
}

AttentionNames longformer_names_at(const std::string& p) {
  const std::string inner = p + "longformer_self_attn.";
  return {.q = inner + "query", .k = inner + "key", .v = inner + "value", .o = p + "output"};
}

template <typename Attention>
void read_attention(const AttentionNames& names, std::size_t hidden, std::size_t n_heads, nn::WeightSource& w,
                    Attention& attention) {
  attention.q_proj = w.linear(names.q, hidden, hidden, /*bias=*/true);
  attention.k_proj = w.linear(names.k, hidden, hidden, /*bias=*/true);
  attention.v_proj = w.linear(names.v, hidden, hidden, /*bias=*/true);
  attention.o_proj = w.linear(names.o, hidden, hidden, /*bias=*/true);
  const std::size_t head_dim = hidden / n_heads;
  attention.spec = {.n_heads = n_heads,
                    .kv_heads = n_heads,
                    .k_dim = head_dim,
                    .v_dim = head_dim,
                    .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim)))};
}

Stack::Layer read_layer(std::size_t i, const StackConfig& s, const BartConfig& c, nn::WeightSource& w) {
  const std::size_t hidden = size(c.d_model);
  const std::string p = s.name + "layers." + std::to_string(i) + ".";
  const bool windowed = s.windows[i] > 0;
  Stack::Layer layer;
  read_attention(windowed ? longformer_names_at(p + "self_attn.") : names_at(p + "self_attn."), hidden, s.n_heads, w,
                 layer.self);
  layer.self.spec.mask = s.decodes ? nn::AttentionSpec::Mask::causal : nn::AttentionSpec::Mask::full;
  layer.self.spec.window = s.windows[i];
  layer.self_norm = w.layer_norm(p + "self_attn_layer_norm", hidden, kEpsilon);
  if (s.decodes) {
    read_attention(names_at(p + "encoder_attn."), hidden, s.n_heads, w, layer.cross);
    layer.cross.spec.mask = nn::AttentionSpec::Mask::cross;
    layer.cross_norm = w.layer_norm(p + "encoder_attn_layer_norm", hidden, kEpsilon);
  }
  layer.mlp.up_proj = w.linear(p + "fc1", s.ffn_dim, hidden, /*bias=*/true);
  layer.mlp.down_proj = w.linear(p + "fc2", hidden, s.ffn_dim, /*bias=*/true);
  layer.mlp.activation = c.activation;
  layer.mlp_norm = w.layer_norm(p + "final_layer_norm", hidden, kEpsilon);
  return layer;
}

std::shared_ptr<const nn::PackedMatrix> read_positions(const StackConfig& s, const BartConfig& c, nn::WeightSource& w) {
  const std::string name = s.name + "embed_positions.weight";
  const std::int64_t rows = s.max_positions + c.kind.position_offset;
  const bool of_fairseq = c.kind.positions == BartKind::Positions::sines_of_fairseq;
  const bool stored = c.kind.positions == BartKind::Positions::learned || (!of_fairseq && w.has(name));
  if (stored) return w.matrix(name, size(rows), size(c.d_model));
  return std::make_shared<const nn::PackedMatrix>(
      nn::pack_matrix(of_fairseq ? sines_of_fairseq(rows, c.d_model) : sines(rows, c.d_model), size(rows),
                      size(c.d_model), kernels::WeightFormat::f32));
}

// Where the embeddings are tied, the same matrix stands under any of these names.
std::array<std::string, 4> tied_names(const BartConfig& c) {
  const std::string prefix(c.kind.prefix);
  return {prefix + "shared", prefix + "encoder.embed_tokens", prefix + "decoder.embed_tokens", "lm_head"};
}

std::string embedding_name(const nn::WeightSource& w, const std::string& name, const BartConfig& c) {
  return c.tied ? stored_embedding(w, name, tied_names(c)) : name;
}

Stack read_stack(const StackConfig& s, const BartConfig& c, nn::WeightSource& w) {
  const std::size_t hidden = size(c.d_model);
  Stack stack;
  stack.norms_after = c.kind.norms_after;
  stack.embed_tokens = w.matrix(embedding_name(w, s.name + "embed_tokens", c) + ".weight", size(c.vocab_size), hidden);
  if (c.scale_embedding) stack.embed_scale = static_cast<float>(std::sqrt(static_cast<double>(hidden)));
  stack.embed_positions = read_positions(s, c, w);
  stack.position_offset = c.kind.position_offset;
  if (c.kind.positions == BartKind::Positions::sines_of_fairseq) {  // padding has none
    stack.unplaced = static_cast<nn::TokenId>(c.kind.position_offset - 1);
    stack.counts_unplaced = s.decodes;
  }
  if (c.kind.embed_norm) stack.embed_norm = w.layer_norm(s.name + "layernorm_embedding", hidden, kEpsilon);
  if (!c.kind.norms_after) stack.final_norm = w.layer_norm(s.name + "layer_norm", hidden, kEpsilon);
  for (std::size_t i = 0; i < s.windows.size(); ++i) stack.layers.push_back(read_layer(i, s, c, w));
  return stack;
}

// The head's bias, final_logits_bias [1, vocab], is a buffer that some checkpoints lack.
nn::Linear read_head(const BartConfig& c, nn::WeightSource& w) {
  const std::string name = embedding_name(w, "lm_head", c);
  nn::Linear head = w.linear(name, size(c.vocab_size), size(c.d_model));
  if (!w.has("final_logits_bias")) return head;
  return {w.matrix(name + ".weight", size(c.vocab_size), size(c.d_model)),
          w.vector("final_logits_bias", size(c.vocab_size), {.planes = 1}),
          head.adapters(),
          {}};
}

}  // namespace

std::unique_ptr<DecoderModel> make_bart_kind(const json::Fields& fields, const BartKind& kind,
                                             nn::WeightSource& weights) {
  const BartConfig c = read_config(fields, kind);
  StackConfig encoder = read_stack_config(fields, "encoder", c);
  StackConfig decoder = read_stack_config(fields, "decoder", c);
  if (kind.windowed) read_windows(fields, encoder, decoder);
  EncoderDecoderParts parts;
  parts.encoder = read_stack(encoder, c, weights);
  parts.decoder = read_stack(decoder, c, weights);
  parts.head = read_head(c, weights);
  parts.shape = {.model_type = fields.need_string("model_type"),
                 .n_layers = std::ssize(decoder.windows),
                 .hidden_size = c.d_model,
                 .n_heads = static_cast<std::int64_t>(decoder.n_heads),
                 .vocab_size = c.vocab_size,
                 .max_positions = decoder.max_positions,
                 .hard_limit = true,
                 .tied_embeddings = c.tied,
                 .encoder_positions = encoder.max_positions};
  for (const std::string& name : tied_names(c)) weights.leave(name + ".weight");
  weights.leave("*.version");
  if (kind.windowed) weights.leave("*_global.*");  // for tokens that see everything, of which there are none
  return make_encoder_decoder(std::move(parts));
}

}  // namespace skald::models
