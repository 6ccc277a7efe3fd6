#include "text/tokenizer.h"

#include <filesystem>

#include "base/file.h"
#include "base/utf8.h"
#include "skald/error.h"
#include "text/char_level.h"
#include "text/files/vocabulary_files.h"
#include "text/lossy_utf8.h"
#include "text/parts.h"
#include "text/roles.h"

namespace skald::text {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;
constexpr json::Limits kFileLimits = {.bytes = 256U << 20, .depth = 128, .nodes = 1U << 22};

// Writes `text` to `out` with every ill-formed part as U+FFFD.
void make_valid(std::string_view text, AlignedText& out) {
  out.clear();
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const std::size_t good = first_invalid_utf8(rest);
    out.append({text.substr(0, at + good), nullptr, 0}, at, at + good);
    at += good;
    if (at == text.size()) break;
    const std::size_t bad = ill_formed_length(text.substr(at));
    out.append(kReplacement, {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + bad)});
    at += bad;
  }
}

/// One call of encode().
class Encoder {
 public:
  Encoder(const Tokenizer::Parts& parts, const EncodeOptions& options)
      : parts_(parts),
        parse_special_(options.parse_special && parts.special_in_text),
        reads_(options.reads),
        scratch_(parts.scratch.take(*parts.model)),
        out_(scratch_.out) {
    scratch_.model->plain = !options.parse_special || options.reads != nullptr;
    out_.ids.clear();
    out_.offsets.clear();
    out_.has_offsets = options.offsets;
  }
  ~Encoder() { parts_.scratch.give_back(std::move(scratch_)); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  /// The tokens of `text`, as long as this object is there.
  Encoding& encode(std::string_view text) {
    if (first_invalid_utf8(text) == text.size()) {
      encode(Piece{text});
    } else {
      make_valid(text, scratch_.valid);
      encode(scratch_.valid.piece());
    }
    return out_;
  }

 private:
  void encode(const Piece& text) {
    const auto visit = [&](std::size_t begin, std::size_t end, const AddedToken* token) {
      const Piece piece = text.slice(begin, end);
      token != nullptr ? put(piece, token->id) : encode_text(piece);
    };
    parts_.raw_finder.split(text.text, ReadsIn{*this, text}, visit);
  }

  using Reads = std::function<bool(const AddedToken&, ByteRange)>;
  /// Which added tokens in `text` are read as such.
  struct ReadsIn {
    const Encoder& encoder;
    const Piece& text;
    bool operator()(std::size_t begin, std::size_t end, const AddedToken& token) const {
      if (token.special && !encoder.parse_special_) return false;
      return !encoder.reads_ || encoder.reads_(token, text.origin(begin, end));
    }
  };

  void encode_text(const Piece& text) {
    const Piece normal = parts_.normalizer.normalize(text, scratch_.normal);
    const auto visit = [&](std::size_t begin, std::size_t end, const AddedToken* token) {
      const Piece piece = normal.slice(begin, end);
      token != nullptr ? put(piece, token->id) : parts_.pre_tokenizer.split(piece, scratch_.cut, word_sink_);
    };
    parts_.normalized_finder.split(normal.text, ReadsIn{*this, normal}, visit);
  }

  void put(const Piece& piece, TokenId id) {
    out_.ids.push_back(id);
    if (out_.has_offsets) out_.offsets.push_back(piece.text.empty() ? ByteRange{} : piece.origin(0, piece.text.size()));
  }

  void put_word(const Piece& word) {
    std::vector<WordToken>& tokens = scratch_.tokens;
    tokens.clear();
    parts_.model->tokenize(word.text, *scratch_.model, tokens);
    for (const WordToken& token : tokens) out_.ids.push_back(token.id);
    if (!out_.has_offsets) return;
    for (const WordToken& token : tokens) out_.offsets.push_back(word.origin(token.begin, token.end));
  }

  const Tokenizer::Parts& parts_;
  bool parse_special_;
  const Reads& reads_;
  EncodeScratch scratch_;
  Encoding& out_;
  struct WordSink {
    Encoder* encoder;
    void operator()(const Piece& word) const { encoder->put_word(word); }
  } word_sink_{this};
};

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_json(const json::Value& json, const std::string& file) { return from_json(json, file, {}); }

Tokenizer Tokenizer::from_json(const json::Value& json, const std::string& file, const TokenSettings& settings) {
  if (!is_char_level(json)) return Tokenizer(std::make_unique<Parts>(json, file, settings));
  auto parts = std::make_unique<Parts>(as_tokenizer_json(json, file), file, settings);
  parts->special_in_text = false;  // these know characters only
  return Tokenizer(std::move(parts));
}

Tokenizer Tokenizer::load(const std::string& folder) {
  require_folder(folder);
  const std::string file = (std::filesystem::path(folder) / "tokenizer.json").string();
  if (!std::filesystem::exists(file)) {
    if (const auto found = read_vocabulary_file(folder)) {
      return from_json(found->tokenizer, found->path, read_token_settings(folder, found->roles));
    }
  }
  const json::Value json = json::parse_file(file, kFileLimits);
  return from_json(json, file, read_token_settings(folder));
}

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (text.size() > kMaxTextBytes) {
    throw LimitError(ErrorFields{.file = "text",
                                 .field = {},
                                 .value = std::to_string(text.size()) + " bytes",
                                 .rule = "at most " + std::to_string(kMaxTextBytes) + " bytes are encoded at once"});
  }
  Encoder encoder(*parts_, options);
  Encoding& out = encoder.encode(text);
  if (options.file_lengths && parts_->truncation) {
    truncate(*parts_->truncation, options.add_special_tokens ? parts_->post_processor.added_count() : 0, out);
  }
  parts_->post_processor.process(text, *parts_, options.add_special_tokens, out);
  if (options.file_lengths && parts_->padding) pad(*parts_->padding, out);
  return out;  // a copy, as large as it has to be
}

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  TokenId id = parts_->added_ids.find(token);
  if (id < 0) id = parts_->model->vocabulary().find(token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string_view Tokenizer::id_to_token(TokenId id) const { return parts_->spelling(id); }
std::string Tokenizer::token_bytes(TokenId id) const { return parts_->decoder.token_bytes(parts_->spelling(id)); }
const TokenBytes& Tokenizer::bytes() const {
  std::call_once(parts_->bytes_once, [this] { parts_->bytes.emplace(*this); });
  return *parts_->bytes;
}
std::size_t Tokenizer::vocab_size() const { return parts_->size; }
TokenId Tokenizer::id_limit() const { return parts_->limit; }
bool Tokenizer::is_special(TokenId id) const { return parts_->is_special(id); }
std::span<const AddedToken> Tokenizer::added_tokens() const { return parts_->added; }
const SpecialTokens& Tokenizer::special_tokens() const { return parts_->roles; }

}  // namespace skald::text
