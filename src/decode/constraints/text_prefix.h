// prefix: a text that the continuation begins with, however its tokens are cut.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/processor.h"
#include "text/token_bytes.h"

namespace skald::decode {

/// Every way to write a text in tokens, and how few each part takes. Immutable.
class PrefixPlan {
 public:
  static constexpr std::uint32_t kNever = 1U << 30;
  /// `unusable`: tokens that never come [vocab_size]. `bytes` must outlive the plan.
  PrefixPlan(const text::TokenBytes& bytes, std::string text, const std::vector<bool>& unusable);

  [[nodiscard]] std::size_t size() const { return text_.size(); }
  /// Tokens that the text takes at least: from byte `at` on, or as the first ones of the continuation.
  [[nodiscard]] std::uint32_t needed(std::size_t at) const { return needed_[at]; }
  [[nodiscard]] std::uint32_t needed_at_start() const { return at_start_needed_; }
  /// Calls `visit(token, at)` for every token that goes on from byte `at` with nothing but the text, or with all of its
  /// rest and more; the second argument is where it leads.
  template <typename Visit>
  void for_each_token(std::size_t at, bool at_start, Visit visit) const {
    if (at_start) {
      for (const auto& [token, next] : at_start_) visit(token, next);
      return;
    }
    walk(at, visit);
  }
  /// The fewest tokens that write the text from its beginning, after some text; empty where there are none.
  [[nodiscard]] std::vector<TokenId> shortest() const;
  [[nodiscard]] const text::TokenBytes& bytes() const { return bytes_; }

 private:
  template <typename Visit>
  void walk(std::size_t at, Visit visit) const {
    auto tokens = bytes_.sorted();
    for (std::size_t depth = 0; at + depth < size(); ++depth) {
      tokens = bytes_.narrow(tokens, depth, static_cast<unsigned char>(text_[at + depth]));
      const bool whole = at + depth + 1 == size();
      for (const TokenId token : tokens) {
        if (!whole && bytes_.of(token).size() > depth + 1) break;
        if (usable(token)) visit(token, at + depth + 1);
      }
    }
  }
  [[nodiscard]] bool usable(TokenId token) const {
    return static_cast<std::size_t>(token) < unusable_.size() && !unusable_[static_cast<std::size_t>(token)];
  }

  const text::TokenBytes& bytes_;
  std::string text_;
  std::vector<bool> unusable_;
  std::vector<std::uint32_t> needed_;  // [size + 1]
  std::vector<std::pair<TokenId, std::size_t>> at_start_;
  std::uint32_t at_start_needed_ = kNever;
};

/// Until the text is there, takes out every token that does not go on with it, or after which it does not fit.
class TextPrefix final : public LogitsProcessor {
 public:
  /// `limit`: tokens within which the text has to be there.
  TextPrefix(std::shared_ptr<const PrefixPlan> plan, std::int64_t limit) : plan_(std::move(plan)), limit_(limit) {}

  void apply(const StepContext& step, Candidates& candidates) override;
  void accept(TokenId token) override;
  void rewind(std::int64_t n_tokens) override { past_.resize(past_.size() - static_cast<std::size_t>(n_tokens)); }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<TextPrefix>(*this); }
  [[nodiscard]] std::string_view name() const override { return "prefix"; }
  [[nodiscard]] bool may_leave_none() const override { return true; }

 private:
  struct Now {
    std::size_t at = 0;  // bytes written
    bool started = false;
  };
  std::shared_ptr<const PrefixPlan> plan_;
  std::int64_t limit_;
  std::vector<Now> past_ = {Now{}};                   // before each token, and now
  std::vector<std::pair<TokenId, float>> kept_ = {};  // of this step
};

}  // namespace skald::decode
