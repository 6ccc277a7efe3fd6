#include "text/pre_tokenizers/types.h"
#include "text/stage.h"

namespace skald::text {
namespace {

constexpr StageType<PreTokenizer> kTypes[] = {
    {"ByteLevel", make_as<ByteLevel, PreTokenizer>},
    {"Split", make_as<Split, PreTokenizer>},
    {"Metaspace", make_as<Metaspace, PreTokenizer>},
    {"Digits", make_as<Digits, PreTokenizer>},
    {"Punctuation", make_as<PunctuationSplit, PreTokenizer>},
    {"Whitespace", make_as<Whitespace, PreTokenizer>},
    {"WhitespaceSplit", make_as<WhitespaceSplit, PreTokenizer>},
    {"BertPreTokenizer", make_as<BertPreTokenizer, PreTokenizer>},
    {"CharDelimiterSplit", make_as<CharDelimiterSplit, PreTokenizer>},
    {"FixedLength", make_as<FixedLength, PreTokenizer>},
    {"UnicodeScripts", make_as<UnicodeScripts, PreTokenizer>},
};

}  // namespace

PreTokenizerChain::PreTokenizerChain(const json::Fields& fields) {
  append_stages<PreTokenizer>(fields, "pretokenizers", kTypes, stages_);
}

void PreTokenizerChain::split(const Piece& piece, std::vector<AlignedText>& buffers, PieceSink out) const {
  buffers.resize(stages_.size());
  split_from(0, piece, buffers, out);
}

void PreTokenizerChain::split_from(std::size_t stage, const Piece& piece, std::vector<AlignedText>& buffers,
                                   PieceSink out) const {
  if (piece.text.empty()) return;
  if (stage == stages_.size()) return out(piece);
  stages_[stage]->split(piece, buffers[stage], [&](const Piece& part) { split_from(stage + 1, part, buffers, out); });
}

}  // namespace skald::text
