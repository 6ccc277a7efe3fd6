#include "text/parts.h"

#include <algorithm>

#include "skald/error.h"

namespace skald::text {
namespace {

constexpr std::size_t kMaxAddedTokens = 1U << 20;

// What `description` says of `token`; a token that was special remains so, as in the reference. Its content, which
// added_ids points to, stays where it is.
void describe(AddedToken& token, const AddedToken& description) {
  token.single_word = description.single_word;
  token.lstrip = description.lstrip;
  token.rstrip = description.rstrip;
  token.normalized = description.normalized;
  token.special |= description.special;
}

void check_version(const json::Fields& fields) {
  const std::string version = fields.get_string("version").value_or("1.0");
  if (version == "1.0") return;
  throw UnsupportedError(
      ErrorFields{.file = fields.file(), .field = "version", .value = quoted(version), .rule = "must be '1.0'"});
}

}  // namespace

EncodeScratch ScratchPool::take(const Model& model) {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      EncodeScratch scratch = std::move(free_.back());
      free_.pop_back();
      bytes_ -= scratch.bytes();
      return scratch;
    }
  }
  return {.model = model.make_scratch(), .valid = {}, .normal = {}, .cut = {}, .tokens = {}, .out = {}};
}

void ScratchPool::give_back(EncodeScratch scratch) {
  const std::size_t bytes = scratch.bytes();
  const std::lock_guard lock(mutex_);
  if (free_.size() == kKept || bytes > kKeptBytes - bytes_) return;
  bytes_ += bytes;
  free_.push_back(std::move(scratch));
}

Tokenizer::Parts::Parts(const json::Value& json, const std::string& file, const TokenSettings& settings) {
  const json::Fields fields(json, file);
  check_version(fields);
  truncation = read_truncation(fields);
  padding = read_padding(fields);
  const auto model_fields = fields.get_object("model");
  if (!model_fields) fields.fail("model", "must be an object");
  if (const auto stage = fields.get_object("normalizer")) normalizer = NormalizerChain(*stage);
  if (const auto stage = fields.get_object("pre_tokenizer")) pre_tokenizer = PreTokenizerChain(*stage);
  if (const auto stage = fields.get_object("decoder")) decoder = DecoderChain(*stage);
  model = make_model(*model_fields);
  if (pre_tokenizer.maps_bytes() && model->use_bytes()) pre_tokenizer.keep_bytes();
  read_added_tokens(fields, settings);
  make_finders();
  if (const auto stage = fields.get_object("post_processor")) post_processor = PostProcessorChain(*stage, *this);
}

void Tokenizer::Parts::read_added_tokens(const json::Fields& fields, const TokenSettings& settings) {
  const json::Value* const list = fields.find("added_tokens");
  const bool present = list != nullptr && !list->is_null();
  if (present && !list->is_array()) fields.fail("added_tokens", "must be an array");
  const std::size_t listed = present ? list->as_array().size() : 0;
  const std::size_t count = listed + settings.added.size() + settings.special.size();
  if (count > kMaxAddedTokens) {
    throw LimitError(ErrorFields{.file = fields.file(),
                                 .field = "added_tokens",
                                 .value = std::to_string(count) + " entries",
                                 .rule = "at most " + std::to_string(kMaxAddedTokens) + " are read"});
  }
  size = model->vocabulary().size();
  limit = model->vocabulary().id_limit();
  added.reserve(count);  // added_ids points into their contents
  added_ids.reserve(count);
  FlatMap<std::uint32_t> places;  // in `added`, by id
  places.reserve(count);
  for (std::size_t i = 0; i < listed; ++i) {
    const json::Fields item(list->as_array()[i], fields.file(), "added_tokens[" + std::to_string(i) + "]");
    AddedToken read = read_added_token(item);
    read.id = static_cast<TokenId>(item.need_integer("id", 0, kMaxTokenId));
    add_token(item, std::move(read));
    const AddedToken& token = added.back();
    if (!places.insert(static_cast<std::uint64_t>(token.id), static_cast<std::uint32_t>(i))) {
      item.fail("id", "the id already belongs to another added token");
    }
  }
  apply(settings, places);
  std::sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  added_ids.reserve(count);  // again: sorting has moved short contents
  for (const AddedToken& token : added) added_ids.insert(token.content, token.id);
}

void Tokenizer::Parts::add_token(const json::Fields& fields, AddedToken token) {
  const Vocabulary& vocabulary = model->vocabulary();
  const TokenId in_vocabulary = vocabulary.find(token.content);
  if (in_vocabulary >= 0 && in_vocabulary != token.id) {
    fields.fail("id", quoted(token.content) + " has id " + std::to_string(in_vocabulary) + " in the vocabulary");
  }
  if (in_vocabulary < 0 && vocabulary.contains(token.id)) {
    fields.fail("id", "the id belongs to " + quoted(vocabulary.token(token.id)) + " in the vocabulary");
  }
  if (in_vocabulary < 0) ++size;
  limit = std::max(limit, token.id + 1);
  added.push_back(std::move(token));
  if (!added_ids.insert(added.back().content, added.back().id)) {
    fields.fail("content", "is the content of another added token");
  }
}

void Tokenizer::Parts::apply(const TokenSettings& settings, FlatMap<std::uint32_t>& places) {
  const Vocabulary& vocabulary = model->vocabulary();
  const auto add = [&](AddedToken token, TokenId id) {
    token.id = id;
    limit = std::max(limit, id + 1);
    places.insert(static_cast<std::uint64_t>(id), static_cast<std::uint32_t>(added.size()));
    added.push_back(std::move(token));
    added_ids.insert(added.back().content, id);
  };
  for (const AddedToken& token : settings.added) {
    TokenId id = added_ids.find(token.content);
    if (id >= 0) {
      describe(added[*places.find(static_cast<std::uint64_t>(id))], token);
      continue;
    }
    id = vocabulary.find(token.content);
    if (id < 0) ++size;
    add(token, id >= 0 ? id : limit);
  }
  for (const AddedToken& token : settings.special) {
    const TokenId id = vocabulary.find(token.content);
    // A name without a token is common where a role is not used: the reference adds it, but the model has no row.
    if (id >= 0 && added_ids.find(token.content) < 0) add(token, id);
  }
  const auto role = [&](const std::optional<std::string>& name) -> std::optional<TokenId> {
    const TokenId id = name ? std::max(added_ids.find(*name), vocabulary.find(*name)) : -1;
    return id < 0 ? std::nullopt : std::optional(id);
  };
  roles = {.bos = role(settings.bos), .eos = role(settings.eos), .pad = role(settings.pad), .unk = role(settings.unk)};
}

void Tokenizer::Parts::make_finders() {
  special.assign(static_cast<std::size_t>(limit), false);
  added_spellings.reserve(added.size());
  std::vector<const AddedToken*> raw, normalized;
  std::vector<std::string_view> raw_contents, normalized_contents;
  std::vector<TokenId> special_ids;
  StringMap seen;  // tokens may normalise into each other: the first one, by id, has the form
  seen.reserve(added.size());
  for (const AddedToken& token : added) {
    special[static_cast<std::size_t>(token.id)] = token.special;
    if (token.special) special_ids.push_back(token.id);
    AlignedText buffers[2];
    const Piece form = token.normalized ? normalizer.normalize({token.content}, buffers) : Piece{token.content};
    added_spellings.emplace_back(form.text);
    if (!token.normalized) {
      raw.push_back(&token);
      raw_contents.push_back(token.content);
    } else if (seen.insert(added_spellings.back(), token.id)) {
      normalized.push_back(&token);
      normalized_contents.push_back(added_spellings.back());
    }
  }
  raw_finder = AddedTokenFinder(raw, raw_contents);
  normalized_finder = AddedTokenFinder(normalized, normalized_contents);
  model->exclude_words(special_ids);
}

const AddedToken* Tokenizer::Parts::added_by_id(TokenId id) const {
  const auto it =
      std::lower_bound(added.begin(), added.end(), id, [](const AddedToken& token, TokenId x) { return token.id < x; });
  return it != added.end() && it->id == id ? &*it : nullptr;
}

std::string_view Tokenizer::Parts::spelling(TokenId id) const {
  if (const AddedToken* const token = added_by_id(id)) {
    return added_spellings[static_cast<std::size_t>(token - added.data())];
  }
  return model->vocabulary().token(id);
}

}  // namespace skald::text
