#include "text/decoders/types.h"
#include "text/stage.h"

namespace skald::text {
namespace {

constexpr StageType<Decoder> kTypes[] = {
    {"ByteLevel", make_as<ByteLevelDecoder, Decoder>},
    {"ByteFallback", make_as<ByteFallbackDecoder, Decoder>},
    {"Metaspace", make_as<MetaspaceDecoder, Decoder>},
    {"Fuse", make_as<Fuse, Decoder>},
    {"Replace", make_as<ReplaceDecoder, Decoder>},
    {"Strip", make_as<StripDecoder, Decoder>},
    {"BPEDecoder", make_as<BpeDecoder, Decoder>},
    {"WordPiece", make_as<WordPieceDecoder, Decoder>},
    {"CTC", make_as<CtcDecoder, Decoder>},
    {"RWKV", make_as<RwkvDecoder, Decoder>},
};

}  // namespace

DecoderChain::DecoderChain() { stages_.push_back(std::make_unique<SpaceBetween>()); }

DecoderChain::DecoderChain(const json::Fields& fields) { append_stages<Decoder>(fields, "decoders", kTypes, stages_); }

std::string DecoderChain::token_bytes(std::string_view token) const {
  std::string bytes(token);
  for (const auto& stage : stages_) {
    bytes = stage->token_bytes(std::move(bytes));
    if (stage->joins_tokens()) break;  // what follows works on the ends of the whole text
  }
  return bytes;
}

DecoderChain::Stream::Stream(const Stream& other) {
  for (const auto& stage : other.stages_) stages_.push_back(stage->clone());
}

DecoderChain::Stream::Stream(const DecoderChain& chain) {
  for (const auto& stage : chain.stages_) stages_.push_back(stage->start());
}

void DecoderChain::Stream::push(std::string_view token, std::string& out) { push_from(0, token, /*ends=*/true, out); }

void DecoderChain::Stream::push_from(std::size_t stage, std::string_view part, bool ends, std::string& out) {
  if (stage == stages_.size()) {
    out += part;
    return;
  }
  stages_[stage]->push(part, ends, [&](std::string_view text, bool end) { push_from(stage + 1, text, end, out); });
}

void DecoderChain::Stream::finish(std::string& out) {
  for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
    stages_[stage]->finish([&](std::string_view text, bool end) { push_from(stage + 1, text, end, out); });
  }
}

}  // namespace skald::text
