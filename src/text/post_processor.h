// The post-processor stage: adds special tokens, trims offsets.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "json/fields.h"
#include "text/encoding.h"

namespace skald::text {

/// What a post-processor may ask about tokens.
class TokenLookup {
 public:
  virtual ~TokenLookup() = default;
  [[nodiscard]] virtual bool is_token(TokenId id) const = 0;
  [[nodiscard]] virtual bool is_added(TokenId id) const = 0;
  [[nodiscard]] virtual std::string_view id_to_token(TokenId id) const = 0;
};

class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  /// `text` is what was encoded.
  virtual void process(std::string_view text, const TokenLookup& tokens, bool add_special_tokens,
                       Encoding& encoding) const = 0;
  /// Appends the ids that the stage may add: they must be tokens.
  virtual void added_ids(std::vector<TokenId>& ids) const { static_cast<void>(ids); }
};

/// All post-processors of a tokenizer, in order.
class PostProcessorChain {
 public:
  PostProcessorChain() = default;
  /// Throws FormatError where a stage adds an id that is no token.
  PostProcessorChain(const json::Fields& fields, const TokenLookup& tokens);
  void process(std::string_view text, const TokenLookup& tokens, bool add_special_tokens, Encoding& encoding) const;
  /// How many tokens are added to a text.
  [[nodiscard]] std::size_t added_count() const { return added_count_; }

 private:
  std::size_t added_count_ = 0;
  std::vector<std::unique_ptr<PostProcessor>> stages_;
};

}  // namespace skald::text
