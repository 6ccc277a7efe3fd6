#include "decode/constraints/constraints.h"

#include "decode/chain.h"
#include "skald/error.h"
#include "text/lossy_utf8.h"

namespace skald::decode {
namespace {

bool has_items(const auto& list) { return list && !list->empty(); }

// The text has U+FFFD where the tokens are no UTF-8: what was there is not known.
void check_text(std::string_view option, const std::string& sought) {
  if (sought.find(text::kReplacement) == std::string::npos) return;
  throw OptionError({.field = std::string(option), .value = quoted(sought), .rule = "must not contain U+FFFD"});
}

const text::TokenBytes& need_bytes(std::string_view option, const text::Tokenizer* tokenizer) {
  if (tokenizer != nullptr) return tokenizer->bytes();
  throw OptionError({.field = std::string(option), .rule = "needs a tokenizer, and this model's folder has none"});
}

}  // namespace

std::shared_ptr<const Constraints> Constraints::make(const GenerationConfig& config, const text::Tokenizer* tokenizer,
                                                     std::size_t vocab_size) {
  if (!has_items(config.banned_strings)) return nullptr;
  return std::make_shared<const Constraints>(config, tokenizer, vocab_size);
}

Constraints::Constraints(const GenerationConfig& config, const text::Tokenizer* tokenizer, std::size_t vocab_size) {
  if (has_items(config.banned_strings)) {
    for (const std::string& sought : *config.banned_strings) check_text("banned_strings", sought);
    banned_ = std::make_shared<const BannedTexts>(need_bytes("banned_strings", tokenizer), *config.banned_strings,
                                                  vocab_size);
  }
}

void Constraints::add_to(ProcessorChain& chain) const {
  if (banned_) chain.add(std::make_unique<BannedText>(banned_));
}

}  // namespace skald::decode
