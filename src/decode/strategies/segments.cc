#include "decode/strategies/segments.h"

#include <algorithm>
#include <utility>

namespace skald::decode {

Segments::Segments(SamplingRequest request, LanguageModel& model)
    : request_(std::move(request)),
      outputs_(static_cast<std::size_t>(request_.config.num_return_sequences.value_or(1))),
      scratch_(request_.vocab_size) {
  forms_.reserve(outputs_.size());
  forms_.emplace_back(request_, model, outputs_[0]);
}

void Segments::plan(StepPlan& plan) {
  for (FormWriter& form : forms_) {
    if (!form.finished()) form.source().plan(plan, 1, 0, {}, /*keep=*/true);
  }
}

void Segments::take(std::int32_t row, std::span<float> logits, Scratch& /*scratch*/) {
  for (FormWriter& form : forms_) {
    LogitsSource& source = form.source();
    if (form.finished() || row < source.first_row() || row >= source.first_row() + source.n_rows()) continue;
    static_cast<void>(source.take(row, logits));
  }
}

void Segments::advance(FormWriter& form, LogitsSource& source) {
  const std::span<float> kept = source.kept(0);
  logits_.assign(kept.begin(), kept.end());
  form.advance(logits_, source.own(0, kept), scratch_);
}

void Segments::advance() {
  const std::size_t n_planned = forms_.size();
  for (FormWriter& form : forms_) {
    if (!form.finished()) form.source().commit();
  }
  // All choose from the logits that end the prefill.
  for (std::size_t i = n_planned; i < outputs_.size(); ++i) {
    forms_.push_back(forms_[0].fork(static_cast<std::int64_t>(i), outputs_[i]));
    advance(forms_.back(), forms_[0].source());
  }
  for (std::size_t i = 0; i < n_planned; ++i) {
    if (!forms_[i].finished()) advance(forms_[i], forms_[i].source());
  }
}

bool Segments::finished() const { return std::ranges::all_of(outputs_, &Output::finished); }

void Segments::finish(FinishReason reason, std::string_view notice) {
  for (FormWriter& form : forms_) form.finish(reason, nullptr, notice);
  for (std::size_t i = forms_.size(); i < outputs_.size(); ++i) {
    outputs_[i] = outputs_[0];
    outputs_[i].completion.index = static_cast<std::int64_t>(i);
  }
}

}  // namespace skald::decode
