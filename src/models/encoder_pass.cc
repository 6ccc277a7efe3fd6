#include "models/encoder_pass.h"

#include <limits>
#include <string>

#include "nn/blocks.h"
#include "skald/error.h"

namespace skald::models {

EncoderPass::EncoderPass(const Encoder& encoder, kernels::KvType kv_type)
    : encoder_(encoder),
      state_(encoder.state_layout(),
             {.kv_type = kv_type, .budget_bytes = std::numeric_limits<std::size_t>::max() / 2}) {}

void EncoderPass::add(const EncoderInput& input, std::int64_t vocab_size) {
  const auto length = static_cast<std::int64_t>(input.tokens.size());
  if (length == 0) throw UsageError("encoder: an input has no tokens");
  if (encoder_.max_positions() > 0 && length > encoder_.max_positions()) {
    throw LimitError(ErrorFields{.field = "encoder input",
                                 .value = std::to_string(length) + " tokens",
                                 .rule = "the encoder has " + std::to_string(encoder_.max_positions()) + " positions"});
  }
  const nn::SequenceId sequence = state_.create();
  for (std::int64_t i = 0; i < length; ++i) {
    const nn::TokenId token = input.tokens[static_cast<std::size_t>(i)];
    if (token < 0 || token >= vocab_size) {
      throw UsageError("encoder: token " + std::to_string(token) + " is not in [0, " + std::to_string(vocab_size) +
                       ")");
    }
    batch_.rows.push_back({.sequence = sequence,
                           .position = i,
                           .rope_length = length,
                           .token = token,
                           .adapter = input.adapter,
                           .adapter_scale = input.adapter_scale});
  }
  if (!state_.reserve(sequence, length)) throw LimitError("the memory for an encoder pass is full");
  targets_.push_back(input.sequence);
}

float* EncoderPass::run(nn::Context& context, ThreadPool& pool, nn::Workspace& work,
                        const std::function<bool()>& cancelled) {
  context.begin(batch_, state_, pool, work);
  float* const x = work.hidden.ensure(batch_.rows.size() * encoder_.hidden_size());
  encoder_.embed(x, context);
  for (int i = 0; i < encoder_.n_layers(); ++i) {
    if (cancelled && cancelled()) return nullptr;
    encoder_.layer(i, x, context);
  }
  if (encoder_.final_norm() != nullptr) nn::normalize_rows(*encoder_.final_norm(), x, context);
  return x;
}

}  // namespace skald::models
