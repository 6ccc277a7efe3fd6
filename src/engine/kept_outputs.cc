#include "engine/kept_outputs.h"

#include <string>

#include "skald/error.h"

namespace skald::engine {
namespace {

constexpr double kMostBytes = 4.0 * (1 << 30);  // of one prompt's completions together
constexpr double kMiB = 1 << 20;

[[noreturn]] void refuse(std::string_view option, std::string rule) {
  throw OptionError({.field = std::string(option), .value = {}, .rule = std::move(rule)});
}

}  // namespace

void check_outputs(const decode::SamplingRequest& request, const models::ModelShape& shape) {
  const GenerationConfig& config = request.config;
  if (config.output_attentions.value_or(false) && (shape.n_heads == 0 || shape.encodes)) {
    refuse("output_attentions", shape.encodes ? "is for models without an encoder" : "the model has no attention");
  }
  if (config.prompt_logprobs && shape.encodes) {
    refuse("prompt_logprobs", "is for models without an encoder: they do not predict their prompt");
  }
  const auto n = static_cast<double>(config.num_return_sequences.value_or(1));
  const auto steps = static_cast<double>(request.stops.max_new_tokens);
  const auto rows = static_cast<double>(request.prompt.size()) + steps;
  const auto layers = static_cast<double>(shape.n_layers);
  const auto check = [n](const char* option, bool given, double numbers) {
    const double bytes = n * numbers * sizeof(float);
    if (!given || bytes <= kMostBytes) return;
    refuse(option, "would keep up to " + std::to_string(static_cast<std::int64_t>(bytes / kMiB)) + " MiB, and " +
                       std::to_string(static_cast<std::int64_t>(kMostBytes / kMiB)) +
                       " MiB is the most: ask for fewer tokens (max_new_tokens) or sequences");
  };
  check("output_scores", config.output_scores.value_or(false), steps * static_cast<double>(shape.vocab_size));
  check("output_logits", config.output_logits.value_or(false), steps * static_cast<double>(shape.vocab_size));
  check("output_hidden_states", config.output_hidden_states.value_or(false),
        rows * (layers + 1) * static_cast<double>(shape.hidden_size));
  check("output_attentions", config.output_attentions.value_or(false),
        rows * rows / 2 * layers * static_cast<double>(shape.n_heads));
}

}  // namespace skald::engine
