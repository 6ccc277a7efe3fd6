// What a Tokenizer is made of.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/lengths.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/roles.h"
#include "text/token_bytes.h"
#include "text/tokenizer.h"

namespace skald::text {

/// Buffers of one call of encode().
struct EncodeScratch {
  std::unique_ptr<Model::Scratch> model;
  AlignedText valid, normal[2];
  std::vector<AlignedText> cut;   // [pre-tokenizers]
  std::vector<WordToken> tokens;  // of a word
  Encoding out;

  [[nodiscard]] std::size_t bytes() const {
    std::size_t in_cut = 0;
    for (const AlignedText& text : cut) in_cut += text.bytes();
    return in_cut + model->bytes() + valid.bytes() + normal[0].bytes() + normal[1].bytes() +
           tokens.capacity() * sizeof(WordToken) + out.ids.capacity() * sizeof(TokenId) +
           out.offsets.capacity() * sizeof(ByteRange);
  }
};

/// Those that are not in use, so that threads neither share nor rebuild them, and texts of some MiB do not begin with
/// fresh pages, which cost more than the work itself.
class ScratchPool {
 public:
  EncodeScratch take(const Model& model);
  void give_back(EncodeScratch scratch);

 private:
  static constexpr std::size_t kKept = 8;
  static constexpr std::size_t kKeptBytes = std::size_t{256} << 20;  // of all together
  std::mutex mutex_;
  std::size_t bytes_ = 0;  // of those in free_
  std::vector<EncodeScratch> free_;
};

struct Tokenizer::Parts final : TokenLookup {
  Parts(const json::Value& json, const std::string& file, const TokenSettings& settings);

  [[nodiscard]] bool is_token(TokenId id) const override { return !spelling(id).empty(); }
  [[nodiscard]] bool is_added(TokenId id) const override { return added_by_id(id) != nullptr; }
  /// As decode() sees it: an added token that is looked for in normalised text has its normalised form.
  [[nodiscard]] std::string_view id_to_token(TokenId id) const override { return spelling(id); }
  [[nodiscard]] std::string_view spelling(TokenId id) const;
  [[nodiscard]] const AddedToken* added_by_id(TokenId id) const;
  [[nodiscard]] bool is_special(TokenId id) const {
    return id >= 0 && static_cast<std::size_t>(id) < special.size() && special[static_cast<std::size_t>(id)];
  }

  std::unique_ptr<Model> model;
  NormalizerChain normalizer;
  PreTokenizerChain pre_tokenizer;
  PostProcessorChain post_processor;
  DecoderChain decoder;
  std::vector<AddedToken> added;             // by ascending id
  std::vector<std::string> added_spellings;  // of each: its content, normalised where it is looked for so
  StringMap added_ids;                       // by content
  AddedTokenFinder raw_finder, normalized_finder;
  std::vector<bool> special;    // by id
  bool special_in_text = true;  // whether the text of a special token may be read as the token
  std::size_t size = 0;         // number of tokens
  TokenId limit = 0;            // one past the largest id
  SpecialTokens roles;
  std::optional<Truncation> truncation;
  std::optional<Padding> padding;
  mutable ScratchPool scratch;
  std::once_flag bytes_once;
  std::optional<TokenBytes> bytes;  // set by the first that asks

 private:
  void read_added_tokens(const json::Fields& fields, const TokenSettings& settings);
  void apply(const TokenSettings& settings, FlatMap<std::uint32_t>& places);
  void add_token(const json::Fields& fields, AddedToken token);
  void make_finders();
};

}  // namespace skald::text
