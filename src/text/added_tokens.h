// Tokens that are found in the text before the model sees it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "text/encoding.h"
#include "text/flat_map.h"
#include "text/tokenizer.h"

namespace skald::text {

/// Finds a set of strings in texts: leftmost first, longest among those that begin there, in time linear in the text
/// however the strings overlap. The empty string is at every character and at the end, but where a match just ended.
/// An Aho-Corasick automaton of the reversed strings reads the text backwards: in each state it knows the longest
/// string that begins where it stands, and no byte is read twice.
class StringFinder {
 public:
  /// `strings` are distinct.
  explicit StringFinder(std::span<const std::string_view> strings);

  struct Match {
    std::uint32_t begin, end;
    std::uint32_t number;  // of the string
  };
  /// All matches, ascending and disjoint.
  [[nodiscard]] std::vector<Match> find(std::string_view text) const;

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Node {
    std::uint32_t suffix = 0;       // the longest proper suffix that is a node
    std::uint32_t longest = kNone;  // number of the longest string that ends here
    std::uint32_t size = 0;         // of that string
  };
  [[nodiscard]] std::uint32_t child(std::uint32_t node, std::uint8_t byte) const;

  std::vector<Node> nodes_;                // [0] is the root
  FlatMap<std::uint32_t> children_;        // of nodes but the root, by (node, byte)
  std::uint32_t root_children_[256] = {};  // 0: none
};

/// The added tokens of one kind (looked for before or after normalisation).
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  /// `contents[i]` is what `tokens[i]` looks like in the text. Both must outlive the finder.
  AddedTokenFinder(std::span<const AddedToken* const> tokens, std::span<const std::string_view> contents);

  /// Calls visit(begin, end, token) for all stretches of `text` in order: tokens, and between them text (token is
  /// null). A token that `reads` says no to is text.
  using Visit = FunctionRef<void(std::size_t begin, std::size_t end, const AddedToken* token)>;
  using Reads = FunctionRef<bool(std::size_t begin, std::size_t end, const AddedToken& token)>;
  void split(std::string_view text, Reads reads, Visit visit) const;

 private:
  std::vector<const AddedToken*> tokens_;
  std::vector<StringFinder> finder_;  // one, or none where there are no tokens
};

}  // namespace skald::text
