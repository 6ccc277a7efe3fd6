// What restricts the text of a request, made ready once a call: banned texts.
#pragma once

#include <memory>
#include <vector>

#include "decode/constraints/banned_text.h"
#include "skald/generation_config.h"
#include "text/tokenizer.h"

namespace skald::decode {

class ProcessorChain;
struct ChainSetup;

/// Immutable; shared by all prompts of a call.
class Constraints {
 public:
  /// `tokenizer` may be null and must outlive it. Throws OptionError for options that contradict each other or need a
  /// tokenizer where there is none.
  Constraints(const GenerationConfig& config, const text::Tokenizer* tokenizer, std::size_t vocab_size);

  /// Null where `config` asks for none.
  static std::shared_ptr<const Constraints> make(const GenerationConfig& config, const text::Tokenizer* tokenizer,
                                                 std::size_t vocab_size);

  /// Adds the processors of one sequence.
  void add_to(ProcessorChain& chain) const;

 private:
  std::shared_ptr<const BannedTexts> banned_;  // null: none
};

}  // namespace skald::decode
