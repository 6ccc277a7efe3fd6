#include "text/trie.h"

#include <algorithm>

namespace skald::text {

ByteTrie::ByteTrie(std::vector<Entry> entries) {
  std::erase_if(entries, [](const Entry& entry) { return entry.key.empty(); });
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
  struct Span {  // the entries below a node, which agree in their first `depth` bytes
    std::size_t begin, end, depth;
  };
  std::vector<Span> spans{{0, entries.size(), 0}};  // [nodes]
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    auto [begin, end, depth] = spans[node];
    for (; begin < end && entries[begin].key.size() == depth; ++begin) nodes_[node].value = entries[begin].value;
    nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
    while (begin < end) {
      const char label = entries[begin].key[depth];
      std::size_t next = begin + 1;
      while (next < end && entries[next].key[depth] == label) ++next;
      if (node == kRoot) {
        root_children_[static_cast<unsigned char>(label)] = static_cast<std::uint32_t>(nodes_.size());
      }
      nodes_.emplace_back();
      labels_.push_back(label);
      spans.push_back({begin, next, depth + 1});
      begin = next;
    }
    nodes_[node].end_child = static_cast<std::uint32_t>(nodes_.size());
  }
}

}  // namespace skald::text
