#include "decode/logits_source.h"

#include <algorithm>
#include <limits>

#include "decode/candidates.h"  // log_sum_exp

namespace skald::decode {

LogitsSource::LogitsSource(LanguageModel& model, std::vector<TokenId> prompt, const Guidance* guidance)
    : guidance_(guidance) {
  tracks_.push_back({.track = Track(model, 0, std::move(prompt))});
  vocab_sizes_.push_back(static_cast<std::size_t>(model.vocab_size(0)));
  if (guidance == nullptr) return;
  for (const Guidance::Branch& branch : guidance->branches) {
    tracks_.push_back({.track = Track(model, branch.model, branch.prompt)});
    vocab_sizes_.push_back(static_cast<std::size_t>(model.vocab_size(branch.model)));
  }
}

LogitsSource LogitsSource::fork() const {
  LogitsSource other;
  other.guidance_ = guidance_;
  other.vocab_sizes_ = vocab_sizes_;
  other.tracks_.reserve(tracks_.size());
  for (const Voice& voice : tracks_) other.tracks_.push_back({.track = voice.track.fork()});
  return other;
}

void LogitsSource::push(TokenId token) {
  for (Voice& voice : tracks_) voice.track.push(token);
}

void LogitsSource::truncate(std::size_t n) {
  const std::size_t n_dropped = tokens().size() - n;
  for (Voice& voice : tracks_) voice.track.truncate(voice.track.tokens().size() - n_dropped);
}

void LogitsSource::drop() {
  for (Voice& voice : tracks_) voice.track.drop();
}

void LogitsSource::plan(StepPlan& plan, std::int64_t n_logits, std::int64_t n_tentative, const RowWants& also,
                        bool keep) {
  n_logits_ = n_logits;
  keep_ = keep;
  const bool stores = keep || guidance_ != nullptr;
  for (std::size_t v = 0; v < tracks_.size(); ++v) {
    Voice& voice = tracks_[v];
    voice.first_row = voice.track.plan(plan, n_logits, n_tentative, v == 0 ? also : RowWants{});
    if (stores) voice.logits.resize(static_cast<std::size_t>(n_logits) * vocab_sizes_[v]);
  }
  n_own_rows_ = also.of_all_rows() ? tracks_.front().track.n_pending() : n_logits;
  n_rows_ = static_cast<std::int32_t>(n_own_rows_ + static_cast<std::int64_t>(tracks_.size() - 1) * n_logits);
  if (guidance_ == nullptr) return;
  own_logits_.resize(tracks_[0].logits.size());
  if (n_counters_ < n_logits) {
    n_missing_ = std::make_unique<std::atomic<std::uint32_t>[]>(static_cast<std::size_t>(n_logits));
    n_counters_ = n_logits;
  }
  for (std::int64_t p = 0; p < n_logits; ++p) {
    n_missing_[static_cast<std::size_t>(p)] = static_cast<std::uint32_t>(tracks_.size());
  }
}

std::int64_t LogitsSource::longest_draft() const {
  std::int64_t longest = std::numeric_limits<std::int64_t>::max();
  for (const Voice& voice : tracks_) longest = std::min(longest, voice.track.longest_draft());
  return longest;
}

std::size_t LogitsSource::voice_of(std::int32_t row) const {
  std::size_t v = tracks_.size() - 1;
  while (tracks_[v].first_row > row) --v;
  return v;
}

std::int64_t LogitsSource::position_of(std::int32_t row) const {
  return row - tracks_.front().first_row - (n_own_rows_ - n_logits_);
}

std::int64_t LogitsSource::token_of(std::int32_t row) const {
  return std::ssize(tokens()) - n_own_rows_ + (row - tracks_.front().first_row);
}

std::span<float> LogitsSource::logits_of(std::size_t voice, std::int64_t position) {
  const std::size_t size = vocab_sizes_[voice];
  return std::span(tracks_[voice].logits).subspan(static_cast<std::size_t>(position) * size, size);
}

std::span<const float> LogitsSource::own(std::int64_t position, std::span<const float> logits) const {
  if (guidance_ == nullptr) return logits;
  return std::span(own_logits_).subspan(static_cast<std::size_t>(position) * vocab_sizes_[0], vocab_sizes_[0]);
}

std::span<float> LogitsSource::kept(std::int64_t position) { return logits_of(0, position); }

std::optional<LogitsSource::Ready> LogitsSource::take(std::int32_t row, std::span<float> logits) {
  const std::size_t voice = voice_of(row);
  const std::int64_t position = voice == 0 ? position_of(row) : row - tracks_[voice].first_row;
  if (guidance_ == nullptr && !keep_) return Ready{.position = position, .logits = logits};
  std::ranges::copy(logits, logits_of(voice, position).begin());
  if (guidance_ != nullptr) {
    if (n_missing_[static_cast<std::size_t>(position)].fetch_sub(1, std::memory_order_acq_rel) != 1) return {};
    combine(position);
  }
  return Ready{.position = position, .logits = kept(position)};
}

// Into the place of the hypothesis' own logits, in an order of its own.
void LogitsSource::combine(std::int64_t position) {
  const auto normalize = [](std::span<float> logits) {
    const double log_sum = log_sum_exp(logits);
    for (float& logit : logits) logit = static_cast<float>(logit - log_sum);
  };
  const auto branch = [&](std::int32_t i) { return logits_of(static_cast<std::size_t>(i) + 1, position); };
  for (std::size_t v = 1; v < tracks_.size(); ++v) normalize(logits_of(v, position));
  const std::span<float> out = kept(position);
  std::ranges::copy(out, own_logits_.begin() + position * std::ssize(out));
  if (guidance_->unconditional >= 0) {
    normalize(out);
    const std::span<const float> u = branch(guidance_->unconditional);
    for (std::size_t t = 0; t < out.size(); ++t) {
      if (u[t] > -std::numeric_limits<float>::infinity()) out[t] = guidance_->scale * (out[t] - u[t]) + u[t];
    }
  }
  const auto add = [out](std::span<const float> log_probs, float weight) {
    for (std::size_t t = 0; t < std::min(out.size(), log_probs.size()); ++t) {
      if (log_probs[t] > -std::numeric_limits<float>::infinity()) out[t] += weight * log_probs[t];
    }
  };
  // What a smaller vocabulary does not have cannot come.
  for (std::size_t v = 1; v < tracks_.size(); ++v) {
    if (vocab_sizes_[v] < out.size())
      std::ranges::fill(out.subspan(vocab_sizes_[v]), -std::numeric_limits<float>::infinity());
  }
  for (const Guidance::Term& term : guidance_->terms) {
    if (term.plus >= 0) add(branch(term.plus), term.weight);
    if (term.minus >= 0) add(branch(term.minus), -term.weight);
  }
}

void LogitsSource::commit() {
  for (Voice& voice : tracks_) voice.track.commit();
}

}  // namespace skald::decode
