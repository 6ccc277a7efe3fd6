#include "models/class_defaults.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace skald::models {
namespace {

struct DecoderStart {
  std::string_view model_type;
  std::int64_t token;
};

// T5's class has none, but all of its checkpoints have the one of its kin.
constexpr std::array<DecoderStart, 9> kDecoderStarts = {{{"bart", 2},
                                                         {"blenderbot", 1},
                                                         {"led", 2},
                                                         {"m2m_100", 2},
                                                         {"marian", 58100},
                                                         {"mt5", 0},
                                                         {"pegasus", 0},
                                                         {"t5", 0},
                                                         {"umt5", 0}}};

}  // namespace

std::int64_t class_decoder_start(const json::Value& config) {
  const json::Value* const type = config.find("model_type");
  if (type == nullptr || !type->is_string() || config.find("decoder_start_token_id") != nullptr) return -1;
  const auto* const found =
      std::ranges::find(kDecoderStarts, std::string_view(type->as_string()), &DecoderStart::model_type);
  return found == kDecoderStarts.end() ? -1 : found->token;
}

}  // namespace skald::models
