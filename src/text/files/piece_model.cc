// SentencePiece's `.model`: a protobuf message. Reference: sentencepiece_model.proto.
#include <algorithm>
#include <cmath>
#include <span>

#include "base/base64.h"
#include "base/bounded_reader.h"
#include "base/utf8.h"
#include "json/fields.h"
#include "skald/error.h"
#include "text/files/vocabulary_files.h"
#include "text/models/pieces.h"
#include "text/vocabulary.h"

namespace skald::text {
namespace {

// One field of a message: a number, or the bytes of a text or message, which lie at `offset` of the file.
struct Field {
  std::uint64_t tag = 0;
  std::uint64_t number = 0;
  std::string_view bytes;
  std::uint64_t offset = 0;
};

std::uint64_t read_varint(BoundedReader& reader) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = reader.read<std::uint8_t>("number");
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  reader.fail("number", {}, "has more than ten bytes: this is no SentencePiece model");
}

Field read_field(BoundedReader& reader) {
  enum WireType : std::uint64_t { varint = 0, fixed64 = 1, text = 2, fixed32 = 5 };
  const std::uint64_t key = read_varint(reader);
  Field field;
  field.tag = key >> 3;
  switch (key & 7) {
    case varint: field.number = read_varint(reader); return field;
    case fixed64: field.number = reader.read<std::uint64_t>("number"); return field;
    case fixed32: field.number = reader.read<std::uint32_t>("number"); return field;
    case text: {
      const std::uint64_t size = read_varint(reader);
      field.offset = reader.offset();
      field.bytes = reader.take_text(size, "text");
      return field;
    }
    default: reader.fail("field", std::to_string(key & 7), "is no wire type: this is no SentencePiece model");
  }
}

// Calls visit(field) for every field of a message.
template <typename Visit>
void for_each_field(const std::string& file, std::string_view message, std::uint64_t offset, Visit visit) {
  BoundedReader reader(file, std::as_bytes(std::span(message)), offset);
  while (reader.remaining() > 0) visit(read_field(reader));
}

struct ModelProto {
  enum Kind : std::uint64_t { unigram = 1, bpe, word, character };

  std::vector<std::string_view> pieces;
  std::vector<double> scores;
  std::vector<PieceType> types;
  std::uint64_t kind = unigram;
  bool byte_fallback = false, space_behind = false;
  std::string_view charsmap;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

class ModelReader {
 public:
  ModelReader(std::string_view bytes, const std::string& path) : path_(path) {
    for_each_field(path, bytes, 0, [&](const Field& field) {
      switch (field.tag) {
        case 1: read_piece(field); break;
        case 2: read_trainer(field); break;
        case 3: read_normalizer(field); break;
        default: break;
      }
    });
    check();
  }

  ModelProto model;

 private:
  [[noreturn]] void fail(std::string field, std::string value, std::string rule) const {
    throw FormatError({.file = path_, .field = std::move(field), .value = std::move(value), .rule = std::move(rule)});
  }
  [[nodiscard]] std::string piece_name() const { return "piece " + std::to_string(model.pieces.size()); }

  void read_piece(const Field& message) {
    std::string_view piece;
    float score = 0;
    std::uint64_t type = 1;
    for_each_field(path_, message.bytes, message.offset, [&](const Field& field) {
      if (field.tag == 1) piece = field.bytes;
      if (field.tag == 2) score = std::bit_cast<float>(static_cast<std::uint32_t>(field.number));
      if (field.tag == 3) type = field.number;
    });
    if (model.pieces.size() == static_cast<std::size_t>(kMaxTokenId)) {
      throw LimitError({.file = path_, .field = piece_name(), .value = {}, .rule = "there are too many pieces"});
    }
    if (piece.empty()) fail(piece_name(), {}, "must not be empty");
    if (first_invalid_utf8(piece) != piece.size()) fail(piece_name(), quoted(piece), "is not UTF-8");
    if (!std::isfinite(score)) fail(piece_name(), std::to_string(score), "its score must be finite");
    if (type < 1 || type > 6) fail(piece_name(), std::to_string(type), "is no type of a piece");
    model.pieces.push_back(piece);
    model.scores.push_back(score);
    model.types.push_back(static_cast<PieceType>(type));
  }

  void read_trainer(const Field& message) {
    for_each_field(path_, message.bytes, message.offset, [&](const Field& field) {
      if (field.tag == 3) model.kind = field.number;
      if (field.tag == 24) model.space_behind = field.number != 0;
      if (field.tag == 35) model.byte_fallback = field.number != 0;
    });
  }

  void read_normalizer(const Field& message) {
    for_each_field(path_, message.bytes, message.offset, [&](const Field& field) {
      if (field.tag == 2) model.charsmap = field.bytes;
      if (field.tag == 3) model.add_dummy_prefix = field.number != 0;
      if (field.tag == 4) model.remove_extra_whitespaces = field.number != 0;
      if (field.tag == 5) model.escape_whitespaces = field.number != 0;
    });
  }

  void check() const {
    if (model.pieces.empty()) fail("pieces", {}, "there are none: this is no SentencePiece model");
    const auto unknown = std::ranges::count(model.types, PieceType::unknown);
    if (unknown != 1) fail("pieces", std::to_string(unknown) + " unknown pieces", "there must be one");
    if (model.byte_fallback && std::ranges::count(model.types, PieceType::byte) != 256) {
      fail("byte_fallback", {}, "there must be 256 byte pieces");
    }
    if (model.kind == ModelProto::word || model.kind < 1 || model.kind > 4) {
      throw UnsupportedError({.file = path_,
                              .field = "trainer_spec.model_type",
                              .value = std::to_string(model.kind),
                              .rule = "known are 1 (unigram), 2 (BPE) and 4 (char)"});
    }
    std::vector<std::string_view> sorted = model.pieces;
    std::ranges::sort(sorted);
    const auto twice = std::ranges::adjacent_find(sorted);
    if (twice != sorted.end()) fail("pieces", quoted(*twice), "is there twice");
  }

  const std::string& path_;
};

// Tokenizers that number the pieces of their `.model` otherwise, in code of their own.
void refuse_renumbered(const FolderSettings& settings, const std::string& path) {
  static constexpr std::string_view kClasses[] = {
      "BarthezTokenizer",    "CamembertTokenizer",   "M2M100Tokenizer",       "MBart50Tokenizer",
      "MBartTokenizer",      "MarianTokenizer",      "NllbTokenizer",         "PLBartTokenizer",
      "PegasusTokenizer",    "SeamlessM4TTokenizer", "XGLMTokenizer",         "XLNetTokenizer",
      "XLMRobertaTokenizer", "Speech2TextTokenizer", "XLMProphetNetTokenizer"};
  const std::string name = settings.tokenizer_class();
  if (std::ranges::find(kClasses, name) == std::end(kClasses)) return;
  throw UnsupportedError({.file = path,
                          .field = "tokenizer_class",
                          .value = quoted(name),
                          .rule = "gives the pieces other ids than this file: a tokenizer.json is needed"});
}

json::Value replace(std::string from, std::string to) {
  return json::Object{
      {"type", "Replace"}, {"pattern", json::Object{{"String", std::move(from)}}}, {"content", std::move(to)}};
}

json::Value decoder(const ModelProto& model) {
  json::Array stages;
  stages.push_back(replace("\u2581", " "));
  if (model.byte_fallback) stages.emplace_back(json::Object{{"type", "ByteFallback"}});
  stages.emplace_back(json::Object{{"type", "Fuse"}});
  // Where spaces are never doubled, none is left at the beginning.
  const int dropped = model.remove_extra_whitespaces ? 1 << 20 : model.add_dummy_prefix ? 1 : 0;
  stages.emplace_back(json::Object{{"type", "Strip"}, {"content", " "}, {"start", dropped}, {"stop", 0}});
  return json::Object{{"type", "Sequence"}, {"decoders", std::move(stages)}};
}

json::Value normalizer(const ModelProto& model) {
  json::Array of_user;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.types[i] == PieceType::user_defined) of_user.emplace_back(std::string(model.pieces[i]));
  }
  return json::Object{{"type", "PieceNormalizer"},
                      {"precompiled_charsmap", encode_base64(model.charsmap)},
                      {"add_dummy_prefix", model.add_dummy_prefix},
                      {"remove_extra_whitespaces", model.remove_extra_whitespaces},
                      {"escape_whitespaces", model.escape_whitespaces},
                      {"treat_whitespace_as_suffix", model.space_behind},
                      {"user_defined", std::move(of_user)}};
}

json::Value model_json(const ModelProto& model) {
  json::Array vocabulary, types;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    vocabulary.emplace_back(json::Array{json::Value(std::string(model.pieces[i])), json::Value(model.scores[i])});
    types.emplace_back(static_cast<std::int64_t>(model.types[i]));
  }
  const auto unknown = std::ranges::find(model.types, PieceType::unknown) - model.types.begin();
  return json::Object{{"type", model.kind == ModelProto::unigram ? "Unigram" : "PieceBPE"},
                      {"vocab", std::move(vocabulary)},
                      {"piece_types", std::move(types)},
                      {"unk_id", static_cast<std::int64_t>(unknown)},
                      {"byte_fallback", model.byte_fallback},
                      {"merge", model.kind == ModelProto::bpe}};
}

// The token of a role: as tokenizer_config.json has it, else the control piece of the usual name.
std::optional<FrameToken> find_role(const ModelProto& model, const FolderSettings& settings, const char* role,
                                    std::string_view usual) {
  const std::string name = settings.token(role).value_or(std::string(usual));
  const auto found = std::ranges::find(model.pieces, std::string_view(name));
  if (found == model.pieces.end()) return std::nullopt;
  return FrameToken{name, found - model.pieces.begin()};
}

// BPE models (of Llama's kind) begin with bos, unigram models (of T5's kind) end with eos, unless the folder says
// otherwise; some classes have a frame of BERT's kind.
json::Value frame_of(const ModelProto& model, const FolderSettings& settings) {
  static constexpr std::string_view kFramed[] = {"AlbertTokenizer", "BigBirdTokenizer", "DebertaV2Tokenizer",
                                                 "FNetTokenizer", "RemBertTokenizer"};
  const bool framed = std::ranges::find(kFramed, settings.tokenizer_class()) != std::end(kFramed);
  const bool is_unigram = model.kind == ModelProto::unigram;
  const auto first =
      framed ? find_role(model, settings, "cls_token", "[CLS]") : find_role(model, settings, "bos_token", "<s>");
  const auto last =
      framed ? find_role(model, settings, "sep_token", "[SEP]") : find_role(model, settings, "eos_token", "</s>");
  std::vector<FrameToken> before, after;
  if (first && settings.flag("add_bos_token").value_or(framed || !is_unigram)) before.push_back(*first);
  if (last && settings.flag("add_eos_token").value_or(framed || is_unigram)) after.push_back(*last);
  return frame(before, after);
}

}  // namespace

VocabularyFile read_piece_model(std::string_view bytes, const std::string& path, const FolderSettings& settings) {
  refuse_renumbered(settings, path);
  const ModelProto model = ModelReader(bytes, path).model;
  json::Array added;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.types[i] != PieceType::control) continue;
    added.emplace_back(json::Object{{"id", static_cast<std::int64_t>(i)},
                                    {"content", std::string(model.pieces[i])},
                                    {"normalized", false},
                                    {"special", true}});
  }
  const auto bos = find_role(model, settings, "bos_token", "<s>");
  const auto eos = find_role(model, settings, "eos_token", "</s>");
  VocabularyFile out{.path = path,
                     .tokenizer = json::Object{{"normalizer", normalizer(model)},
                                               {"model", model_json(model)},
                                               {"decoder", decoder(model)},
                                               {"added_tokens", std::move(added)},
                                               {"post_processor", frame_of(model, settings)}}};
  json::Object roles;
  const auto unknown = std::ranges::find(model.types, PieceType::unknown) - model.types.begin();
  roles.push_back({"unk_token", std::string(model.pieces[static_cast<std::size_t>(unknown)])});
  if (bos) roles.push_back({"bos_token", bos->token});
  if (eos) roles.push_back({"eos_token", eos->token});
  if (const auto pad = find_role(model, settings, "pad_token", "<pad>")) roles.push_back({"pad_token", pad->token});
  out.roles = std::move(roles);
  return out;
}

}  // namespace skald::text
