// The post-processor types of tokenizer.json. Reference: `tokenizers` processors/.
#pragma once

#include <string>
#include <vector>

#include "text/post_processor.h"

namespace skald::text {

/// Special tokens around the text, by the template for one text ("single"); that for two ("pair") is only checked.
class TemplateProcessing final : public PostProcessor {
 public:
  explicit TemplateProcessing(const json::Fields& fields);
  void process(std::string_view text, const TokenLookup& tokens, bool add_special_tokens,
               Encoding& encoding) const override;
  void added_ids(std::vector<TokenId>& ids) const override;

 private:
  struct Item {
    bool is_text = false;
    std::vector<TokenId> ids;
  };
  static std::vector<Item> read_template(const json::Fields& fields, std::string_view key);
  std::vector<Item> single_;
};

/// Takes whitespace out of the offsets.
class ByteLevelProcessing final : public PostProcessor {
 public:
  explicit ByteLevelProcessing(const json::Fields& fields);
  void process(std::string_view text, const TokenLookup& tokens, bool add_special_tokens,
               Encoding& encoding) const override;

 private:
  bool trim_, add_prefix_space_;
};

/// cls text sep
class BertProcessing final : public PostProcessor {
 public:
  explicit BertProcessing(const json::Fields& fields);
  void process(std::string_view text, const TokenLookup& tokens, bool add_special_tokens,
               Encoding& encoding) const override;
  void added_ids(std::vector<TokenId>& ids) const override;

 private:
  TokenId cls_, sep_;
};

/// cls text sep, and offsets as ByteLevelProcessing has them.
class RobertaProcessing final : public PostProcessor {
 public:
  explicit RobertaProcessing(const json::Fields& fields) : trim_(fields), frame_(fields) {}
  void process(std::string_view text, const TokenLookup& tokens, bool add_special_tokens,
               Encoding& encoding) const override;
  void added_ids(std::vector<TokenId>& ids) const override { frame_.added_ids(ids); }

 private:
  ByteLevelProcessing trim_;
  BertProcessing frame_;
};

}  // namespace skald::text
