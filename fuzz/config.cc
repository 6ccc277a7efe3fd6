// Any bytes as config.json and as generation_config.json. A config that is accepted gives rotary frequencies in range.
#include "models/config.h"

#include <cmath>

#include "decode/options.h"
#include "support.h"

namespace {

using namespace skald;

void read_config(const json::Value& root) {
  const json::Fields fields(root, "config.json");
  (void)models::read_window(fields);
  const models::DecoderConfig config = models::read_decoder_config(fields, {.max_positions = 2048});
  if (config.n_layers <= 1024) (void)models::read_windows_by_layer(fields, config.n_layers);
  if (config.head_dim > 4096) return;
  for (const std::int64_t length : {std::int64_t{1}, config.max_positions, 2 * config.max_positions}) {
    for (const float frequency : nn::rope_frequencies(config.rope, length)) fuzz::require(std::isfinite(frequency));
  }
  fuzz::require(std::isfinite(nn::rope_attention_scaling(config.rope)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(fuzz::as_text(data, size));
  json::Value root;
  fuzz::expect_clean_errors([&] { root = json::parse_file(file.path(), {.nodes = 10000}); });
  fuzz::expect_clean_errors([&] { read_config(root); });
  fuzz::expect_clean_errors([&] { (void)decode::read_legacy_settings(root, "config.json"); });
  for (const auto unknown : {decode::UnknownFields::refuse, decode::UnknownFields::notice}) {
    fuzz::expect_clean_errors([&] { (void)decode::read_generation_config(root, "generation_config.json", unknown); });
  }
  return 0;
}
