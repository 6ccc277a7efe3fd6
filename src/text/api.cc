// The public face, include/skald/tokenizer.h, on text::Tokenizer; load() is in src/engine.
#include "skald/tokenizer.h"
#include "text/access.h"
#include "text/tokenizer.h"

namespace skald {

struct Tokenizer::Impl {
  text::Tokenizer tokenizer;
};

const text::Tokenizer& TokenizerAccess::parts_of(const Tokenizer& tokenizer) { return tokenizer.impl_->tokenizer; }

Tokenizer TokenizerAccess::wrap(text::Tokenizer tokenizer) {
  return Tokenizer(std::make_shared<const Tokenizer::Impl>(Tokenizer::Impl{std::move(tokenizer)}));
}

namespace {

text::Encoding encode_with(const text::Tokenizer& tokenizer, std::string_view text, const TokenizeOptions& options,
                           bool offsets) {
  return tokenizer.encode(text, {.add_special_tokens = options.add_special_tokens,
                                 .parse_special = options.parse_special,
                                 .offsets = offsets,
                                 .file_lengths = options.file_lengths});
}

}  // namespace

TokenizedText Tokenizer::encode(std::string_view text, const TokenizeOptions& options) const {
  text::Encoding encoding = encode_with(impl_->tokenizer, text, options, /*offsets=*/true);
  TokenizedText out;
  out.ids = std::move(encoding.ids);
  out.tokens.reserve(out.ids.size());
  for (const std::int32_t id : out.ids) out.tokens.emplace_back(impl_->tokenizer.id_to_token(id));
  out.offsets.reserve(out.ids.size());
  for (const text::ByteRange range : encoding.offsets) out.offsets.emplace_back(range.begin, range.end);
  return out;
}

std::vector<std::int32_t> Tokenizer::encode_ids(std::string_view text, const TokenizeOptions& options) const {
  return encode_with(impl_->tokenizer, text, options, /*offsets=*/false).ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special_tokens) const {
  return impl_->tokenizer.decode(ids, skip_special_tokens);
}

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  return impl_->tokenizer.token_to_id(token);
}
std::string Tokenizer::id_to_token(std::int32_t id) const { return std::string(impl_->tokenizer.id_to_token(id)); }
std::size_t Tokenizer::vocab_size() const { return impl_->tokenizer.vocab_size(); }
bool Tokenizer::is_special(std::int32_t id) const { return impl_->tokenizer.is_special(id); }
std::optional<std::int32_t> Tokenizer::bos_id() const { return impl_->tokenizer.special_tokens().bos; }
std::optional<std::int32_t> Tokenizer::eos_id() const { return impl_->tokenizer.special_tokens().eos; }
std::optional<std::int32_t> Tokenizer::pad_id() const { return impl_->tokenizer.special_tokens().pad; }

}  // namespace skald
