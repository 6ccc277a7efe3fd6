#include "decode/constraints/must_include.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace skald::decode {

MustInclude::MustInclude(std::shared_ptr<const PhrasePlan> plan, std::shared_ptr<const std::vector<TokenId>> ends,
                         std::int64_t limit)
    : plan_(std::move(plan)),
      ends_(std::move(ends)),
      limit_(limit),
      past_{{.state = plan_->matcher().start(), .missing = plan_->all()}} {}

void MustInclude::apply(const StepContext& step, Candidates& candidates) {
  const Now& now = past_.back();
  if (now.missing == 0) {
    if (now.stop_begun) remove_forbidden(candidates);
    return;
  }
  for (const TokenId token : *ends_) candidates.remove(token);
  remove_forbidden(candidates);
  const std::int64_t left = std::max<std::int64_t>(0, limit_ - step.step - 1);  // behind the token of this step
  if (plan_->most_needed(now.missing) <= left) return;
  keep_what_fits(static_cast<std::uint32_t>(left), candidates);
}

void MustInclude::remove_forbidden(Candidates& candidates) const {
  for (const TokenId token : plan_->forbidden()) candidates.remove(token);
  for (const auto& deviation : plan_->matcher().deviations(past_.back().state)) {
    if (deviation.outcome.forbidden) candidates.remove(deviation.token);
  }
}

void MustInclude::keep_what_fits(std::uint32_t room, Candidates& candidates) {
  const Now& now = past_.back();
  const TokenMatcher& matcher = plan_->matcher();
  const auto fits = [&](const TokenMatcher::Outcome& outcome) {
    return plan_->needed_after(outcome, now.missing) <= room;
  };
  fits_.clear();
  for (const TokenMatcher::Outcome& outcome : matcher.outcomes()) fits_.push_back(fits(outcome));
  fits_[TokenMatcher::kStays] = plan_->needed(now.state, now.missing) <= room;
  const auto outcomes = now.state == TokenMatcher::kStart ? matcher.from_start() : matcher.from_root();
  const auto deviations = matcher.deviations(now.state);
  kept_.clear();
  for (const auto& deviation : deviations) {
    candidates.update(deviation.token, [&](float logit) {
      if (fits(deviation.outcome)) kept_.emplace_back(deviation.token, logit);
      return -std::numeric_limits<float>::infinity();
    });
  }
  candidates.remove_if([&](TokenId token) { return !fits_[outcomes[static_cast<std::size_t>(token)]]; });
  for (const auto& [token, kept] : kept_) {
    candidates.update(token, [logit = kept](float) { return logit; });
  }
}

void MustInclude::accept(TokenId token) {
  Now now = past_.back();
  const TokenMatcher::Outcome outcome = plan_->matcher().walk(now.state, token);
  if (now.missing == 0) {
    now.bytes_after += plan_->bytes_of(token);
  } else if ((now.missing & ~outcome.found) == 0) {
    now.bytes_after = plan_->bytes_after(now.state, now.missing, token);
    now.stop_begun = true;
  }
  now.missing &= ~outcome.found;
  now.state = outcome.state;
  now.stop_begun =
      now.stop_begun && now.state != TokenMatcher::kStart && plan_->stop_begun(now.state) > now.bytes_after;
  past_.push_back(now);
}

}  // namespace skald::decode
