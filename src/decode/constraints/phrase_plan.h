// How many tokens it takes until texts are there that have to be: from every state of the search for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "decode/constraints/token_matcher.h"

namespace skald::decode {

/// Phrases that have to appear in the continuation, each in one of several texts.
struct PhraseSettings {
  std::vector<std::vector<std::string>> phrases;  // of each the alternatives; at most 64
  std::vector<std::string> banned = {};           // texts that never appear
  std::vector<std::string> stops = {};            // texts that end the continuation
  bool stops_stay = false;                        // the text of a stop belongs to the continuation
  std::vector<bool> unusable = {};                // tokens that never come [vocab_size], or empty
};

/// Counts tokens of the vocabulary, exactly, by shortest paths over (state of the search, phrases that are missing):
/// tokens may be cut anywhere, phrases may overlap, and nothing that is banned or stops comes in between. Where there
/// are too many of those pairs, a bound takes its place: the shortest path to one phrase, then to the others one by
/// one from the worst state. It goes down by one with the token that follows it, which is all that a guarantee needs.
class PhrasePlan {
 public:
  using State = TokenMatcher::State;
  using Phrases = std::uint64_t;  // a bit for each
  static constexpr std::uint32_t kNever = 1U << 30;

  PhrasePlan(const text::TokenBytes& bytes, const PhraseSettings& settings, std::size_t vocab_size);

  [[nodiscard]] const TokenMatcher& matcher() const { return matcher_; }
  [[nodiscard]] Phrases all() const { return all_; }
  /// Tokens that it takes from `state` until the `missing` phrases are there, at least kNever where they cannot be.
  [[nodiscard]] std::uint32_t needed(State state, Phrases missing) const;
  /// The most that any state needs.
  [[nodiscard]] std::uint32_t most_needed(Phrases missing) const;
  /// The same as needed(state, missing) after a token with this outcome.
  [[nodiscard]] std::uint32_t needed_after(const TokenMatcher::Outcome& outcome, Phrases missing) const;
  /// Tokens that complete a banned text or a stop, wherever they come.
  [[nodiscard]] const std::vector<TokenId>& forbidden() const { return forbidden_; }

  /// Bytes at the end of what `state` has matched that a stop begins with, where a stop would take them from the text.
  [[nodiscard]] std::size_t stop_begun(State state) const { return stop_begun_.empty() ? 0 : stop_begun_[state]; }
  /// Bytes of `token`, which completes the `missing` phrases after `state`, that follow the end of the last one.
  [[nodiscard]] std::size_t bytes_after(State state, Phrases missing, TokenId token) const;
  [[nodiscard]] std::size_t bytes_of(TokenId token) const { return bytes_.of(token).size(); }

 private:
  using Outcome = TokenMatcher::Outcome;
  // What tokens can do from a state: as from the root, but for what `hidden` names, and `more`.
  struct Moves {
    std::vector<TokenMatcher::OutcomeId> hidden;  // outcomes that no token has any more
    std::vector<Outcome> more;
  };
  void find_moves();
  void find_stops(const std::vector<std::string>& stops);
  template <typename Cost>
  void shorten(std::vector<std::uint32_t>& needed, Cost cost_of) const;
  void plan_exactly();
  void plan_one_by_one();
  [[nodiscard]] std::size_t n_states() const { return matcher_.automaton().size(); }

  const text::TokenBytes& bytes_;
  TokenMatcher matcher_;
  Phrases all_;
  std::size_t n_phrases_;
  bool exact_;
  std::vector<bool> unusable_;  // [vocab_size]
  std::vector<TokenId> forbidden_;
  std::vector<TokenMatcher::OutcomeId> roots_, starts_;  // outcomes that some usable token has
  std::vector<Moves> moves_;                             // by state
  std::vector<std::uint32_t> needed_;                    // exact: [missing][state]; else [phrase][state]
  std::vector<std::uint32_t> most_;                      // exact: [missing]; else [phrase]
  std::uint32_t from_start_ = 0;                         // of all phrases, before the first token
  std::vector<std::uint32_t> stop_begun_;                // [state], or empty
};

}  // namespace skald::decode
