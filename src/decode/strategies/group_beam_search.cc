#include "decode/strategies/group_beam_search.h"

#include <utility>

namespace skald::decode {
GroupBeamSearch::GroupBeamSearch(SamplingRequest request, LanguageModel& model)
    : NBestSearch(std::move(request), model),
      group_size_(n_beams() / n_groups()),
      pad_(this->request().config.pad_token_id.value_or(-1)) {
  const std::vector<TokenId>& eos = this->request().stops.eos;
  if (pad_ < 0 && !eos.empty()) pad_ = eos.front();
  for (std::size_t g = 0; g < n_groups(); ++g) {
    groups_.push_back({.ended = NBest(rules(), group_size_), .members = {0}, .rows = {g * group_size_}});
  }
}

std::vector<Continuation> GroupBeamSearch::choose(std::size_t number, std::span<const TokenId> group_tokens) {
  Group& group = groups_[number];
  for (std::size_t i = 0; i < group.members.size(); ++i) weigh_late(group.members[i], group.rows[i], group_tokens);
  std::vector<Continuation> best = best_of(group.rows);
  for (Continuation& c : best) c.origin += static_cast<std::int32_t>(number * group_size_);
  std::vector<Continuation> next = split(
      best, group_size_, [](const Continuation&) { return true; }, group.ended);
  group.done = next.empty() || is_done(best, group.ended);
  return next;
}

bool GroupBeamSearch::step() {
  std::vector<Continuation> next;
  std::vector<TokenId> chosen;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (groups_[g].done) {
      chosen.resize(chosen.size() + group_size_, pad_);
      continue;
    }
    const std::vector<Continuation> of_group = choose(g, chosen);
    groups_[g].members.clear();
    groups_[g].rows.clear();
    for (const Continuation& c : of_group) {
      chosen.push_back(c.token);
      if (groups_[g].done) continue;
      groups_[g].members.push_back(next.size());
      groups_[g].rows.push_back(next.size());
      next.push_back(c);
    }
  }
  if (next.empty()) return false;
  go_on(next);
  return !is_over();
}

std::vector<std::span<const TokenId>> GroupBeamSearch::ended_tokens() const {
  std::vector<std::span<const TokenId>> tokens;
  for (const Group& group : groups_) append_tokens(group.ended, tokens);
  return tokens;
}

std::vector<Hypothesis> GroupBeamSearch::best() {
  std::vector<Hypothesis> all;
  for (Group& group : groups_) {
    for (const std::size_t beam : group.members) group.ended.add(as_it_stands(beams()[beam]));
    all.insert(all.end(), group.ended.hypotheses().begin(), group.ended.hypotheses().end());
  }
  sort_as_popped(all);
  return all;
}

}  // namespace skald::decode
