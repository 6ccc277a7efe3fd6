#include "decode/constraints/text_prefix.h"

#include <algorithm>

namespace skald::decode {

PrefixPlan::PrefixPlan(const text::TokenBytes& bytes, std::string text, const std::vector<bool>& unusable)
    : bytes_(bytes), text_(std::move(text)), unusable_(unusable), needed_(text_.size() + 1, kNever) {
  needed_[size()] = 0;
  for (std::size_t at = size(); at-- > 0;) {
    walk(at, [&](TokenId, std::size_t next) { needed_[at] = std::min(needed_[at], 1 + needed_[next]); });
  }
  const std::string_view whole = text_;
  for (const TokenId token : bytes_.sorted()) {
    const std::string_view first = bytes_.first(token);
    if (!usable(token) || first.empty() || !(whole.starts_with(first) || first.starts_with(whole))) continue;
    const std::size_t next = std::min(first.size(), size());
    at_start_.emplace_back(token, next);
    at_start_needed_ = std::min(at_start_needed_, 1 + needed_[next]);
  }
}

std::vector<TokenId> PrefixPlan::shortest() const {
  std::vector<TokenId> tokens;
  for (std::size_t at = 0; at < size();) {
    std::size_t next = at;
    TokenId best = -1;
    walk(at, [&](TokenId token, std::size_t to) {
      if (1 + needed_[to] != needed_[at] || bytes_.of(token).size() != to - at) return;
      best = token;
      next = to;
    });
    if (best < 0) return {};
    tokens.push_back(best);
    at = next;
  }
  return tokens;
}

void TextPrefix::apply(const StepContext& step, Candidates& candidates) {
  const Now& now = past_.back();
  if (now.at == plan_->size()) return;
  const std::int64_t left = limit_ - step.step - 1;  // behind the token of this step
  kept_.clear();
  plan_->for_each_token(now.at, !now.started, [&](TokenId token, std::size_t next) {
    if (plan_->needed(next) > left) return;
    candidates.update(token, [&](float logit) {
      kept_.emplace_back(token, logit);
      return logit;
    });
  });
  candidates.remove_if([](TokenId) { return true; });
  for (const auto& [token, kept] : kept_) {
    candidates.update(token, [logit = kept](float) { return logit; });
  }
}

void TextPrefix::accept(TokenId token) {
  Now now = past_.back();
  const text::TokenBytes& bytes = plan_->bytes();
  const std::string_view added = now.started ? bytes.of(token) : bytes.first(token);
  now.started = now.started || !bytes.of(token).empty();
  now.at = std::min(plan_->size(), now.at + added.size());
  past_.push_back(now);
}

}  // namespace skald::decode
