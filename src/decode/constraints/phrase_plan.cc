#include "decode/constraints/phrase_plan.h"

#include <algorithm>
#include <bit>

namespace skald::decode {
namespace {

// Pairs of state and missing phrases: some milliseconds.
constexpr std::size_t kMostPairs = std::size_t{1} << 14;

std::vector<SoughtText> sought_texts(const PhraseSettings& settings) {
  std::vector<SoughtText> sought;
  for (std::size_t i = 0; i < settings.phrases.size(); ++i) {
    for (const std::string& text : settings.phrases[i]) {
      sought.push_back({.text = text, .finds = std::uint64_t{1} << i, .forbidden = false});
    }
  }
  for (const auto* const texts : {&settings.banned, &settings.stops}) {
    for (const std::string& text : *texts) sought.push_back({.text = text, .finds = 0, .forbidden = true});
  }
  return sought;
}

std::vector<TokenMatcher::OutcomeId> distinct(std::span<const TokenMatcher::OutcomeId> outcomes,
                                              const std::vector<bool>& unusable) {
  std::vector<TokenMatcher::OutcomeId> ids;
  for (std::size_t t = 0; t < outcomes.size(); ++t) {
    if (!unusable[t] && outcomes[t] != TokenMatcher::kStays) ids.push_back(outcomes[t]);
  }
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace

PhrasePlan::PhrasePlan(const text::TokenBytes& bytes, const PhraseSettings& settings, std::size_t vocab_size)
    : bytes_(bytes),
      matcher_(bytes, sought_texts(settings), vocab_size),
      all_(~Phrases{0} >> (64 - settings.phrases.size())),
      n_phrases_(settings.phrases.size()),
      exact_(n_phrases_ < 14 && n_states() << n_phrases_ <= kMostPairs),
      unusable_(settings.unusable.empty() ? std::vector<bool>(vocab_size) : settings.unusable),
      roots_(distinct(matcher_.from_root(), unusable_)),
      starts_(distinct(matcher_.from_start(), unusable_)),
      moves_(n_states()) {
  for (std::size_t t = 0; t < vocab_size; ++t) {
    if (matcher_.outcomes()[matcher_.from_root()[t]].forbidden) forbidden_.push_back(static_cast<TokenId>(t));
  }
  find_moves();
  if (!settings.stops_stay && !settings.stops.empty()) find_stops(settings.stops);
  if (exact_) {
    plan_exactly();
  } else {
    plan_one_by_one();
  }
  from_start_ = kNever;
  for (const auto id : starts_) from_start_ = std::min(from_start_, 1 + needed_after(matcher_.outcomes()[id], all_));
}

void PhrasePlan::find_moves() {
  std::vector<std::uint32_t> n_tokens(matcher_.outcomes().size());  // by outcome from the root
  for (std::size_t t = 0; t < unusable_.size(); ++t) n_tokens[matcher_.from_root()[t]] += unusable_[t] ? 0 : 1;
  std::vector<std::uint32_t> left;
  for (State state = 1; state < n_states(); ++state) {
    if (matcher_.forbidden(state)) continue;
    Moves& moves = moves_[state];
    left = n_tokens;
    for (const TokenMatcher::Deviation& deviation : matcher_.deviations(state)) {
      const auto t = static_cast<std::size_t>(deviation.token);
      if (unusable_[t]) continue;
      if (--left[matcher_.from_root()[t]] == 0) moves.hidden.push_back(matcher_.from_root()[t]);
      const Outcome& outcome = deviation.outcome;
      if (!outcome.forbidden && std::ranges::find(moves.more, outcome) == moves.more.end()) {
        moves.more.push_back(outcome);
      }
    }
  }
}

void PhrasePlan::find_stops(const std::vector<std::string>& stops) {
  const StopStrings& automaton = matcher_.automaton();
  stop_begun_.resize(n_states());
  for (const std::string& stop : stops) {
    State state = 0;
    for (const char c : stop) {
      state = automaton.next(state, static_cast<unsigned char>(c));
      stop_begun_[state] = static_cast<std::uint32_t>(automaton.depth(state));
    }
  }
  std::vector<State> order{0};  // shorter suffixes first
  for (std::size_t i = 0; i < order.size(); ++i) {
    const State state = order[i];
    stop_begun_[state] = std::max(stop_begun_[state], stop_begun_[automaton.fail(state)]);
    automaton.for_each_child(state, [&](unsigned char, State child) { order.push_back(child); });
  }
}

// Bellman-Ford, in place: `needed` [state] goes down to the shortest paths, where a token whose outcome is o costs
// cost_of(o, needed).
template <typename Cost>
void PhrasePlan::shorten(std::vector<std::uint32_t>& needed, Cost cost_of) const {
  std::vector<std::uint32_t> costs(matcher_.outcomes().size(), kNever);
  for (bool changed = true; changed;) {
    changed = false;
    std::uint32_t best_root = kNever;
    for (const auto id : roots_) {
      costs[id] = cost_of(matcher_.outcomes()[id], needed);
      best_root = std::min(best_root, costs[id]);
    }
    for (State state = 0; state < n_states(); ++state) {
      if (matcher_.forbidden(state)) continue;
      const Moves& moves = moves_[state];
      std::uint32_t best = best_root;
      if (!moves.hidden.empty()) {
        best = kNever;
        for (const auto id : roots_) {
          if (costs[id] < best && std::ranges::find(moves.hidden, id) == moves.hidden.end()) best = costs[id];
        }
      }
      for (const Outcome& outcome : moves.more) best = std::min(best, cost_of(outcome, needed));
      if (best >= needed[state]) continue;
      needed[state] = best;
      changed = true;
    }
  }
}

void PhrasePlan::plan_exactly() {
  const std::size_t n = n_states();
  needed_.resize(n << n_phrases_);  // nothing is needed where nothing is missing
  most_.resize(std::size_t{1} << n_phrases_);
  std::vector<std::uint32_t> needed;
  for (Phrases missing = 1; missing <= all_; ++missing) {  // fewer phrases come before
    needed.assign(n, kNever);
    shorten(needed, [&](const Outcome& outcome, const std::vector<std::uint32_t>& now) {
      if (outcome.forbidden) return kNever;
      const Phrases left = missing & ~outcome.found;
      return std::min(kNever, 1 + (left == missing ? now[outcome.state] : needed_[left * n + outcome.state]));
    });
    std::ranges::copy(needed, needed_.begin() + static_cast<std::ptrdiff_t>(missing * n));
    for (State state = 0; state < n; ++state) {
      if (!matcher_.forbidden(state)) most_[missing] = std::max(most_[missing], needed[state]);
    }
  }
}

// A state from which some phrase cannot be reached is not to be entered.
void PhrasePlan::plan_one_by_one() {
  const std::size_t n = n_states();
  std::vector<bool> dead(n);
  for (bool changed = true; changed;) {
    changed = false;
    needed_.clear();
    most_.assign(n_phrases_, 0);
    for (std::size_t phrase = 0; phrase < n_phrases_; ++phrase) {
      std::vector<std::uint32_t> needed(n, kNever);
      shorten(needed, [&](const Outcome& outcome, const std::vector<std::uint32_t>& now) {
        if (outcome.forbidden || dead[outcome.state]) return kNever;
        return std::min(kNever, 1 + ((outcome.found >> phrase & 1) != 0 ? 0 : now[outcome.state]));
      });
      for (State state = 0; state < n; ++state) {
        if (dead[state] || matcher_.forbidden(state)) needed[state] = kNever;
        if (!dead[state] && !matcher_.forbidden(state) && needed[state] == kNever) dead[state] = changed = true;
        if (!dead[state] && !matcher_.forbidden(state)) most_[phrase] = std::max(most_[phrase], needed[state]);
      }
      needed_.insert(needed_.end(), needed.begin(), needed.end());
    }
  }
}

std::uint32_t PhrasePlan::needed(State state, Phrases missing) const {
  if (missing == 0) return 0;
  if (state == TokenMatcher::kStart) return from_start_;
  if (exact_) return needed_[missing * n_states() + state];
  std::uint64_t others = 0;
  for (Phrases left = missing; left != 0; left &= left - 1) {
    others += most_[static_cast<std::size_t>(std::countr_zero(left))];
  }
  std::uint64_t best = kNever;
  for (Phrases left = missing; left != 0; left &= left - 1) {
    const auto phrase = static_cast<std::size_t>(std::countr_zero(left));
    const std::uint32_t first = needed_[phrase * n_states() + state];
    if (first == kNever) return kNever;
    best = std::min(best, first + others - most_[phrase]);
  }
  return static_cast<std::uint32_t>(best);
}

std::uint32_t PhrasePlan::most_needed(Phrases missing) const {
  if (missing == 0) return 0;
  const std::uint32_t at_start = missing == all_ ? from_start_ : 0;
  if (exact_) return std::max(most_[missing], at_start);
  std::uint64_t sum = 0;
  for (Phrases left = missing; left != 0; left &= left - 1) {
    sum += most_[static_cast<std::size_t>(std::countr_zero(left))];
  }
  return std::max(static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, kNever)), at_start);
}

std::uint32_t PhrasePlan::needed_after(const TokenMatcher::Outcome& outcome, Phrases missing) const {
  return outcome.forbidden ? kNever : needed(outcome.state, missing & ~outcome.found);
}

std::size_t PhrasePlan::bytes_after(State state, Phrases missing, TokenId token) const {
  const bool first = state == TokenMatcher::kStart;
  const std::string_view bytes = first ? bytes_.first(token) : bytes_.of(token);
  return matcher_.bytes_after(first ? 0 : state, missing, bytes);
}

}  // namespace skald::decode
