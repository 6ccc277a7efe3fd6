#include "text/normalizers/types.h"
#include "text/stage.h"

namespace skald::text {
namespace {

constexpr StageType<Normalizer> kTypes[] = {
    {"NFC", make_as<UnicodeForm<NormalForm::nfc>, Normalizer>},
    {"NFD", make_as<UnicodeForm<NormalForm::nfd>, Normalizer>},
    {"NFKC", make_as<UnicodeForm<NormalForm::nfkc>, Normalizer>},
    {"NFKD", make_as<UnicodeForm<NormalForm::nfkd>, Normalizer>},
    {"Lowercase", make_as<Lowercase, Normalizer>},
    {"Strip", make_as<StripSpaces, Normalizer>},
    {"StripAccents", make_as<StripAccents, Normalizer>},
    {"Replace", make_as<ReplacePattern, Normalizer>},
    {"Prepend", make_as<Prepend, Normalizer>},
    {"ByteLevel", make_as<ByteLevelNormalizer, Normalizer>},
    {"BertNormalizer", make_as<BertNormalizer, Normalizer>},
    {"Nmt", make_as<Nmt, Normalizer>},
    {"Precompiled", make_as<Precompiled, Normalizer>},
    {"PieceNormalizer", make_as<PieceNormalizer, Normalizer>},  // ours: what SentencePiece does
};

}  // namespace

NormalizerChain::NormalizerChain(const json::Fields& fields) {
  append_stages<Normalizer>(fields, "normalizers", kTypes, stages_);
}

Piece NormalizerChain::normalize(const Piece& in, AlignedText (&buffers)[2]) const {
  if (in.text.empty()) return in;
  const std::uint32_t start = in.origin(0, 1).begin;
  Piece piece = in;
  int free = 0;  // the buffer that does not hold `piece`
  for (const auto& stage : stages_) {
    if (piece.text.empty()) break;
    piece.start = start;
    buffers[free].clear();
    buffers[free].reserve(piece.text.size() + piece.text.size() / 8);
    if (!stage->normalize(piece, buffers[free])) continue;
    piece = buffers[free].piece();
    free = 1 - free;
  }
  return piece;
}

}  // namespace skald::text
