// Finding stop strings in text that arrives in pieces, without letting out what may become one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skald::decode {

/// An Aho-Corasick automaton over the bytes of some strings: one walk finds all of them, in time linear in the text.
class StopStrings {
 public:
  /// `strings`: each not empty, together below 2^31 bytes.
  explicit StopStrings(std::span<const std::string> strings);

  using State = std::uint32_t;  // 0: nothing matched so far
  [[nodiscard]] State next(State state, unsigned char byte) const;
  /// Bytes at the end of the text that a string begins with: the longest such.
  [[nodiscard]] std::size_t depth(State state) const { return nodes_[state].depth; }
  /// Length of the longest string that ends here; 0: none.
  [[nodiscard]] std::size_t match(State state) const { return nodes_[state].match; }
  /// States are 0 .. size() - 1.
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  /// The state of the longest proper suffix of what `state` has matched.
  [[nodiscard]] State fail(State state) const { return nodes_[state].fail; }
  /// Calls `visit(byte, child)` for every byte that makes the match one longer.
  template <typename Visit>
  void for_each_child(State state, Visit visit) const {
    for (State c = nodes_[state].first_child; c != 0; c = nodes_[c].next_sibling) visit(nodes_[c].byte, c);
  }

 private:
  struct Node {
    State first_child = 0, next_sibling = 0;  // 0: none (the root is nobody's child)
    State fail = 0;                           // the longest proper suffix that is a node
    std::uint32_t depth = 0;
    std::uint32_t match = 0;
    unsigned char byte = 0;
  };
  [[nodiscard]] State child(State state, unsigned char byte) const;
  void insert(std::string_view string);
  void link();

  std::vector<Node> nodes_;
  std::array<State, 256> from_root_{};
};

/// One text that is searched as it grows.
class StopMatcher {
 public:
  /// `strings` may be null: then nothing is held back. `keep`: the stop string itself belongs to the text.
  StopMatcher(std::shared_ptr<const StopStrings> strings, bool keep) : strings_(std::move(strings)), keep_(keep) {}

  /// Adds `piece` and appends to `out` the text that is final now. Returns true once a stop string is found: the one
  /// that ends first, the longest of those; the text then ends before it (or with it) and nothing more is let out.
  bool push(std::string_view piece, std::string& out);
  /// Appends what was held back: no more text comes.
  void finish(std::string& out);
  /// The stop string that was found.
  [[nodiscard]] const std::string& found() const { return found_; }
  /// Bytes of the pieces that came behind it.
  [[nodiscard]] std::size_t bytes_behind() const { return behind_; }

 private:
  std::shared_ptr<const StopStrings> strings_;
  std::string held_;  // the end of the text, as long as the state is deep
  std::string found_;
  std::size_t behind_ = 0;
  StopStrings::State state_ = 0;
  bool keep_;
};

}  // namespace skald::decode
