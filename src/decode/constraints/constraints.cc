#include "decode/constraints/constraints.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "decode/chain.h"
#include "decode/constraints/must_include.h"
#include "decode/sampling_request.h"
#include "skald/error.h"
#include "text/lossy_utf8.h"

namespace skald::decode {
namespace {

constexpr std::size_t kMostPhraseBytes = 4096;  // of all phrases: bounds the time that planning takes

bool has_items(const auto& list) { return list && !list->empty(); }

[[noreturn]] void fail(std::string_view option, std::string value, std::string rule) {
  throw OptionError({.field = std::string(option), .value = std::move(value), .rule = std::move(rule)});
}

// The text has U+FFFD where the tokens are no UTF-8: what was there is not known.
void check_text(std::string_view option, const std::string& sought) {
  if (sought.find(text::kReplacement) != std::string::npos) fail(option, quoted(sought), "must not contain U+FFFD");
}

const text::TokenBytes& need_bytes(std::string_view option, const text::Tokenizer* tokenizer) {
  if (tokenizer == nullptr) fail(option, {}, "needs a tokenizer, and this model's folder has none");
  return tokenizer->bytes();
}

std::string text_of(const TextOrIds& item, const text::TokenBytes& bytes, const std::string& which) {
  if (const auto* const given = std::get_if<std::string>(&item)) return *given;
  std::string joined;
  for (const TokenId id : std::get<std::vector<TokenId>>(item)) joined += bytes.of(id);
  if (joined.empty() || first_invalid_utf8(joined) != joined.size()) {
    fail("must_include", which, "its token ids are no text");
  }
  return joined;
}

std::vector<std::vector<std::string>> phrase_texts(const GenerationConfig& config, const text::TokenBytes& bytes) {
  std::vector<std::vector<std::string>> phrases;
  std::size_t n_bytes = 0;
  for (const auto& alternatives : *config.must_include) {
    const std::string which = "item " + std::to_string(phrases.size());
    auto& texts = phrases.emplace_back();
    for (const TextOrIds& item : alternatives) {
      texts.push_back(text_of(item, bytes, which));
      check_text("must_include", texts.back());
      n_bytes += texts.back().size();
    }
  }
  if (n_bytes > kMostPhraseBytes) {
    fail("must_include", std::to_string(n_bytes) + " bytes in all",
         "at most " + std::to_string(kMostPhraseBytes) + " are allowed");
  }
  return phrases;
}

// A phrase has to have an alternative without `texts`.
void check_against(const std::vector<std::string>& alternatives, const std::vector<std::string>& texts,
                   std::string_view what) {
  if (texts.empty()) return;
  const std::string* culprit = nullptr;
  for (const std::string& alternative : alternatives) {
    const auto found =
        std::ranges::find_if(texts, [&](const std::string& t) { return alternative.find(t) != std::string::npos; });
    if (found == texts.end()) return;
    culprit = &*found;
  }
  fail("must_include", quoted(alternatives[0]), "contains " + quoted(*culprit) + ", which is " + std::string(what));
}

// Tokens that other options take out at every step.
std::vector<bool> unusable_tokens(const ConstraintSetup& setup, const std::vector<TokenId>& ends) {
  std::vector<bool> unusable(setup.vocab_size);
  const auto mark = [&](TokenId id) {
    if (static_cast<std::size_t>(id) < unusable.size()) unusable[static_cast<std::size_t>(id)] = true;
  };
  const GenerationConfig& config = setup.config;
  std::ranges::for_each(ends, mark);
  if (config.suppress_tokens) std::ranges::for_each(*config.suppress_tokens, mark);
  for (const auto& word : config.bad_words_ids.value_or(std::vector<std::vector<TokenId>>{})) {
    if (word.size() == 1) mark(word[0]);
  }
  for (const SequenceBias& bias : config.sequence_bias.value_or(std::vector<SequenceBias>{})) {
    if (bias.ids.size() == 1 && std::isinf(bias.bias) && bias.bias < 0) mark(bias.ids[0]);
  }
  for (const LogitBias& bias : config.logit_bias.value_or(std::vector<LogitBias>{})) {
    if (bias.text.empty() && std::isinf(bias.bias) && bias.bias < 0) mark(bias.token);
  }
  return unusable;
}

}  // namespace

std::shared_ptr<const Constraints> Constraints::make(const ConstraintSetup& setup) {
  if (!has_items(setup.config.banned_strings) && !has_items(setup.config.must_include)) return nullptr;
  return std::make_shared<const Constraints>(setup);
}

Constraints::Constraints(const ConstraintSetup& setup) {
  const GenerationConfig& config = setup.config;
  if (has_items(config.banned_strings)) {
    for (const std::string& sought : *config.banned_strings) check_text("banned_strings", sought);
    banned_ = std::make_shared<const BannedTexts>(need_bytes("banned_strings", setup.tokenizer), *config.banned_strings,
                                                  setup.vocab_size);
  }
  if (has_items(config.must_include)) plan_phrases(setup);
}

void Constraints::plan_phrases(const ConstraintSetup& setup) {
  const GenerationConfig& config = setup.config;
  const text::TokenBytes& bytes = need_bytes("must_include", setup.tokenizer);
  std::vector<TokenId> ends = setup.stops.eos;
  ends.insert(ends.end(), setup.stops.stop_tokens.begin(), setup.stops.stop_tokens.end());
  const PhraseSettings settings{.phrases = phrase_texts(config, bytes),
                                .banned = config.banned_strings.value_or(std::vector<std::string>{}),
                                .stops = config.stop_strings.value_or(std::vector<std::string>{}),
                                .stops_stay = setup.stops.include_stop,
                                .unusable = unusable_tokens(setup, ends)};
  for (const auto& alternatives : settings.phrases) {
    check_against(alternatives, settings.banned, "in banned_strings");
    check_against(alternatives, settings.stops, "in stop_strings and would end the text");
  }
  phrases_ = std::make_shared<const PhrasePlan>(bytes, settings, setup.vocab_size);
  ends_ = std::make_shared<const std::vector<TokenId>>(std::move(ends));
  forces_first_ = config.forced_bos_token_id.has_value();
  forces_last_ = config.forced_eos_token_id.has_value();
  if (phrases_->needed(phrases_->matcher().start(), phrases_->all()) >= PhrasePlan::kNever) {
    fail("must_include", {}, "the tokens that may be chosen cannot write all of its phrases");
  }
}

void Constraints::check_length(const ChainSetup& setup) const {
  if (!phrases_) return;
  const std::int64_t room = setup.max_length - setup.prompt_length - (forces_last_ ? 1 : 0) -
                            (forces_first_ && setup.prompt_length == 1 ? 1 : 0);
  const std::int64_t needed = phrases_->needed(phrases_->matcher().start(), phrases_->all());
  if (needed > room) {
    fail("must_include", std::to_string(needed) + " tokens",
         "its phrases need so many, and max_new_tokens leaves " + std::to_string(std::max<std::int64_t>(0, room)));
  }
}

void Constraints::add_to(ProcessorChain& chain, const ChainSetup& setup) const {
  if (banned_) chain.add(std::make_unique<BannedText>(banned_));
  if (phrases_) {
    const std::int64_t limit = setup.max_length - setup.prompt_length - (forces_last_ ? 1 : 0);
    chain.add(std::make_unique<MustInclude>(phrases_, ends_, limit));
  }
}

}  // namespace skald::decode
