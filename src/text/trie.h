// Byte strings with numbers, found as prefixes of a text.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace skald::text {

/// A trie of bytes whose nodes lie in breadth-first order, so that the children of a node are one run of labels.
class ByteTrie {
 public:
  struct Entry {
    std::string_view key;
    std::int32_t value = 0;  // >= 0
  };
  ByteTrie() = default;
  /// Empty keys are left out; of equal keys the last one counts.
  explicit ByteTrie(std::vector<Entry> entries);

  static constexpr std::uint32_t kRoot = 0;
  /// The child of `node` for `byte`; kRoot where there is none.
  [[nodiscard]] std::uint32_t child(std::uint32_t node, char byte) const {
    if (node == kRoot) return root_children_[static_cast<unsigned char>(byte)];
    const Node& parent = nodes_[node];
    for (std::uint32_t i = parent.first_child; i < parent.end_child; ++i) {
      if (labels_[i] == byte) return i;
    }
    return kRoot;
  }
  /// The value of the key that ends at `node`; -1 where none does.
  [[nodiscard]] std::int32_t value(std::uint32_t node) const { return nodes_[node].value; }

  /// Calls visit(length, value) for every key that `text` begins with, shortest first.
  template <typename Visit>
  void for_each_prefix(std::string_view text, Visit visit) const {
    std::uint32_t node = kRoot;
    for (std::size_t i = 0; i < text.size(); ++i) {
      node = child(node, text[i]);
      if (node == kRoot) return;
      if (nodes_[node].value >= 0) visit(i + 1, nodes_[node].value);
    }
  }
  /// Length of the longest key that `text` begins with; 0 where none is.
  [[nodiscard]] std::size_t longest_prefix(std::string_view text) const {
    std::size_t longest = 0;
    for_each_prefix(text, [&](std::size_t length, std::int32_t) { longest = length; });
    return longest;
  }
  [[nodiscard]] bool empty() const { return nodes_.size() < 2; }

 private:
  struct Node {
    std::uint32_t first_child = 0, end_child = 0;
    std::int32_t value = -1;
  };
  std::vector<Node> nodes_{Node{}};
  std::vector<char> labels_{'\0'};  // [nodes]: the byte on the edge to each node
  std::uint32_t root_children_[256] = {};
};

}  // namespace skald::text
