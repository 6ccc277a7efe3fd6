#include "text/models/bpe.h"
#include "text/models/piece_bpe.h"
#include "text/models/rwkv.h"
#include "text/models/unigram.h"
#include "text/models/word_level.h"
#include "text/models/wordpiece.h"
#include "text/stage.h"

namespace skald::text {
namespace {

// The last two are ours: what vocabularies of SentencePiece and RWKV are read into.
constexpr StageType<Model> kTypes[] = {
    {"BPE", make_as<Bpe, Model>},
    {"Unigram", make_as<Unigram, Model>},
    {"WordPiece", make_as<WordPiece, Model>},
    {"WordLevel", make_as<WordLevel, Model>},
    {"PieceBPE", make_as<PieceBpe, Model>},
    {"RWKV", make_as<Rwkv, Model>},
};

// Files from before models had a type.
std::unique_ptr<Model> make_untyped(const json::Fields& fields) {
  if (fields.has("merges")) return std::make_unique<Bpe>(fields);
  const json::Value* const vocabulary = fields.find("vocab");
  if (vocabulary != nullptr && vocabulary->is_array()) return std::make_unique<Unigram>(fields);
  if (fields.has("continuing_subword_prefix")) return std::make_unique<WordPiece>(fields);
  return std::make_unique<WordLevel>(fields);
}

}  // namespace

std::unique_ptr<Model> make_model(const json::Fields& fields) {
  return fields.has("type") ? make_stage<Model>(fields, kTypes) : make_untyped(fields);
}

}  // namespace skald::text
