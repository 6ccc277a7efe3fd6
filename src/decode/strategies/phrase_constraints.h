// What constrained beam search must still write. Reference: transformers 4.49, generation/beam_constraints.py :
// DisjunctiveConstraint (of which PhrasalConstraint is the case of one alternative) and ConstraintListState.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "skald/generation_config.h"  // ForcedWord

namespace skald::decode {

/// The alternatives of one constraint, as a trie.
class PhraseTrie {
 public:
  using Node = std::int32_t;  // 0: the root

  explicit PhraseTrie(const ForcedWord& word);

  struct Edge {
    TokenId token;
    Node node;
  };
  /// What may come next, in the order of the alternatives; nothing where an alternative is complete.
  [[nodiscard]] const std::vector<Edge>& next(Node node) const { return nodes_[static_cast<std::size_t>(node)].next; }
  [[nodiscard]] std::optional<Node> child(Node node, TokenId token) const;
  [[nodiscard]] std::int64_t depth(Node node) const { return nodes_[static_cast<std::size_t>(node)].depth; }
  /// Tokens of the longest alternative.
  [[nodiscard]] std::int64_t height() const { return height_; }

 private:
  struct TrieNode {
    std::vector<Edge> next;
    std::int64_t depth = 0;
  };
  std::vector<TrieNode> nodes_;
  std::int64_t height_ = 0;
};

/// The constraints of one request.
struct PhraseList {
  explicit PhraseList(const std::vector<ForcedWord>& words);
  std::vector<PhraseTrie> tries;
  std::int64_t longest = 0;  // height of the highest trie
};

/// How far a hypothesis has come with its constraints: it works on one at a time and turns to the next that a token
/// begins.
class PhraseProgress {
 public:
  /// `list`: must outlive the progress.
  explicit PhraseProgress(const PhraseList& list);
  /// Copies are independent.
  PhraseProgress(const PhraseProgress& other);
  PhraseProgress(PhraseProgress&&) = default;
  PhraseProgress& operator=(const PhraseProgress&) = delete;
  PhraseProgress& operator=(PhraseProgress&&) = default;
  ~PhraseProgress() = default;

  /// The hypothesis goes on with `token`.
  void add(TokenId token);
  [[nodiscard]] bool completed() const { return completed_; }
  /// Tokens that get a constraint on; a token may come more than once.
  [[nodiscard]] std::vector<TokenId> advancing() const;
  /// The more, the further: constraints that are met, times the longest, and tokens of the one under way.
  [[nodiscard]] std::int64_t bank() const;
  /// A copy that shares the place in the constraint under way with this one: the reference's copies do, so that a token
  /// added to one of them is seen by all.
  [[nodiscard]] PhraseProgress entangled() const;
  /// Numbers of the constraints that are not met.
  [[nodiscard]] std::vector<std::size_t> unmet() const;

 private:
  struct UnderWay {
    std::size_t which;
    std::shared_ptr<PhraseTrie::Node> node;
  };
  [[nodiscard]] const PhraseTrie& trie(std::size_t which) const { return list_->tries[which]; }
  void go_on(TokenId token);
  void begin(TokenId token);

  const PhraseList* list_;
  std::vector<std::size_t> pending_;
  std::optional<UnderWay> under_way_;
  std::int64_t n_complete_ = 0;
  bool completed_ = false;
};

}  // namespace skald::decode
