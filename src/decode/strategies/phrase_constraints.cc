#include "decode/strategies/phrase_constraints.h"

#include <algorithm>
#include <numeric>

namespace skald::decode {

PhraseTrie::PhraseTrie(const ForcedWord& word) : nodes_(1) {
  for (const std::vector<TokenId>& phrase : word.alternatives) {
    Node node = 0;
    for (const TokenId token : phrase) {
      if (const auto known = child(node, token)) {
        node = *known;
        continue;
      }
      const auto fresh = static_cast<Node>(nodes_.size());
      const std::int64_t below = depth(node) + 1;
      nodes_[static_cast<std::size_t>(node)].next.push_back({token, fresh});
      nodes_.push_back({.next = {}, .depth = below});
      node = fresh;
    }
    height_ = std::max(height_, std::ssize(phrase));
  }
}

std::optional<PhraseTrie::Node> PhraseTrie::child(Node node, TokenId token) const {
  const std::vector<Edge>& edges = next(node);
  const auto found = std::ranges::find(edges, token, &Edge::token);
  return found == edges.end() ? std::nullopt : std::optional(found->node);
}

PhraseList::PhraseList(const std::vector<ForcedWord>& words) {
  for (const ForcedWord& word : words) {
    tries.emplace_back(word);
    longest = std::max(longest, tries.back().height());
  }
}

PhraseProgress::PhraseProgress(const PhraseList& list) : list_(&list), pending_(list.tries.size()) {
  std::iota(pending_.begin(), pending_.end(), 0);
}

PhraseProgress::PhraseProgress(const PhraseProgress& other)
    : list_(other.list_),
      pending_(other.pending_),
      under_way_(other.under_way_),
      n_complete_(other.n_complete_),
      completed_(other.completed_) {
  if (under_way_) under_way_->node = std::make_shared<PhraseTrie::Node>(*under_way_->node);
}

PhraseProgress PhraseProgress::entangled() const {
  PhraseProgress copy(*list_);
  copy.pending_ = pending_;
  copy.under_way_ = under_way_;
  copy.n_complete_ = n_complete_;
  return copy;
}

void PhraseProgress::add(TokenId token) {
  if (completed_) return;
  if (under_way_) {
    go_on(token);
  } else {
    begin(token);
  }
}

// A token that does not fit is lost: the constraint starts anew, behind the others.
void PhraseProgress::go_on(TokenId token) {
  const PhraseTrie& phrases = trie(under_way_->which);
  const auto next = phrases.child(*under_way_->node, token);
  if (!next) {
    pending_.push_back(under_way_->which);
    under_way_.reset();
    return;
  }
  *under_way_->node = *next;
  if (!phrases.next(*next).empty()) return;
  ++n_complete_;
  under_way_.reset();
  completed_ = pending_.empty();
}

void PhraseProgress::begin(TokenId token) {
  const auto first =
      std::ranges::find_if(pending_, [&](std::size_t which) { return trie(which).child(0, token).has_value(); });
  if (first == pending_.end()) return;
  const std::size_t which = *first;
  pending_.erase(first);
  const PhraseTrie::Node node = *trie(which).child(0, token);
  if (trie(which).next(node).empty()) {
    ++n_complete_;
  } else {
    under_way_ = {.which = which, .node = std::make_shared<PhraseTrie::Node>(node)};
  }
  completed_ = pending_.empty() && !under_way_;
}

std::vector<TokenId> PhraseProgress::advancing() const {
  std::vector<TokenId> tokens;
  const auto append = [&](const PhraseTrie& phrases, PhraseTrie::Node node) {
    for (const PhraseTrie::Edge& edge : phrases.next(node)) tokens.push_back(edge.token);
  };
  if (under_way_) {
    append(trie(under_way_->which), *under_way_->node);
  } else {
    for (const std::size_t which : pending_) append(trie(which), 0);
  }
  return tokens;
}

std::int64_t PhraseProgress::bank() const {
  std::int64_t bank = n_complete_ * list_->longest;
  if (under_way_) {
    const PhraseTrie& phrases = trie(under_way_->which);
    bank += list_->longest - (phrases.height() - phrases.depth(*under_way_->node));
  }
  return bank;
}

std::vector<std::size_t> PhraseProgress::unmet() const {
  std::vector<std::size_t> which = pending_;
  if (under_way_) which.push_back(under_way_->which);
  std::ranges::sort(which);
  return which;
}

}  // namespace skald::decode
