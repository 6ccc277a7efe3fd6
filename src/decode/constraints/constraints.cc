#include "decode/constraints/constraints.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "decode/chain.h"
#include "decode/constraints/allowed_tokens.h"
#include "decode/constraints/must_include.h"
#include "decode/constraints/well_formed.h"
#include "decode/sampling_request.h"
#include "skald/error.h"
#include "text/lossy_utf8.h"

namespace skald::decode {
namespace {

constexpr std::size_t kLongestPrefix = 1024;    // bytes
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

std::vector<TokenId> ends_of(const StopRules& stops) {
  std::vector<TokenId> ends = stops.eos;
  ends.insert(ends.end(), stops.stop_tokens.begin(), stops.stop_tokens.end());
  return ends;
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
void check_against(std::string_view option, const std::vector<std::string>& alternatives,
                   const std::vector<std::string>& texts, std::string_view what) {
  if (texts.empty()) return;
  const std::string* culprit = nullptr;
  for (const std::string& alternative : alternatives) {
    const auto found =
        std::ranges::find_if(texts, [&](const std::string& t) { return alternative.find(t) != std::string::npos; });
    if (found == texts.end()) return;
    culprit = &*found;
  }
  fail(option, quoted(alternatives[0]), "contains " + quoted(*culprit) + ", which is " + std::string(what));
}

}  // namespace

std::shared_ptr<const Constraints> Constraints::make(const ConstraintSetup& setup) {
  const GenerationConfig& config = setup.config;
  const bool any = has_items(config.banned_strings) || has_items(config.must_include) || has_items(config.prefix) ||
                   config.allowed_tokens;
  return any ? std::make_shared<const Constraints>(setup) : nullptr;
}

Constraints::Constraints(const ConstraintSetup& setup)
    : bytes_(setup.tokenizer != nullptr ? &setup.tokenizer->bytes() : nullptr),
      ends_(std::make_shared<const std::vector<TokenId>>(ends_of(setup.stops))),
      forces_first_(setup.config.forced_bos_token_id.has_value()),
      forces_last_(setup.config.forced_eos_token_id.has_value()) {
  const GenerationConfig& config = setup.config;
  if (config.allowed_tokens) allow_tokens(setup);
  if (has_items(config.banned_strings)) {
    for (const std::string& sought : *config.banned_strings) check_text("banned_strings", sought);
    banned_ = std::make_shared<const BannedTexts>(need_bytes("banned_strings", setup.tokenizer), *config.banned_strings,
                                                  setup.vocab_size);
  }
  if (has_items(config.must_include)) plan_phrases(setup);
  if (has_items(config.prefix)) plan_prefix(setup);
}

void Constraints::allow_tokens(const ConstraintSetup& setup) {
  std::vector<bool> allowed(setup.vocab_size);
  const auto allow = [&](TokenId id) {
    if (static_cast<std::size_t>(id) >= allowed.size()) {
      fail("allowed_tokens", std::to_string(id),
           "must be in [0, " + std::to_string(allowed.size()) + "): the model has no such token");
    }
    allowed[static_cast<std::size_t>(id)] = true;
  };
  for (const TextOrIds& item : *setup.config.allowed_tokens) {
    if (const auto* const ids = std::get_if<std::vector<TokenId>>(&item)) {
      std::ranges::for_each(*ids, allow);
      continue;
    }
    const auto& text = std::get<std::string>(item);
    const auto tokens = need_bytes("allowed_tokens", setup.tokenizer).equal_to(text);
    if (tokens.empty()) fail("allowed_tokens", quoted(text), "is the text of no token");
    std::ranges::for_each(tokens, allow);
  }
  allowed_ = std::make_shared<const std::vector<bool>>(std::move(allowed));
}

// Tokens that other options take out at every step, and those that end the continuation.
std::vector<bool> Constraints::unusable_tokens(const ConstraintSetup& setup) const {
  std::vector<bool> unusable(setup.vocab_size);
  if (allowed_) {
    for (std::size_t t = 0; t < unusable.size(); ++t) unusable[t] = !(*allowed_)[t];
  }
  const auto mark = [&](TokenId id) {
    if (static_cast<std::size_t>(id) < unusable.size()) unusable[static_cast<std::size_t>(id)] = true;
  };
  const GenerationConfig& config = setup.config;
  std::ranges::for_each(*ends_, mark);
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

void Constraints::plan_phrases(const ConstraintSetup& setup) {
  const GenerationConfig& config = setup.config;
  const text::TokenBytes& bytes = need_bytes("must_include", setup.tokenizer);
  const PhraseSettings settings{.phrases = phrase_texts(config, bytes),
                                .banned = config.banned_strings.value_or(std::vector<std::string>{}),
                                .stops = config.stop_strings.value_or(std::vector<std::string>{}),
                                .stops_stay = setup.stops.include_stop,
                                .unusable = unusable_tokens(setup)};
  for (const auto& alternatives : settings.phrases) {
    check_against("must_include", alternatives, settings.banned, "in banned_strings");
    check_against("must_include", alternatives, settings.stops, "in stop_strings and would end the text");
  }
  phrases_ = std::make_shared<const PhrasePlan>(bytes, settings, setup.vocab_size);
  if (phrases_->needed(phrases_->matcher().start(), phrases_->all()) >= PhrasePlan::kNever) {
    fail("must_include", {}, "the tokens that may be chosen cannot write all of its phrases");
  }
}

void Constraints::plan_prefix(const ConstraintSetup& setup) {
  const GenerationConfig& config = setup.config;
  const std::string& prefix = *config.prefix;
  if (prefix.size() > kLongestPrefix) {
    fail("prefix", std::to_string(prefix.size()) + " bytes",
         "at most " + std::to_string(kLongestPrefix) + " are allowed");
  }
  if (first_invalid_utf8(prefix) != prefix.size()) fail("prefix", quoted(prefix), "is not UTF-8");
  check_text("prefix", prefix);
  const std::vector<std::string> none;
  check_against("prefix", {prefix}, config.banned_strings.value_or(none), "in banned_strings");
  check_against("prefix", {prefix}, config.stop_strings.value_or(none), "in stop_strings and would end the text");
  prefix_ = std::make_shared<const PrefixPlan>(need_bytes("prefix", setup.tokenizer), prefix, unusable_tokens(setup));
  if (prefix_->needed_at_start() >= PrefixPlan::kNever) {
    fail("prefix", quoted(prefix), "the tokens that may be chosen cannot write it");
  }
}

// Tokens of a sequence that are free to carry text.
std::int64_t Constraints::room(const ChainSetup& setup) const {
  const bool first = forces_first_ && setup.prompt_length == 1;
  return setup.max_length - setup.prompt_length - (forces_last_ ? 1 : 0) - (first ? 1 : 0);
}

// What is kept free for phrases behind a prefix.
std::int64_t Constraints::phrase_tokens() const {
  if (!phrases_) return 0;
  const std::uint32_t needed = phrases_->needed(phrases_->matcher().start(), phrases_->all());
  const std::uint32_t most = phrases_->most_needed(phrases_->all());
  return prefix_ && most < PhrasePlan::kNever ? most : needed;
}

void Constraints::check_length(const ChainSetup& setup) const {
  const std::int64_t left = std::max<std::int64_t>(0, room(setup));
  const std::int64_t needed = phrase_tokens() + (prefix_ ? prefix_->needed_at_start() : 0);
  if (needed <= left) return;
  fail(phrases_ ? "must_include" : "prefix", std::to_string(needed) + " tokens",
       std::string(prefix_ && phrases_ ? "prefix and phrases need"
                   : phrases_          ? "its phrases need"
                                       : "it needs") +
           " so many, and max_new_tokens leaves " + std::to_string(left));
}

void Constraints::add_to(ProcessorChain& chain, const ChainSetup& setup) const {
  const std::int64_t limit = setup.max_length - setup.prompt_length - (forces_last_ ? 1 : 0);
  if (allowed_) chain.add(std::make_unique<OnlyTokens>(allowed_));
  if (banned_) chain.add(std::make_unique<BannedText>(banned_));
  if (phrases_) chain.add(std::make_unique<MustInclude>(phrases_, ends_, limit));
  if ((phrases_ || prefix_) && bytes_->has_fallback()) {
    chain.add(std::make_unique<WellFormed>(*bytes_, setup.vocab_size, limit));
  }
  if (prefix_) chain.add(std::make_unique<TextPrefix>(prefix_, limit - phrase_tokens()));
}

}  // namespace skald::decode
