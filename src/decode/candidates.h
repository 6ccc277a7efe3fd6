// The tokens that may still be chosen at one step, with their logits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "skald/generation_config.h"  // TokenId

namespace skald::decode {

struct Candidate {
  TokenId token;
  float logit;
};

/// What a set of candidates says as probabilities: softmax over their logits.
struct Distribution {
  float max = -std::numeric_limits<float>::infinity();  // logit
  double log_sum = 0;                                   // ln of the sum of exp(logit)
  double entropy = 0;                                   // nats
  [[nodiscard]] float log_p(float logit) const { return static_cast<float>(logit - log_sum); }
};

/// Owns how the set is held: dense over the caller's logits until the first filter, then a list of survivors, sorted or
/// not. Processors never need to know. Values are always logits; a logit of -inf means that the token is out. One
/// object serves one thread and every step: after construction nothing allocates.
class Candidates {
 public:
  /// For steps over at most `vocab_size` tokens.
  explicit Candidates(std::size_t vocab_size);

  /// Begins a step: every token of `logits` [vocab_size] is a candidate. Changes are written there while dense.
  void reset(std::span<float> logits);

  /// Entries held; tokens at -inf are counted until a filter drops them.
  [[nodiscard]] std::size_t size() const { return dense_ ? logits_.size() : entries_.size(); }

  /// Whether every token is still held, in order.
  [[nodiscard]] bool dense() const { return dense_; }

  /// Calls `visit(token, logit)` for every entry; tokens ascend while dense.
  template <typename Visit>
  void for_each(Visit visit) const {
    if (dense_) {
      for (std::size_t t = 0; t < logits_.size(); ++t) visit(static_cast<TokenId>(t), logits_[t]);
    } else {
      for (const Candidate& c : entries_) visit(c.token, c.logit);
    }
  }

  /// Replaces every logit by `change(logit)`, which must not change their order.
  template <typename Change>
  void transform(Change change) {
    if (dense_) {
      for (float& logit : logits_) logit = change(logit);
    } else {
      for (Candidate& c : entries_) c.logit = change(c.logit);
    }
  }

  /// The same for a `change` that may reorder.
  template <typename Change>
  void replace(Change change) {
    transform(change);
    sorted_ = false;
  }

  /// Of one token; -inf where it is no candidate any more.
  [[nodiscard]] float logit(TokenId token) const;

  /// Replaces the logit of one token by `change(logit)`; nothing happens where it is no candidate any more.
  template <typename Change>
  void update(TokenId token, Change change) {
    if (float* logit = find(token)) {
      *logit = change(*logit);
      sorted_ = false;
    }
  }

  /// Replaces the logit of every candidate by `change(token, logit)`.
  template <typename Change>
  void change_each(Change change) {
    for (std::size_t t = 0; dense_ && t < logits_.size(); ++t) logits_[t] = change(static_cast<TokenId>(t), logits_[t]);
    for (Candidate& c : entries_) c.logit = change(c.token, c.logit);
    sorted_ = false;
  }

  /// Lets `change` write all logits [vocab_size] in place; filters that came before are kept as -inf.
  template <typename Change>
  void edit(Change change) {
    if (!dense_) {
      std::ranges::fill(logits_, -std::numeric_limits<float>::infinity());
      for (const Candidate& c : entries_) logits_[static_cast<std::size_t>(c.token)] = c.logit;
      dense_ = true;
    }
    sorted_ = false;
    change(logits_);
  }

  /// Takes `token` out.
  void remove(TokenId token) {
    update(token, [](float) { return -std::numeric_limits<float>::infinity(); });
  }

  /// Takes out the tokens for which `out(token)`.
  template <typename Out>
  void remove_if(Out out) {
    constexpr float kOut = -std::numeric_limits<float>::infinity();
    if (dense_) {
      for (std::size_t t = 0; t < logits_.size(); ++t) {
        if (out(static_cast<TokenId>(t))) logits_[t] = kOut;
      }
    } else {
      for (Candidate& c : entries_) {
        if (out(c.token)) c.logit = kOut;
      }
      sorted_ = false;
    }
  }

  /// Only `tokens` are candidates, all with logit 0.
  void force(std::span<const TokenId> tokens);

  /// Keeps the candidates whose logit satisfies `keep`; those at -inf go in any case.
  template <typename Keep>
  void keep_if(Keep keep) {
    const auto stays = [&](float logit) { return logit > -std::numeric_limits<float>::infinity() && keep(logit); };
    if (dense_) {
      entries_.clear();
      for_each([&](TokenId token, float logit) {
        if (stays(logit)) entries_.push_back({token, logit});
      });
      dense_ = false;
      sorted_ = false;
    } else {
      std::erase_if(entries_, [&](const Candidate& c) { return !stays(c.logit); });
    }
  }

  /// Keeps the logits that are at least `least`.
  void keep_from(float least) {
    keep_if([least](float logit) { return logit >= least; });
  }

  /// The k-th largest logit (k >= 1), or the least where there are fewer. -inf counts.
  [[nodiscard]] float kth_largest(std::size_t k);

  /// Keeps the k largest logits and all that tie with the k-th.
  void top_k(std::size_t k);

  /// Which token top_p() ends with.
  enum class TopPEnd {
    reaches,  // the one at which the probabilities first reach p. transformers' rule: sorted ascending, those are
              // dropped whose cumulative probability is <= 1 - p
    stays,    // the last one with which they do not exceed p
  };
  /// Keeps the candidates from the best down to the one that `end` names; at least `keep`. Among equal logits the lower
  /// token ids are kept.
  void top_p(double p, std::size_t keep = 1, TopPEnd end = TopPEnd::reaches);

  /// Best first, equal logits by ascending token. Candidates at -inf are gone.
  std::span<const Candidate> sorted() { return best(size()); }
  /// The n best of them (or all), in that order.
  std::span<const Candidate> best(std::size_t n);
  /// Keeps the first n of what best() gave last.
  void keep_best(std::size_t n) {
    entries_.resize(n);
    sorted_ = true;
  }

  /// Takes the n best out.
  void drop_best(std::size_t n) {
    const auto n_held = static_cast<std::ptrdiff_t>(best(n).size());
    entries_.erase(entries_.begin(), entries_.begin() + n_held);
  }

  [[nodiscard]] Distribution distribution() const;

  /// Largest logit; -inf where there is no candidate.
  [[nodiscard]] float max() const;

  /// The token with the largest logit, the lowest id on ties; -1 where there is no candidate.
  [[nodiscard]] TokenId argmax() const;

 private:
  float* find(TokenId token);

  std::span<float> logits_;         // [vocab_size], the caller's
  std::vector<Candidate> entries_;  // where not dense
  std::vector<float> scratch_;      // [vocab_size] at most
  bool dense_ = true;
  bool sorted_ = false;  // entries_ are best first
};

/// Of a list of candidates.
Distribution distribution_of(std::span<const Candidate> candidates);

/// Largest of `values`; -inf for none. NaN values are passed over.
float max_of(std::span<const float> values);

/// The n best of `logits`, best first and ties to the lowest id, as log-probabilities logit - log_sum.
void best_logprobs(std::span<const float> logits, std::int64_t n, double log_sum,
                   std::vector<std::pair<TokenId, float>>& out);

/// log(sum(exp(values))), added in double in the order given.
double log_sum_exp(std::span<const float> values);

}  // namespace skald::decode
