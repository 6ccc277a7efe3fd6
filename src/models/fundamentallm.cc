// FundamentaLLM: a small decoder over characters, with a table of positions, RMS norms and a plain MLP.
// It generates up to sequence_length positions; weights are named as its own checkpoints name them.
#include <cmath>

#include "models/config.h"
#include "models/registry.h"
#include "nn/blocks.h"
#include "skald/error.h"

namespace skald::models {
namespace {

constexpr float kEpsilon = 1e-6F;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

struct FundamentaConfig {
  std::int64_t vocab_size = 0;
  std::int64_t d_model = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_layers = 0;
  std::int64_t sequence_length = 0;
  std::int64_t ffn_expansion = 0;
  bool sinusoidal = false;
};

FundamentaConfig read_config(const json::Fields& fields) {
  FundamentaConfig c;
  c.vocab_size = fields.need_integer("vocab_size", 1, kMaxVocab);
  const std::string_view width = either_key(fields, "hidden_dim", either_key(fields, "model_dim", "d_model"));
  c.d_model = fields.get_integer(width, 1, kMaxWidth).value_or(128);
  c.num_heads = fields.get_integer("num_heads", 1, kMaxHeads).value_or(2);
  if (c.d_model % c.num_heads != 0)
    fields.fail("num_heads", "must divide d_model, which is " + std::to_string(c.d_model));
  c.num_layers = fields.get_integer("num_layers", 1, kMaxLayers).value_or(6);
  c.sequence_length =
      fields.get_integer(either_key(fields, "max_seq_len", "sequence_length"), 1, kMaxVocab).value_or(256);
  c.ffn_expansion = fields.get_integer("ffn_expansion", 1, 1024).value_or(4);
  const std::string encoding = fields.get_string("pos_encoding").value_or("learned");
  c.sinusoidal = encoding == "sinusoidal";
  if (c.sinusoidal || encoding == "learned") return c;
  throw UnsupportedError(ErrorFields{.file = fields.file(),
                                     .field = fields.name("pos_encoding"),
                                     .value = quoted(encoding),
                                     .rule = "known are learned, sinusoidal"});
}

class FundamentaLlm final : public DecoderModel {
 public:
  FundamentaLlm(const FundamentaConfig& config, nn::WeightSource& w);
  [[nodiscard]] StateLayout state_layout() const override {
    const std::vector<std::int64_t> windows(blocks_.size(), 0);
    return nn::paged_layout(windows, size(config_.num_heads), size(config_.d_model / config_.num_heads));
  }

 private:
  struct Block {
    nn::Norm norm1;
    nn::SelfAttention attention;
    nn::Norm norm2;
    nn::Mlp ffn;
  };

  [[nodiscard]] Block make_block(std::int64_t i, nn::WeightSource& w) const;
  void embed(float* x, nn::Context& context) const override {
    nn::embed_rows(*token_embedding_, x, context);
    nn::add_positions(*positions_, 0, x, context);
  }
  void layer(int i, float* x, const nn::Context& context) const override {
    const Block& block = blocks_[static_cast<std::size_t>(i)];
    block.attention.add_to(x, {.before = &block.norm1}, i, context);
    block.ffn.add_to(x, {.before = &block.norm2}, context);
  }
  [[nodiscard]] const nn::Norm* final_norm() const override { return &output_norm_; }
  [[nodiscard]] const nn::Linear& head() const override { return output_proj_; }

  FundamentaConfig config_;
  std::shared_ptr<const nn::PackedMatrix> token_embedding_, positions_;
  std::vector<Block> blocks_;
  nn::Norm output_norm_;
  nn::Linear output_proj_;
};

FundamentaLlm::FundamentaLlm(const FundamentaConfig& config, nn::WeightSource& w) : config_(config) {
  const FundamentaConfig& c = config_;
  // The two are one tensor, of which a converted checkpoint may have kept either name or both.
  const std::string embedding = w.has("token_embedding.weight") ? "token_embedding" : "output_proj";
  token_embedding_ = w.matrix(embedding + ".weight", size(c.vocab_size), size(c.d_model));
  output_proj_ = w.linear(embedding, size(c.vocab_size), size(c.d_model));
  w.leave("output_proj.weight");
  positions_ = w.matrix(c.sinusoidal ? "positional_encoding.pe" : "positional_encoding.embeddings.weight",
                        size(c.sequence_length), size(c.d_model));
  blocks_.reserve(size(c.num_layers));
  for (std::int64_t i = 0; i < c.num_layers; ++i) blocks_.push_back(make_block(i, w));
  output_norm_ = w.rms_norm("output_norm", size(c.d_model), kEpsilon);
  shape_.model_type = "fundamentallm";
  shape_.n_layers = c.num_layers;
  shape_.n_heads = c.num_heads;
  shape_.hidden_size = c.d_model;
  shape_.vocab_size = c.vocab_size;
  shape_.max_positions = c.sequence_length;
  shape_.hard_limit = true;
  shape_.last_row_predicts = false;  // a text is never longer than what it was trained on
  shape_.tied_embeddings = true;
}

FundamentaLlm::Block FundamentaLlm::make_block(std::int64_t i, nn::WeightSource& w) const {
  const std::string p = "blocks." + std::to_string(i) + ".";
  const std::size_t width = size(config_.d_model);
  const std::size_t inner = width * size(config_.ffn_expansion);
  const std::size_t head_dim = size(config_.d_model / config_.num_heads);
  Block block;
  block.norm1 = w.rms_norm(p + "norm1", width, kEpsilon);
  block.attention.q_proj = w.linear(p + "attention.W_q", width, width, /*bias=*/true);
  block.attention.k_proj = w.linear(p + "attention.W_k", width, width, /*bias=*/true);
  block.attention.v_proj = w.linear(p + "attention.W_v", width, width, /*bias=*/true);
  block.attention.o_proj = w.linear(p + "attention.W_o", width, width, /*bias=*/true);
  block.attention.spec = {.n_heads = size(config_.num_heads),
                          .kv_heads = size(config_.num_heads),
                          .k_dim = head_dim,
                          .v_dim = head_dim,
                          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)))};
  block.norm2 = w.rms_norm(p + "norm2", width, kEpsilon);
  block.ffn.up_proj = w.linear(p + "ffn.linear1", inner, width, /*bias=*/true);
  block.ffn.down_proj = w.linear(p + "ffn.linear2", width, inner, /*bias=*/true);
  block.ffn.activation = kernels::Activation::gelu_erf;
  return block;
}

}  // namespace

std::unique_ptr<DecoderModel> make_fundamentallm(const json::Fields& fields, nn::WeightSource& weights) {
  return std::make_unique<FundamentaLlm>(read_config(fields), weights);
}

}  // namespace skald::models
