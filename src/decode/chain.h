// The processors of one sequence, in the order of the request's profile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "decode/processor.h"
#include "decode/processors/dry.h"  // SequenceBreakers
#include "skald/hooks.h"

namespace skald::decode {

/// Runs its processors one after the other.
class ProcessorChain {
 public:
  ProcessorChain() = default;
  ProcessorChain(ProcessorChain&&) = default;
  ProcessorChain& operator=(ProcessorChain&&) = default;
  ProcessorChain(const ProcessorChain& other);  // clones every processor
  ProcessorChain& operator=(const ProcessorChain&) = delete;
  ~ProcessorChain() = default;

  void add(std::unique_ptr<LogitsProcessor> processor) { processors_.push_back(std::move(processor)); }
  void apply(const StepContext& step, Candidates& candidates) const;
  /// The same, with a call of `after(processor)` after each: for traces.
  template <typename After>
  void apply(const StepContext& step, Candidates& candidates, After after) const {
    for (const auto& processor : processors_) {
      processor->apply(step, candidates);
      after(*processor);
    }
  }
  /// Runs the processors up to one that collects: for calls with code that looks at all rows together. Changes the
  /// candidates.
  void collect(const StepContext& step, Candidates& candidates) const;
  void accept(TokenId token);
  void rewind(std::int64_t n_tokens);
  [[nodiscard]] std::size_t size() const { return processors_.size(); }
  /// Whether any of them may, see LogitsProcessor::may_leave_none().
  [[nodiscard]] bool may_leave_none() const;

 private:
  std::vector<std::unique_ptr<LogitsProcessor>> processors_;
};

class Constraints;
class GroupLogits;

/// What a chain is made for.
struct ChainSetup {
  std::int64_t prompt_length = 0;          // of the visible history
  std::int64_t n_pads = 0;                 // at its beginning
  std::int64_t max_length = 0;             // of the visible history in the end
  std::span<const TokenId> encoder_input;  // of a decoder alone: its prompt
  std::size_t vocab_size = 0;
  std::size_t min_keep = 1;                        // tokens that a warper leaves at least
  const Hooks* hooks = nullptr;                    // the caller's own processors
  std::shared_ptr<GroupLogits> group_logits = {};  // null: none
  const Constraints* constraints = nullptr;
  std::int64_t n_completions = 1;  // of a prompt; of beams, all of them
  std::uint64_t seed = 0;          // of the request: for processors that toss coins
  std::shared_ptr<const SequenceBreakers> dry_breakers = {};
};

/// The chain that `config` (with every rank resolved) asks for. Order: the `samplers` of the request, else that of its
/// profile, else that of transformers 5.23 (GenerationMixin._get_logits_processor). Those that only shape the
/// distribution are there when sampling alone.
ProcessorChain build_chain(const GenerationConfig& config, const ChainSetup& setup);

/// The names that `samplers` may hold.
std::vector<std::string_view> sampler_names();

}  // namespace skald::decode
