// must_include: phrases that the continuation has in the end.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "decode/constraints/phrase_plan.h"
#include "decode/processor.h"

namespace skald::decode {

/// Takes out every token after which the missing phrases do not fit in the tokens that are left, and until all are
/// there every token that ends the continuation: end-of-sequence tokens and those that complete a stop string.
class MustInclude final : public LogitsProcessor {
 public:
  /// `ends`: tokens that end the continuation. `limit`: tokens of it that may carry phrases.
  MustInclude(std::shared_ptr<const PhrasePlan> plan, std::shared_ptr<const std::vector<TokenId>> ends,
              std::int64_t limit);

  void apply(const StepContext& step, Candidates& candidates) override;
  void accept(TokenId token) override;
  void rewind(std::int64_t n_tokens) override { past_.resize(past_.size() - static_cast<std::size_t>(n_tokens)); }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<MustInclude>(*this); }
  [[nodiscard]] std::string_view name() const override { return "must_include"; }
  [[nodiscard]] bool may_leave_none() const override { return true; }

 private:
  struct Now {
    TokenMatcher::State state = 0;
    PhrasePlan::Phrases missing = 0;
    std::size_t bytes_after = 0;  // the end of the last phrase
    bool stop_begun = false;      // one that began inside a phrase may still end the text before it
  };
  void remove_forbidden(Candidates& candidates) const;
  void keep_what_fits(std::uint32_t room, Candidates& candidates);

  std::shared_ptr<const PhrasePlan> plan_;
  std::shared_ptr<const std::vector<TokenId>> ends_;
  std::int64_t limit_;
  std::vector<Now> past_;                             // before each token, and now
  std::vector<bool> fits_ = {};                       // by outcome
  std::vector<std::pair<TokenId, float>> kept_ = {};  // of tokens with an outcome of their own
};

}  // namespace skald::decode
