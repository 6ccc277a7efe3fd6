// Texts looked for in what tokens spell: what each token would find, from each state of the search.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "decode/stop_strings.h"
#include "skald/generation_config.h"  // TokenId
#include "text/token_bytes.h"

namespace skald::decode {

/// A text that is looked for, and what it means to have found it.
struct SoughtText {
  std::string text;         // not empty
  std::uint64_t finds = 0;  // a bit for each thing that it stands for
  bool forbidden = false;
};

/// An automaton over the bytes of some texts, walked token by token. From most states nearly every token does what it
/// does from the root: that is kept once for all tokens, and for each state only the tokens that do something else.
/// Those are found in the sorted vocabulary, in time that grows with their number and not with the vocabulary.
class TokenMatcher {
 public:
  using State = StopStrings::State;
  /// The state before the first token, whose text may lose a space.
  static constexpr State kStart = ~State{0};

  /// What became of the search with a token. Of a forbidden one nothing else is kept.
  struct Outcome {
    State state = 0;
    std::uint64_t found = 0;
    bool forbidden = false;
    friend bool operator==(const Outcome&, const Outcome&) = default;
  };
  struct Deviation {
    TokenId token;
    Outcome outcome;
  };
  using OutcomeId = std::uint32_t;
  /// The outcome of tokens without bytes: the state stays.
  static constexpr OutcomeId kStays = 0;

  /// For tokens in [0, vocab_size). `bytes` must outlive it.
  TokenMatcher(const text::TokenBytes& bytes, const std::vector<SoughtText>& texts, std::size_t vocab_size);

  [[nodiscard]] State start() const { return bytes_.cuts_first() ? kStart : 0; }
  /// The outcome of `token` from `state`.
  [[nodiscard]] Outcome walk(State state, TokenId token) const;

  /// The different outcomes that tokens have from the root, or as the first one; kStays comes first.
  [[nodiscard]] std::span<const Outcome> outcomes() const { return outcomes_; }
  /// By token: which of them it has from the root. [vocab_size]
  [[nodiscard]] std::span<const OutcomeId> from_root() const { return from_root_; }
  /// The same for the first token.
  [[nodiscard]] std::span<const OutcomeId> from_start() const { return bytes_.cuts_first() ? from_start_ : from_root_; }
  /// The tokens whose outcome from `state` differs from that from the root (none for kStart), by their bytes. Made when
  /// it is first asked for; any thread.
  [[nodiscard]] std::span<const Deviation> deviations(State state) const;

  /// Of `bytes` after `state`, how many come behind the place where all of `sought` are found.
  [[nodiscard]] std::size_t bytes_after(State state, std::uint64_t sought, std::string_view bytes) const;

  [[nodiscard]] const StopStrings& automaton() const { return automaton_; }
  /// Whether a forbidden text ends in this state of the automaton.
  [[nodiscard]] bool forbidden(State state) const { return forbidden_[state]; }

 private:
  [[nodiscard]] Outcome walk(Outcome from, std::string_view bytes) const;
  [[nodiscard]] Outcome step(const Outcome& from, unsigned char byte) const;
  template <typename BytesOf>
  std::vector<OutcomeId> weigh_all(std::size_t vocab_size, BytesOf bytes_of);
  struct Fork;
  void collect(const Fork& fork, std::vector<Deviation>& out) const;

  const text::TokenBytes& bytes_;
  StopStrings automaton_;
  std::vector<std::uint64_t> finds_;  // by state
  std::vector<bool> forbidden_;       // by state
  std::vector<Outcome> outcomes_;
  std::vector<OutcomeId> from_root_, from_start_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<State, std::vector<Deviation>> deviations_;
};

}  // namespace skald::decode
