// Keeps the characters that byte-fallback tokens spell whole: where a run of them is no UTF-8, all of its text is lost,
// and with it what a phrase needs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/processor.h"
#include "text/token_bytes.h"

namespace skald::decode {

/// Takes out byte tokens that begin no character, or one that does not fit in what is left; inside a character, all
/// tokens but the bytes that go on with it.
class WellFormed final : public LogitsProcessor {
 public:
  /// `bytes` must outlive it. `limit`: tokens of the continuation.
  WellFormed(const text::TokenBytes& bytes, std::size_t vocab_size, std::int64_t limit)
      : bytes_(&bytes), limit_(limit) {
    for (TokenId id = 0; static_cast<std::size_t>(id) < std::min(vocab_size, bytes.size()); ++id) {
      if (bytes.is_fallback(id)) byte_tokens_.push_back(id);
    }
  }

  void apply(const StepContext& step, Candidates& candidates) override {
    const std::string& begun = begun_.back();
    const std::int64_t left = limit_ - step.step - 1;  // behind the token of this step
    const auto fits = [&](TokenId id) {
      const int missing = missing_after(begun, bytes_->of(id)[0]);
      return missing >= 0 && missing <= left;
    };
    if (!begun.empty()) {
      return candidates.remove_if([&](TokenId id) { return !bytes_->is_fallback(id) || !fits(id); });
    }
    for (const TokenId id : byte_tokens_) {
      if (!fits(id)) candidates.remove(id);
    }
  }
  void accept(TokenId token) override {
    std::string begun;
    if (bytes_->of(token).empty()) {
      begun = begun_.back();
    } else if (bytes_->is_fallback(token) && missing_after(begun_.back(), bytes_->of(token)[0]) > 0) {
      begun = begun_.back() + std::string(bytes_->of(token));
    }
    begun_.push_back(std::move(begun));
  }
  void rewind(std::int64_t n_tokens) override { begun_.resize(begun_.size() - static_cast<std::size_t>(n_tokens)); }
  [[nodiscard]] std::unique_ptr<LogitsProcessor> clone() const override { return std::make_unique<WellFormed>(*this); }
  [[nodiscard]] std::string_view name() const override { return "must_include"; }
  [[nodiscard]] bool may_leave_none() const override { return true; }

 private:
  // Bytes that a character still misses after `begun` and `next`; -1 where there is no such character (RFC 3629).
  static int missing_after(std::string_view begun, char next) {
    const auto byte = static_cast<unsigned char>(next);
    if (begun.empty())
      return byte < 0x80 ? 0 : byte < 0xC2 ? -1 : byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : byte < 0xF5 ? 3 : -1;
    if (byte < 0x80 || byte > 0xBF) return -1;
    const auto lead = static_cast<unsigned char>(begun[0]);
    const int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (begun.size() == 1) {
      if ((lead == 0xE0 && byte < 0xA0) || (lead == 0xED && byte > 0x9F)) return -1;
      if ((lead == 0xF0 && byte < 0x90) || (lead == 0xF4 && byte > 0x8F)) return -1;
    }
    return length - static_cast<int>(begun.size()) - 1;
  }

  const text::TokenBytes* bytes_;
  std::int64_t limit_;
  std::vector<TokenId> byte_tokens_ = {};
  std::vector<std::string> begun_ = {std::string()};  // of a character, before each token and now
};

}  // namespace skald::decode
