// BART: an encoder-decoder with learned positions, biases everywhere and the norms after the blocks. Its kin differ in
// where norms stand and how positions are told:
//   mbart, blenderbot: norms before the blocks and one behind the last
//   pegasus, m2m_100:  so too, positions by sines and cosines
//   marian:            norms after the blocks, positions by sines and cosines
//   led:               as BART, but that the encoder sees through windows: long inputs
// Reference: transformers/models/{bart,led,mbart,blenderbot,pegasus,m2m_100,marian}/modeling_*.py
#include "models/bart_parts.h"
#include "models/config.h"
#include "models/registry.h"

namespace skald::models {

std::unique_ptr<DecoderModel> make_bart(const json::Fields& fields, nn::WeightSource& weights) {
  return make_bart_kind(fields, {.norms_after = true, .embed_norm = true, .position_offset = 2}, weights);
}

std::unique_ptr<DecoderModel> make_led(const json::Fields& fields, nn::WeightSource& weights) {
  return make_bart_kind(fields, {.prefix = "led.", .norms_after = true, .embed_norm = true, .windowed = true}, weights);
}

std::unique_ptr<DecoderModel> make_mbart(const json::Fields& fields, nn::WeightSource& weights) {
  return make_bart_kind(fields, {.embed_norm = true, .position_offset = 2}, weights);
}

std::unique_ptr<DecoderModel> make_blenderbot(const json::Fields& fields, nn::WeightSource& weights) {
  return make_bart_kind(fields, {.max_positions = 128}, weights);
}

std::unique_ptr<DecoderModel> make_pegasus(const json::Fields& fields, nn::WeightSource& weights) {
  return make_bart_kind(fields, {.positions = BartKind::Positions::sines}, weights);
}

std::unique_ptr<DecoderModel> make_marian(const json::Fields& fields, nn::WeightSource& weights) {
  if (!fields.get_bool("share_encoder_decoder_embeddings").value_or(true)) {
    fields.fail("share_encoder_decoder_embeddings", "must be true: one vocabulary for both sides");
  }
  return make_bart_kind(fields, {.norms_after = true, .positions = BartKind::Positions::sines}, weights);
}

// The table begins with the row of the padding token's own position.
std::unique_ptr<DecoderModel> make_m2m_100(const json::Fields& fields, nn::WeightSource& weights) {
  const std::int64_t padding = fields.get_integer("pad_token_id", 0, kMaxVocab).value_or(1);
  return make_bart_kind(fields,
                        {.positions = BartKind::Positions::sines_of_fairseq,
                         .position_offset = padding + 1,
                         .activation = "relu",
                         .scale_embedding = true},
                        weights);
}

}  // namespace skald::models
