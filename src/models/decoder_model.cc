#include "models/decoder_model.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "models/encoder_pass.h"
#include "skald/error.h"

namespace skald::models {
namespace {

constexpr std::size_t kHeadTile = 64;  // rows whose logits exist at a time

bool wants_layer(std::span<const std::int32_t> layers, std::int32_t layer) {
  return std::ranges::find(layers, layer) != layers.end();
}

// The best `n` tokens of a row of logits, best first, ties to the lowest id.
std::vector<std::pair<TokenId, float>> best_tokens(const float* logits, std::size_t vocab, std::size_t n, float lse) {
  n = std::min(n, vocab);
  std::vector<TokenId> ids(vocab);
  std::iota(ids.begin(), ids.end(), 0);
  const auto better = [logits](TokenId a, TokenId b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n), ids.end(), better);
  std::vector<std::pair<TokenId, float>> best;
  best.reserve(n);
  for (std::size_t i = 0; i < n; ++i) best.emplace_back(ids[i], logits[ids[i]] - lse);
  return best;
}

}  // namespace

// One run of the loop: what it delivers, tile by tile.
class DecoderModel::Pass {
 public:
  Pass(const DecoderModel& model, std::int32_t n_layers, nn::Context& context, OutputSink& out)
      : model_(model),
        n_layers_(n_layers > 0 ? n_layers : static_cast<std::int32_t>(model.shape_.n_layers)),
        context_(context),
        out_(out),
        hidden_(static_cast<std::size_t>(model.shape_.hidden_size)),
        vocab_(static_cast<std::size_t>(model.shape_.vocab_size)) {
    check_rows();
  }

  bool run(const CancelPoll& cancelled) {
    float* const x = context_.work->hidden.ensure(context_.rows.size() * hidden_);
    const nn::AttentionTap tap = [this](std::size_t row, int layer, const float* probabilities, std::size_t n_heads,
                                        std::int64_t n_keys) {
      out_.on_attentions(static_cast<std::int32_t>(row), layer, probabilities, static_cast<std::int64_t>(n_heads),
                         n_keys);
    };
    const bool taps_attention = std::ranges::any_of(context_.rows, [](const nn::Row& r) { return r.wants.attentions; });
    context_.attention_tap = taps_attention ? &tap : nullptr;
    model_.embed(x, context_);
    deliver_taps(0, x);
    for (std::int32_t i = 0; i < n_layers_; ++i) {
      if (cancelled && cancelled()) return false;
      model_.layer(i, x, context_);
      add_controls(i, x);
      if (i + 1 < n_layers_) deliver_taps(i + 1, x);
    }
    if (cancelled && cancelled()) return false;
    deliver_final_taps(x);
    deliver_head(x);
    return true;
  }

 private:
  void check_rows() const {
    for (const nn::Row& row : context_.rows) {
      if (row.embedding == nullptr && (row.token < 0 || row.token >= model_.shape_.vocab_size)) {
        throw UsageError("batch: token " + std::to_string(row.token) + " is not in [0, " +
                         std::to_string(model_.shape_.vocab_size) + ")");
      }
      if (model_.shape_.hard_limit && row.position >= model_.shape_.max_positions) {
        throw UsageError("batch: position " + std::to_string(row.position) + " is beyond the model's " +
                         std::to_string(model_.shape_.max_positions) + " positions");
      }
      if (row.wants.attentions && model_.shape_.n_heads == 0) {
        throw UsageError("batch: there are no attentions in a model without attention");
      }
      if (row.controls != nullptr && !fits(*row.controls)) {
        throw UsageError("batch: control vectors are one of " + std::to_string(hidden_) +
                         " numbers (or none) for each of " + std::to_string(model_.shape_.n_layers) + " layers");
      }
      if (row.adapter < 0 || row.adapter > model_.n_adapters_) {
        throw UsageError("batch: there is no adapter " + std::to_string(row.adapter));
      }
      if (row.wants.score && (row.wants.score_token < 0 || row.wants.score_token >= model_.shape_.vocab_size)) {
        throw UsageError("batch: no score for token " + std::to_string(row.wants.score_token));
      }
    }
  }

  [[nodiscard]] bool fits(const nn::ControlVectors& controls) const {
    return std::ssize(controls.after_layer) == model_.shape_.n_layers &&
           std::ranges::all_of(controls.after_layer, [&](const auto& v) { return v.empty() || v.size() == hidden_; });
  }

  void add_controls(std::int32_t layer, float* x) const {
    for (std::size_t r = 0; r < context_.rows.size(); ++r) {
      const nn::ControlVectors* const controls = context_.rows[r].controls;
      if (controls == nullptr) continue;
      const auto& vector = controls->after_layer[static_cast<std::size_t>(layer)];
      if (!vector.empty()) kernels::table().add(vector.data(), hidden_, x + r * hidden_);
    }
  }

  // Rows that satisfy `wanted`, at most kHeadTile at a time.
  template <typename Wanted, typename Deliver>
  void by_tiles(Wanted wanted, Deliver deliver) const {
    std::array<std::int32_t, kHeadTile> rows{};
    std::size_t count = 0;
    for (std::size_t r = 0; r <= context_.rows.size(); ++r) {
      const bool ends = r == context_.rows.size();
      if (!ends && wanted(context_.rows[r].wants)) rows[count++] = static_cast<std::int32_t>(r);
      if (count == kHeadTile || (ends && count > 0)) {
        deliver(std::span<const std::int32_t>(rows.data(), count));
        count = 0;
      }
    }
  }

  // Logits [rows, vocab] of the hidden states of `rows`. Those of earlier layers (not `normed`) are the head's alone:
  // without the final norm, scale and soft cap.
  float* head_of(std::span<const std::int32_t> rows, const float* x, bool normed) const {
    float* const in = context_.work->head_in.ensure(kHeadTile * hidden_);
    float* const logits = context_.work->logits.ensure(kHeadTile * vocab_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(x + static_cast<std::size_t>(rows[i]) * hidden_, hidden_, in + i * hidden_);
    }
    nn::ProductInput input{.x = in, .rows = rows.size(), .norm = normed ? model_.final_norm() : nullptr};
    if (const nn::Linear* const before = model_.before_head(); before != nullptr) {
      float* const narrow = context_.work->up.ensure(kHeadTile * before->out_features());
      const nn::Product product{before, narrow};
      nn::multiply(input, {&product, 1}, context_);
      input = {.x = narrow, .rows = rows.size()};
    }
    const nn::Product product{&model_.head(), logits};
    nn::multiply(input, {&product, 1}, context_, [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t r = 0; normed && r < rows.size(); ++r) shape_logits(begin, end, logits + r * vocab_);
    });
    return logits;
  }

  // Logits [begin, end) of a row.
  void shape_logits(std::size_t begin, std::size_t end, float* logits) const {
    for (std::size_t i = begin; model_.logits_scale_ != 1 && i < end; ++i) logits[i] *= model_.logits_scale_;
    for (std::size_t i = begin; !model_.logit_scales_.empty() && i < end; ++i) logits[i] *= model_.logit_scales_[i];
    if (model_.logits_softcap_ > 0) kernels::table().soft_cap(model_.logits_softcap_, end - begin, logits + begin);
  }

  void deliver_logits_at(std::int32_t layer, const float* x, bool normed) const {
    by_tiles([&](const nn::Wants& wants) { return wants_layer(wants.logits_at, layer); },
             [&](std::span<const std::int32_t> rows) {
               const float* const logits = head_of(rows, x, normed);
               for (std::size_t i = 0; i < rows.size(); ++i) out_.on_logits_at(rows[i], layer, logits + i * vocab_);
             });
  }

  void deliver_taps(std::int32_t layer, const float* x) const {
    for (std::size_t r = 0; r < context_.rows.size(); ++r) {
      if (!wants_layer(context_.rows[r].wants.hidden_at, layer)) continue;
      out_.on_hidden(static_cast<std::int32_t>(r), layer, x + r * hidden_);
    }
    deliver_logits_at(layer, x, /*normed=*/false);
  }

  // After the last layer the hidden state is the one behind the final norm.
  void deliver_final_taps(const float* x) const {
    const std::int32_t layer = n_layers_;
    for (std::size_t r = 0; r < context_.rows.size(); ++r) {
      if (!wants_layer(context_.rows[r].wants.hidden_at, layer)) continue;
      float* const last = context_.work->head_in.ensure(kHeadTile * hidden_);
      std::copy_n(x + r * hidden_, hidden_, last);
      if (model_.final_norm() != nullptr) model_.final_norm()->forward(last, last);
      out_.on_hidden(static_cast<std::int32_t>(r), layer, last);
    }
    deliver_logits_at(layer, x, /*normed=*/true);
  }

  // Scores and logits. Within a tile the rows that want logits stand first, so that theirs are contiguous.
  void deliver_head(const float* x) const {
    by_tiles([](const nn::Wants& wants) { return wants.logits || wants.score; },
             [&](std::span<const std::int32_t> tile) {
               std::array<std::int32_t, kHeadTile> rows{};
               const auto wants_logits = [&](std::int32_t r) { return wants(r).logits; };
               const auto scores_only = std::ranges::copy_if(tile, rows.begin(), wants_logits).out;
               const auto end = std::ranges::remove_copy_if(tile, scores_only, wants_logits).out;
               float* const logits = head_of({rows.begin(), end}, x, /*normed=*/true);
               for (auto row = rows.begin(); row != end; ++row) {
                 if (wants(*row).score) score(*row, logits + static_cast<std::size_t>(row - rows.begin()) * vocab_);
               }
               if (scores_only != rows.begin()) out_.on_logits({rows.begin(), scores_only}, logits);
             });
  }

  void score(std::int32_t row, const float* logits) const {
    const float lse = kernels::table().log_sum_exp(logits, vocab_);
    RowScore result{.log_prob = logits[wants(row).score_token] - lse, .top = {}};
    const std::int32_t n = wants(row).score_top;
    if (n > 0) result.top = best_tokens(logits, vocab_, static_cast<std::size_t>(n), lse);
    out_.on_score(row, std::move(result));
  }

  [[nodiscard]] const nn::Wants& wants(std::int32_t row) const {
    return context_.rows[static_cast<std::size_t>(row)].wants;
  }

  const DecoderModel& model_;
  std::int32_t n_layers_;
  nn::Context& context_;
  OutputSink& out_;
  std::size_t hidden_;
  std::size_t vocab_;
};

DecoderModel::DecoderModel() : work_(std::make_unique<nn::Workspace>()), context_(std::make_unique<nn::Context>()) {}
DecoderModel::~DecoderModel() = default;

bool DecoderModel::forward(const Batch& batch, StatePool& state, OutputSink& out, ThreadPool& pool,
                           const CancelPoll& cancelled) const {
  if (batch.rows.empty()) return true;
  context_->begin(batch, state, pool, *work_);
  if (batch.n_layers < 0 || batch.n_layers > shape_.n_layers) {
    throw UsageError("batch: there are no " + std::to_string(batch.n_layers) + " layers");
  }
  return Pass(*this, batch.n_layers, *context_, out).run(cancelled);
}

bool DecoderModel::encode(std::span<const EncoderInput> inputs, StatePool& state, ThreadPool& pool,
                          const CancelPoll& cancelled) const {
  const Encoder* const encoder = this->encoder();
  if (encoder == nullptr) throw UsageError(shape_.model_type + " has no encoder");
  EncoderPass pass(*encoder, shape_.encoder_kv_type);
  for (const EncoderInput& input : inputs) pass.add(input, shape_.vocab_size);
  nn::Context context;
  const float* const x = pass.run(context, pool, *work_, cancelled);
  if (x == nullptr) return false;
  for (const EncoderInput& input : inputs) {
    if (state.reserve_cross(input.sequence, static_cast<std::int64_t>(input.tokens.size()))) continue;
    throw LimitError("the memory for the encoder's keys and values is full");
  }
  encoder->store(x, pass.targets(), state, context);
  return true;
}

std::int32_t DecoderModel::add_adapter(const std::map<std::string, nn::LowRankDelta>& deltas) {
  for (const auto& [name, delta] : deltas) {
    if (adapts(name)) continue;
    throw OptionError(ErrorFields{.field = "adapter", .value = quoted(name), .rule = "the model has no such weight"});
  }
  ++n_adapters_;  // also where a delta does not fit: no number is given twice
  for (const auto& [name, delta] : deltas) adapter_slots_.at(name)->set(n_adapters_, delta);
  return n_adapters_;
}

}  // namespace skald::models
