// What restricts the text of a request, made ready once a call.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "decode/constraints/banned_text.h"
#include "decode/constraints/phrase_plan.h"
#include "decode/constraints/text_prefix.h"
#include "skald/generation_config.h"
#include "text/tokenizer.h"

namespace skald::decode {

class ProcessorChain;
struct ChainSetup;
struct StopRules;

/// What constraints are made for.
struct ConstraintSetup {
  const GenerationConfig& config;
  const StopRules& stops;
  const text::Tokenizer* tokenizer = nullptr;  // null: none; must outlive the constraints
  std::size_t vocab_size = 0;                  // of the model
};

/// Immutable; shared by all prompts of a call.
class Constraints {
 public:
  /// Throws OptionError for options that contradict each other, that no text can fulfil, or that need a tokenizer where
  /// there is none.
  explicit Constraints(const ConstraintSetup& setup);
  /// Null where the options ask for none.
  static std::shared_ptr<const Constraints> make(const ConstraintSetup& setup);

  /// Throws OptionError where `setup` leaves too few tokens.
  void check_length(const ChainSetup& setup) const;
  /// Adds the processors of one sequence.
  void add_to(ProcessorChain& chain, const ChainSetup& setup) const;

 private:
  void allow_tokens(const ConstraintSetup& setup);
  void plan_phrases(const ConstraintSetup& setup);
  void plan_prefix(const ConstraintSetup& setup);
  [[nodiscard]] std::vector<bool> unusable_tokens(const ConstraintSetup& setup) const;
  [[nodiscard]] std::int64_t room(const ChainSetup& setup) const;
  [[nodiscard]] std::int64_t phrase_tokens() const;

  const text::TokenBytes* bytes_ = nullptr;           // null: no tokenizer
  std::shared_ptr<const std::vector<bool>> allowed_;  // [vocab_size]; null: all
  std::shared_ptr<const BannedTexts> banned_;         // null: none
  std::shared_ptr<const PrefixPlan> prefix_;          // null: none
  std::shared_ptr<const PhrasePlan> phrases_;         // null: none
  std::shared_ptr<const std::vector<TokenId>> ends_;  // tokens that end the continuation
  bool forces_first_ = false, forces_last_ = false;   // those tokens carry no phrase
};

}  // namespace skald::decode
