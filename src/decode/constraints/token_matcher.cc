#include "decode/constraints/token_matcher.h"

#include <algorithm>
#include <bitset>

namespace skald::decode {
namespace {

StopStrings make_automaton(const std::vector<SoughtText>& texts) {
  std::vector<std::string> strings;
  strings.reserve(texts.size());
  for (const SoughtText& sought : texts) strings.push_back(sought.text);
  return StopStrings(strings);
}

std::uint64_t hash_of(const TokenMatcher::Outcome& outcome) {
  return (outcome.found ^ (static_cast<std::uint64_t>(outcome.state) << 1 | (outcome.forbidden ? 1U : 0U))) *
         0x9e3779b97f4a7c15;
}

}  // namespace

TokenMatcher::TokenMatcher(const text::TokenBytes& bytes, const std::vector<SoughtText>& texts, std::size_t vocab_size)
    : bytes_(bytes), automaton_(make_automaton(texts)), finds_(automaton_.size()), forbidden_(automaton_.size()) {
  for (const SoughtText& sought : texts) {
    State state = 0;
    for (const char c : sought.text) state = automaton_.next(state, static_cast<unsigned char>(c));
    finds_[state] |= sought.finds;
    if (sought.forbidden) forbidden_[state] = true;
  }
  std::vector<State> order{0};  // breadth first: a suffix comes before what it is one of
  for (std::size_t i = 0; i < order.size(); ++i) {
    const State state = order[i];
    const State shorter = automaton_.fail(state);
    finds_[state] |= finds_[shorter];
    if (forbidden_[shorter]) forbidden_[state] = true;
    automaton_.for_each_child(state, [&](unsigned char, State child) { order.push_back(child); });
  }
  outcomes_.push_back({});  // kStays
  from_root_ = weigh_all(vocab_size, [&](TokenId token) { return bytes_.of(token); });
  if (bytes_.cuts_first()) from_start_ = weigh_all(vocab_size, [&](TokenId token) { return bytes_.first(token); });
}

template <typename BytesOf>
std::vector<TokenMatcher::OutcomeId> TokenMatcher::weigh_all(std::size_t vocab_size, BytesOf bytes_of) {
  std::unordered_multimap<std::uint64_t, OutcomeId> known;
  for (OutcomeId id = 1; id < outcomes_.size(); ++id) known.emplace(hash_of(outcomes_[id]), id);
  const auto intern = [&](const Outcome& outcome) {
    const std::uint64_t hash = hash_of(outcome);
    const auto [first, last] = known.equal_range(hash);
    const auto same = std::find_if(first, last, [&](const auto& entry) { return outcomes_[entry.second] == outcome; });
    if (same != last) return same->second;
    const auto id = static_cast<OutcomeId>(outcomes_.size());
    outcomes_.push_back(outcome);
    known.emplace(hash, id);
    return id;
  };
  const OutcomeId nothing = intern({});
  std::vector<OutcomeId> ids(vocab_size, kStays);
  for (std::size_t t = 0; t < vocab_size; ++t) {
    const auto token = static_cast<TokenId>(t);
    if (bytes_.of(token).empty()) continue;
    const Outcome outcome = walk(Outcome{}, bytes_of(token));
    ids[t] = outcome == Outcome{} ? nothing : intern(outcome);
  }
  return ids;
}

TokenMatcher::Outcome TokenMatcher::step(const Outcome& from, unsigned char byte) const {
  const State state = automaton_.next(from.state, byte);
  if (forbidden_[state]) return {.forbidden = true};
  return {.state = state, .found = from.found | finds_[state]};
}

TokenMatcher::Outcome TokenMatcher::walk(Outcome from, std::string_view bytes) const {
  for (std::size_t i = 0; i < bytes.size() && !from.forbidden; ++i) {
    from = step(from, static_cast<unsigned char>(bytes[i]));
  }
  return from;
}

TokenMatcher::Outcome TokenMatcher::walk(State state, TokenId token) const {
  if (state != kStart) return walk(Outcome{.state = state}, bytes_.of(token));
  if (bytes_.of(token).empty()) return {.state = kStart};
  return walk(Outcome{}, bytes_.first(token));
}

std::size_t TokenMatcher::bytes_after(State state, std::uint64_t sought, std::string_view bytes) const {
  for (; !bytes.empty() && sought != 0; bytes.remove_prefix(1)) {
    state = automaton_.next(state, static_cast<unsigned char>(bytes[0]));
    sought &= ~finds_[state];
  }
  return bytes.size();
}

// Tokens that are alike in their first `depth` bytes, and what these do from a state and from the root.
struct TokenMatcher::Fork {
  std::span<const TokenId> tokens;
  std::size_t depth = 0;
  Outcome here = {}, root = {};
};

void TokenMatcher::collect(const Fork& fork, std::vector<Deviation>& out) const {
  const Outcome& here = fork.here;
  if (here == fork.root || fork.tokens.empty()) return;
  if (here.found != fork.root.found || here.forbidden != fork.root.forbidden) {
    // What is found stays found: all of these tokens deviate.
    for (const TokenId token : fork.tokens) {
      if (static_cast<std::size_t>(token) >= from_root_.size()) continue;
      const Outcome outcome = walk(here, bytes_.of(token).substr(fork.depth));
      if (outcome != outcomes_[from_root_[static_cast<std::size_t>(token)]]) out.push_back({token, outcome});
    }
    return;
  }
  for (const TokenId token : fork.tokens) {
    if (bytes_.of(token).size() > fork.depth) break;
    if (static_cast<std::size_t>(token) < from_root_.size()) out.push_back({token, here});
  }
  // The two stay apart only by bytes that go on with a match that the root does not have.
  std::bitset<256> bytes;
  for (State state = here.state; state != fork.root.state; state = automaton_.fail(state)) {
    automaton_.for_each_child(state, [&](unsigned char byte, State) { bytes.set(byte); });
  }
  for (std::size_t b = 0; b < bytes.size(); ++b) {
    if (!bytes[b]) continue;
    const auto byte = static_cast<unsigned char>(b);
    collect({.tokens = bytes_.narrow(fork.tokens, fork.depth, byte),
             .depth = fork.depth + 1,
             .here = step(here, byte),
             .root = step(fork.root, byte)},
            out);
  }
}

std::span<const TokenMatcher::Deviation> TokenMatcher::deviations(State state) const {
  if (state == 0 || state == kStart) return {};
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = deviations_.try_emplace(state);
  if (is_new) collect({.tokens = bytes_.sorted(), .here = {.state = state}}, entry->second);
  return entry->second;
}

}  // namespace skald::decode
