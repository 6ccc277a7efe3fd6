// Times of one call of prompts of equal length, as its stream tells them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "skald/model.h"

namespace skald::cli {

class RowTimes {
 public:
  /// Of `rows` rows that write `length` tokens each. Time runs from here.
  RowTimes(std::int64_t rows, std::int64_t length)
      : rows_(rows), length_(length), tokens_(static_cast<std::size_t>(rows)), seen_(tokens_.size()) {}

  void count(const StreamEvent& event) {
    if (event.token_ids.empty()) return;
    const auto now = Clock::now();
    const auto row = static_cast<std::size_t>(event.prompt_index);
    const auto news = static_cast<std::int64_t>(event.token_ids.size());
    if (tokens_[row] == 0 && ++started_ == rows_) {
      prefilled_ = now;
      at_start_ = tokens_;
    }
    if (started_ == rows_ && now > prefilled_) {
      decoded_ += news;
      const double gap = seconds(std::max(prefilled_, seen_[row]), now) / static_cast<double>(news);
      gaps_.insert(gaps_.end(), event.token_ids.size(), gap);
    }
    tokens_[row] += news;
    seen_[row] = last_ = now;
    if (tokens_[row] >= length_ && full_rate_ == 0) full_rate_ = rate_of_row(row, now);
  }

  /// From the start of the call until every row has its first token.
  [[nodiscard]] double prefill_seconds() const { return seconds(start_, prefilled_); }
  /// Tokens of all rows a second while all of them write: from the last row's first token to the first row's end. Where
  /// a row ends before that, what rows wrote after prefill_seconds().
  [[nodiscard]] double decode_rate() const {
    if (full_rate_ > 0) return full_rate_;
    const double time = seconds(prefilled_, last_);
    return time > 0 ? static_cast<double>(decoded_) / time : 0;
  }
  /// Of each token after prefill_seconds(): seconds since the one before it in its row.
  [[nodiscard]] const std::vector<double>& gaps() const { return gaps_; }

 private:
  using Clock = std::chrono::steady_clock;

  static double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }

  // Rows run in step: the tokens of one of them since all write, times the rows.
  double rate_of_row(std::size_t row, Clock::time_point now) {
    if (started_ < rows_ || now <= prefilled_) return 0;
    return static_cast<double>(rows_ * (tokens_[row] - at_start_[row])) / seconds(prefilled_, now);
  }

  std::int64_t rows_;
  std::int64_t length_;
  std::vector<std::int64_t> tokens_;     // [rows]
  std::vector<std::int64_t> at_start_;   // [rows]: tokens when the last row began
  std::vector<Clock::time_point> seen_;  // [rows]: when its last token came
  std::vector<double> gaps_;
  std::int64_t started_ = 0;
  std::int64_t decoded_ = 0;
  double full_rate_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point prefilled_;
  Clock::time_point last_;
};

}  // namespace skald::cli
