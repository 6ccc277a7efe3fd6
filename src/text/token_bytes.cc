#include "text/token_bytes.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/tokenizer.h"

namespace skald::text {
namespace {

// Of `sorted` tokens those with value(token) == wanted. (std::ranges::equal_range: clang 14 cannot read GCC 12's.)
template <typename Wanted, typename Value>
std::span<const TokenId> equals(std::span<const TokenId> sorted, const Wanted& wanted, const Value& value) {
  const auto first = std::ranges::lower_bound(sorted, wanted, {}, value);
  return {first, std::ranges::upper_bound(first, sorted.end(), wanted, {}, value)};
}

bool spells_fallback(std::string_view spelling) {
  return spelling.size() == 6 && spelling.starts_with("<0x") && spelling.ends_with('>');
}

// The text of a token that comes first. What is no UTF-8 alone is never cut by more than its leading space.
std::string first_text(const Tokenizer& tokenizer, TokenId id, std::string_view bytes) {
  if (first_invalid_utf8(bytes) == bytes.size()) return tokenizer.decode({{id}});
  return std::string(bytes.substr(bytes.starts_with(' ') ? 1 : 0));
}

}  // namespace

TokenBytes::TokenBytes(const Tokenizer& tokenizer) {
  const TokenId limit = tokenizer.id_limit();
  begins_.reserve(static_cast<std::size_t>(limit) + 1);
  begins_.push_back(0);
  fallback_.resize(static_cast<std::size_t>(limit));
  bool cuts = false, probed = false;
  for (TokenId id = 0; id < limit; ++id) {
    const std::string bytes = tokenizer.is_special(id) ? std::string() : tokenizer.token_bytes(id);
    bytes_ += bytes;
    begins_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    if (bytes.empty()) continue;
    sorted_.push_back(id);
    if (bytes.size() == 1 && spells_fallback(tokenizer.id_to_token(id))) {
      fallback_[static_cast<std::size_t>(id)] = has_fallback_ = true;
    } else if (!probed && bytes[0] == ' ' && first_invalid_utf8(bytes) == bytes.size()) {
      cuts = tokenizer.decode({{id}}) != bytes;
      probed = true;
    }
  }
  std::ranges::stable_sort(sorted_, {}, [this](TokenId id) { return of(id); });
  if (cuts) read_firsts(tokenizer);
}

void TokenBytes::read_firsts(const Tokenizer& tokenizer) {
  firsts_.reserve(begins_.size());
  firsts_.push_back(0);
  for (TokenId id = 0; static_cast<std::size_t>(id) < size(); ++id) {
    const std::string_view bytes = of(id);
    first_bytes_ += bytes.starts_with(' ') ? first_text(tokenizer, id, bytes) : std::string(bytes);
    firsts_.push_back(static_cast<std::uint32_t>(first_bytes_.size()));
  }
  cuts_first_ = true;
}

std::string_view TokenBytes::at(const Begins& begins, const std::string& bytes, TokenId id) {
  const auto i = static_cast<std::size_t>(id);
  if (i + 1 >= begins.size()) return {};
  return std::string_view(bytes).substr(begins[i], begins[i + 1] - begins[i]);
}

bool TokenBytes::is_fallback(TokenId id) const {
  return static_cast<std::size_t>(id) < fallback_.size() && fallback_[static_cast<std::size_t>(id)];
}

std::span<const TokenId> TokenBytes::narrow(std::span<const TokenId> tokens, std::size_t depth,
                                            unsigned char byte) const {
  // Tokens that end here come before all others.
  const auto next = [&](TokenId id) {
    const std::string_view bytes = of(id);
    return bytes.size() > depth ? static_cast<int>(static_cast<unsigned char>(bytes[depth])) : -1;
  };
  return equals(tokens, static_cast<int>(byte), next);
}

std::span<const TokenId> TokenBytes::starting_with(std::string_view prefix) const {
  const auto head = [&](TokenId id) { return of(id).substr(0, prefix.size()); };
  return equals(sorted_, prefix, head);
}

std::span<const TokenId> TokenBytes::equal_to(std::string_view bytes) const {
  return equals(sorted_, bytes, [this](TokenId id) { return of(id); });
}

}  // namespace skald::text
