#include "skald/watermark.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "decode/processors/green_list.h"
#include "decode/processors/synthid.h"
#include "decode/watermark_config.h"
#include "skald/error.h"

namespace skald {

WatermarkingConfig parse_watermarking_config(std::string_view json, const std::string& file) {
  return decode::read_watermarking_config(json::parse(json, file), file, "");
}

namespace {

using Ids = std::span<const TokenId>;

void need(std::size_t n_least, Ids ids) {
  if (ids.size() >= n_least) return;
  throw OptionError({.field = "ids",
                     .value = std::to_string(ids.size()) + " tokens",
                     .rule = "must be at least " + std::to_string(n_least) + " to score one (the BOS token apart)"});
}

void judge(WatermarkScore& score, double threshold) {
  score.p_value = 0.5 * std::erfc(score.z_score / std::numbers::sqrt2);
  score.watermarked = score.z_score > threshold;
}

// Reference: WatermarkDetector.
WatermarkScore score_green(const GreenListWatermark& settings, std::size_t vocab_size, bool once, Ids ids) {
  need(static_cast<std::size_t>(settings.context_width) + 1, ids);
  const bool self = settings.seeding_scheme == GreenListWatermark::Seeding::selfhash;
  const auto n = static_cast<std::size_t>(settings.context_width) + (self ? 0 : 1);
  std::map<std::vector<TokenId>, std::int64_t> ngrams;
  for (std::size_t i = 0; i + n <= ids.size(); ++i) {
    const auto ngram = ids.subspan(i, n);
    ++ngrams[{ngram.begin(), ngram.end()}];
  }
  decode::GreenList list(settings, vocab_size);
  WatermarkScore score;
  for (const auto& [ngram, times] : ngrams) {
    const std::int64_t n_times = once ? 1 : times;
    score.n_scored += n_times;
    if (list.is_green(Ids(ngram).first(self ? n : n - 1), ngram.back())) score.n_green += n_times;
  }
  const double ratio = settings.greenlist_ratio;
  const auto scored = static_cast<double>(score.n_scored), green = static_cast<double>(score.n_green);
  score.mean = score.weighted_mean = green / scored;
  score.z_score = (green - ratio * scored) / std::sqrt(scored * ratio * (1 - ratio));
  return score;
}

// The n-grams that count: up to the end of the text, and of equal contexts the first. Reference:
// SynthIDTextWatermarkLogitsProcessor.compute_context_repetition_mask, compute_eos_token_mask.
WatermarkScore score_synthid(const SynthIdWatermark& settings, const decode::SynthIdHash& hash, Ids ids) {
  const auto n_context = static_cast<std::size_t>(settings.ngram_len - 1);
  need(n_context + 1, ids);
  const decode::ContextHistory history(settings.context_history_size);
  const std::size_t depth = hash.n_rounds();
  std::vector<std::uint64_t> contexts;
  std::vector<double> won(depth);
  WatermarkScore score;
  for (std::size_t i = n_context; i < ids.size(); ++i) {
    const std::uint64_t context = decode::SynthIdHash::of_context(ids.subspan(i - n_context, n_context));
    const bool repeated = history.holds(contexts, context);
    contexts.push_back(context);
    if (repeated) continue;
    ++score.n_scored;
    for (std::size_t round = 0; round < depth; ++round) won[round] += hash.wins(context, ids[i], round);
  }
  if (score.n_scored == 0) return score;
  double weights = 0;
  for (std::size_t round = 0; round < depth; ++round) {
    const double weight = depth == 1 ? 10 : 10 - 9 * static_cast<double>(round) / static_cast<double>(depth - 1);
    weights += weight;
    score.mean += won[round];
    score.weighted_mean += weight * won[round];
  }
  const auto n = static_cast<double>(score.n_scored);
  score.mean /= n * static_cast<double>(depth);
  score.weighted_mean /= n * weights;
  score.z_score = (score.mean - 0.5) * 2 * std::sqrt(n * static_cast<double>(depth));  // rounds are fair coins
  return score;
}

}  // namespace

struct WatermarkDetector::Impl {
  WatermarkingConfig settings;
  std::size_t vocab_size;
  Options options;
  std::optional<decode::SynthIdHash> hash;
};

WatermarkDetector::WatermarkDetector(const WatermarkingConfig& settings, std::int64_t vocab_size,
                                     const Options& options) {
  const auto checked =
      decode::read_watermarking_config(decode::watermarking_to_json(settings), {}, "watermarking_config");
  if (vocab_size < 1 || vocab_size > 1 << 24) {
    throw OptionError({.field = "vocab_size", .value = std::to_string(vocab_size), .rule = "must be in [1, 16777216]"});
  }
  impl_ = std::make_unique<Impl>(Impl{checked, static_cast<std::size_t>(vocab_size), options, {}});
  if (const auto* const synthid = std::get_if<SynthIdWatermark>(&checked)) impl_->hash.emplace(*synthid);
}

WatermarkDetector::~WatermarkDetector() = default;
WatermarkDetector::WatermarkDetector(WatermarkDetector&&) noexcept = default;
WatermarkDetector& WatermarkDetector::operator=(WatermarkDetector&&) noexcept = default;

WatermarkScore WatermarkDetector::detect(std::span<const TokenId> ids) const {
  for (const TokenId id : ids) {
    if (id >= 0 && static_cast<std::size_t>(id) < impl_->vocab_size) continue;
    throw OptionError({.field = "ids",
                       .value = std::to_string(id),
                       .rule = "must be in [0, " + std::to_string(impl_->vocab_size) + ")"});
  }
  const Options& options = impl_->options;
  if (!ids.empty() && options.bos_token_id == ids[0]) ids = ids.subspan(1);
  WatermarkScore score;
  if (const auto* const green = std::get_if<GreenListWatermark>(&impl_->settings)) {
    score = score_green(*green, impl_->vocab_size, options.ignore_repeated_ngrams, ids);
  } else {
    const auto eos = options.eos_token_id ? std::ranges::find(ids, *options.eos_token_id) : ids.end();
    ids = ids.first(static_cast<std::size_t>(eos - ids.begin()));
    score = score_synthid(std::get<SynthIdWatermark>(impl_->settings), *impl_->hash, ids);
  }
  judge(score, options.z_threshold);
  return score;
}

}  // namespace skald
