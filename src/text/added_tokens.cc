#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/utf8_walk.h"

namespace skald::text {
namespace {

std::uint64_t edge(std::uint32_t node, std::uint8_t byte) { return std::uint64_t{node} << 8 | byte; }

bool is_word_before(std::string_view text, std::size_t end) {
  if (end == 0) return false;
  const std::size_t begin = previous_char(text, end);
  return has_flag(char_at(text.data() + begin, end - begin), kIsCrateWord);
}

bool is_word_after(std::string_view text, std::size_t begin) {
  return begin < text.size() && has_flag(char_at(text.data() + begin, char_length(text[begin])), kIsCrateWord);
}

// Begin of the whitespace that ends at `end`, not before `limit`.
std::size_t spaces_before(std::string_view text, std::size_t end, std::size_t limit) {
  while (end > limit) {
    const std::size_t begin = previous_char(text, end);
    if (begin < limit || !is_space(char_at(text.data() + begin, end - begin))) break;
    end = begin;
  }
  return end;
}

// Finds the ends of whitespace runs, each byte of which is read once however often it is asked for.
class SpaceRuns {
 public:
  explicit SpaceRuns(std::string_view text) : text_(text) {}
  std::size_t end(std::size_t at) {
    if (at >= begin_ && at <= end_) return end_;
    begin_ = end_ = at;
    while (end_ < text_.size()) {
      const std::size_t length = char_length(text_[end_]);
      if (!is_space(char_at(text_.data() + end_, length))) break;
      end_ += length;
    }
    return end_;
  }

 private:
  std::string_view text_;
  std::size_t begin_ = 1, end_ = 0;  // the last run found; none yet
};

}  // namespace

StringFinder::StringFinder(std::span<const std::string_view> strings) {
  std::size_t bytes = 0;
  for (const std::string_view string : strings) bytes += string.size();
  nodes_.reserve(bytes + 1);
  nodes_.emplace_back();
  children_.reserve(bytes);
  std::vector<std::uint32_t> parent{0};  // of each node, which comes before it
  std::vector<std::uint8_t> byte_of{0};  // on the edge from its parent
  std::vector<std::uint32_t> depth{0};
  for (std::uint32_t number = 0; number < strings.size(); ++number) {
    std::uint32_t node = 0;
    for (auto it = strings[number].rbegin(); it != strings[number].rend(); ++it) {
      const auto byte = static_cast<std::uint8_t>(*it);
      std::uint32_t next = child(node, byte);
      if (next == 0) {
        next = static_cast<std::uint32_t>(nodes_.size());
        nodes_.emplace_back();
        parent.push_back(node);
        byte_of.push_back(byte);
        depth.push_back(depth[node] + 1);
        if (node == 0) {
          root_children_[byte] = next;
        } else {
          children_.insert(edge(node, byte), next);
        }
      }
      node = next;
    }
    nodes_[node].longest = number;
    nodes_[node].size = static_cast<std::uint32_t>(strings[number].size());
  }
  // Suffix links, shallow nodes first. A node without a string of its own has that of its suffix.
  std::vector<std::uint32_t> order(nodes_.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return depth[a] < depth[b]; });
  for (const std::uint32_t node : order) {
    if (node == 0) continue;
    if (depth[node] > 1) {
      std::uint32_t suffix = nodes_[parent[node]].suffix;
      while (suffix != 0 && child(suffix, byte_of[node]) == 0) suffix = nodes_[suffix].suffix;
      nodes_[node].suffix = child(suffix, byte_of[node]);
    }
    if (nodes_[node].longest != kNone) continue;
    nodes_[node].longest = nodes_[nodes_[node].suffix].longest;
    nodes_[node].size = nodes_[nodes_[node].suffix].size;
  }
}

std::uint32_t StringFinder::child(std::uint32_t node, std::uint8_t byte) const {
  if (node == 0) return root_children_[byte];
  const std::uint32_t* const found = children_.find(edge(node, byte));
  return found != nullptr ? *found : 0;
}

std::vector<StringFinder::Match> StringFinder::find(std::string_view text) const {
  const auto size = static_cast<std::uint32_t>(text.size());
  std::vector<Match> all;  // of every place where a string begins, descending
  std::uint32_t node = 0;
  if (nodes_[0].longest != kNone) all.push_back({size, size, nodes_[0].longest});
  for (std::size_t i = text.size(); i-- > 0;) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    std::uint32_t next = child(node, byte);
    while (next == 0 && node != 0) {
      node = nodes_[node].suffix;
      next = child(node, byte);
    }
    node = next;
    if (nodes_[node].longest == kNone || (nodes_[node].size == 0 && (byte & 0xc0) == 0x80)) continue;
    const auto begin = static_cast<std::uint32_t>(i);
    all.push_back({begin, begin + nodes_[node].size, nodes_[node].longest});
  }
  std::vector<Match> taken;
  std::uint32_t end = 0;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    if (it->begin < end || (it->end == end && !taken.empty())) continue;
    taken.push_back(*it);
    end = it->end;
  }
  return taken;
}

AddedTokenFinder::AddedTokenFinder(std::span<const AddedToken* const> tokens,
                                   std::span<const std::string_view> contents)
    : tokens_(tokens.begin(), tokens.end()) {
  if (!tokens_.empty()) finder_.emplace_back(contents);
}

void AddedTokenFinder::split(std::string_view text, Reads reads, Visit visit) const {
  std::size_t at = 0;  // [0, at) is visited
  if (!finder_.empty()) {
    SpaceRuns runs(text);
    for (const StringFinder::Match& match : finder_.front().find(text)) {
      const AddedToken& token = *tokens_[match.number];
      std::size_t begin = match.begin, end = match.end;
      if (!reads(begin, end, token)) continue;
      if (token.single_word && (is_word_before(text, begin) || is_word_after(text, end))) continue;
      // A token inside the whitespace that the one before took along is a token all the same, but where it would take
      // whitespace along from there on, and so has nothing left.
      if (token.lstrip) begin = std::max(spaces_before(text, begin, at), at);
      if (token.rstrip) end = runs.end(end);
      if (at < begin) visit(at, begin, nullptr);
      if (begin < end) visit(begin, end, &token);
      at = end;
    }
  }
  if (at < text.size()) visit(at, text.size(), nullptr);
}

}  // namespace skald::text
