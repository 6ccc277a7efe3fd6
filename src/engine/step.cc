#include "engine/step.h"

#include <algorithm>
#include <utility>

#include "skald/error.h"

namespace skald::engine {

using decode::ModelIndex;

Stepper::Stepper(Sequences& sequences, ThreadPool& threads, std::int64_t prefill_chunk)
    : sequences_(sequences),
      threads_(threads),
      prefill_chunk_(prefill_chunk),
      poll_([this] { return all_cancelled(); }) {
  std::int64_t largest_vocab = 0;
  for (std::size_t m = 0; m < sequences.n_models(); ++m) {
    largest_vocab = std::max(largest_vocab, sequences.vocab_size(static_cast<ModelIndex>(m)));
  }
  scratch_.reserve(static_cast<std::size_t>(threads.size()));
  for (int worker = 0; worker < threads.size(); ++worker) {
    scratch_.emplace_back(static_cast<std::size_t>(largest_vocab));
  }
}

Stepper::~Stepper() = default;

void Stepper::run(std::span<Request* const> requests) {
  for (Request* const request : requests) plan(*request);
  encode(requests);
  for (std::size_t m = 0; m < sequences_.n_models(); ++m) run_model(static_cast<ModelIndex>(m), requests);
  for (Request* const request : requests) {
    if (request->error || !request->planned || !request->plan.complete()) continue;
    try {
      request->planned = false;
      request->strategy->advance();
    } catch (...) {
      request->error = std::current_exception();
    }
  }
}

// Rows that go through all layers, then those that stop after some: one pass each.
void Stepper::run_model(ModelIndex model, std::span<Request* const> requests) {
  depths_.assign(1, 0);
  for (Request* const request : requests) {
    if (request->error || !request->planned) continue;
    for (const Segment& segment : request->plan.segments()) {
      const std::int32_t depth = segment.also.exit_after;
      if (segment.model == model && std::ranges::find(depths_, depth) == depths_.end()) depths_.push_back(depth);
    }
  }
  for (const std::int32_t depth : depths_) {
    gather(model, depth, requests);
    if (!batch_.rows.empty()) forward(model);
  }
}

void Stepper::plan(Request& request) {
  if (request.planned) return;
  try {
    request.plan.clear();
    request.strategy->plan(request.plan);
    for (Segment& segment : request.plan.segments()) restart_where_needed(segment);
    request.planned = true;
  } catch (...) {
    request.error = std::current_exception();
  }
}

// longrope: a sequence that first goes past the original length is computed again from its first token, so that all its
// keys are rotated with the long factors.
void Stepper::restart_where_needed(Segment& segment) {
  const std::int64_t limit = sequences_.restart_length(segment.model);
  if (limit == 0 || sequences_.prompt_length(segment.model, segment.sequence) > limit) return;
  const std::int64_t before = sequences_.state(segment.model).length(sequences_.id(segment.model, segment.sequence));
  const std::int64_t after = before + static_cast<std::int64_t>(segment.tokens.size());
  if (before > limit || after <= limit) return;
  segment.replay = sequences_.restart(segment.model, segment.sequence);
  segment.replay.insert(segment.replay.end(), segment.tokens.begin(), segment.tokens.end());
  segment.tokens = segment.replay;
  segment.rope_length = after;
}

bool Stepper::awaits_encoder(const Request& request, const Segment& segment) const {
  if (request.encoder_input.empty() || sequences_.model(segment.model).encoder() == nullptr) return false;
  return sequences_.state(segment.model).cross_length(sequences_.id(segment.model, segment.sequence)) == 0;
}

// The inputs of requests that begin, together as far as there is room for their rows: an input is never cut.
void Stepper::encode(std::span<Request* const> requests) {
  encoder_rows_ = 0;
  for (std::size_t m = 0; m < sequences_.n_models(); ++m) {
    if (sequences_.model(static_cast<ModelIndex>(m)).encoder() != nullptr) encode(static_cast<ModelIndex>(m), requests);
  }
}

void Stepper::encode(ModelIndex model, std::span<Request* const> requests) {
  inputs_.clear();
  encoding_.clear();
  for (Request* const request : requests) {
    if (request->error || !request->planned || request->encoder_input.empty()) continue;
    const std::int64_t length = std::ssize(request->encoder_input);
    for (const Segment& segment : request->plan.segments()) {
      if (segment.model != model || !awaits_encoder(*request, segment)) continue;
      if (!inputs_.empty() && encoder_rows_ + length > prefill_chunk_) break;
      inputs_.push_back({.sequence = sequences_.id(model, segment.sequence),
                         .tokens = request->encoder_input,
                         .adapter = model == 0 ? request->adapter : 0,
                         .adapter_scale = request->adapter_scale});
      encoding_.push_back(request);
      encoder_rows_ += length;
    }
  }
  if (inputs_.empty()) return;
  const auto cancelled = [this] {
    return std::ranges::all_of(encoding_, [](const Request* request) { return request->group->cancelled(); });
  };
  try {
    sequences_.model(model).encode(inputs_, sequences_.state(model), threads_, cancelled);
  } catch (...) {
    for (Request* const request : encoding_) request->error = std::current_exception();
  }
}

void Stepper::gather(ModelIndex model, std::int32_t n_layers, std::span<Request* const> requests) {
  batch_.rows.clear();
  batch_.n_layers = n_layers;
  owners_.clear();
  parts_.clear();
  std::int64_t prompt_room = prefill_chunk_ - std::min(encoder_rows_, prefill_chunk_);
  for (Request* const request : requests) {
    if (request->error || !request->planned) continue;
    for (Segment& segment : request->plan.segments()) {
      if (segment.model != model || segment.also.exit_after != n_layers) continue;
      if (awaits_encoder(*request, segment)) continue;
      const bool is_prompt = segment.tokens.size() > 1;
      std::int64_t n_rows = static_cast<std::int64_t>(segment.tokens.size()) - segment.done;
      if (is_prompt) n_rows = std::min(n_rows, prompt_room);
      if (n_rows == 0) continue;
      if (is_prompt) prompt_room -= n_rows;
      add_rows(*request, segment, n_rows);
      if (request->error) break;
    }
  }
}

void Stepper::add_rows(Request& request, Segment& segment, std::int64_t n_rows) {
  nn::StatePool& state = sequences_.state(segment.model);
  const nn::SequenceId id = sequences_.id(segment.model, segment.sequence);
  const std::int64_t length = state.length(id);
  if (!state.reserve(id, n_rows)) {
    request.error = std::make_exception_ptr(LimitError("the memory for keys and values is full"));
    return;
  }
  const auto n_tokens = static_cast<std::int64_t>(segment.tokens.size());
  const std::int64_t first_wanted = n_tokens - segment.n_wanted;
  const std::int64_t prompt_length = sequences_.prompt_length(segment.model, segment.sequence);
  for (std::int64_t i = 0; i < n_rows; ++i) {
    const std::int64_t index = segment.done + i;
    const std::int64_t position = length + i;
    const bool wanted = index >= first_wanted;
    const bool logits = index >= n_tokens - segment.n_logits;
    std::int64_t rope_length = segment.rope_length;
    if (rope_length == 0) rope_length = position < prompt_length ? prompt_length : position + 1;
    batch_.rows.push_back({.sequence = id,
                           .position = position,
                           .rope_length = rope_length,
                           .token = segment.tokens[static_cast<std::size_t>(index)],
                           .adapter = segment.model == 0 ? request.adapter : 0,
                           .adapter_scale = request.adapter_scale,
                           .controls = segment.model == 0 ? request.controls.get() : nullptr,
                           .wants = {.logits = logits,
                                     .attentions = wanted && segment.also.attentions,
                                     .hidden_at = wanted ? segment.also.hidden_at : std::span<const std::int32_t>(),
                                     .logits_at = logits ? segment.also.logits_at : std::span<const std::int32_t>()}});
    const std::int64_t plan_row = index - first_wanted;
    owners_.push_back({&request, plan_row < 0 ? -1 : segment.first_row + static_cast<std::int32_t>(plan_row)});
  }
  parts_.push_back({&request, &segment, n_rows});
}

void Stepper::forward(ModelIndex model) {
  nn::StatePool& state = sequences_.state(model);
  vocab_size_ = sequences_.vocab_size(model);
  hidden_size_ = sequences_.model(model).shape().hidden_size;
  bool completed = false;
  std::exception_ptr error;
  try {
    completed = sequences_.model(model).forward(batch_, state, *this, threads_, poll_);
  } catch (...) {
    error = std::current_exception();
  }
  for (const Part& part : parts_) {
    if (!completed) {
      state.abandon(sequences_.id(model, part.segment->sequence));
      if (error && !part.request->error) part.request->error = error;
      continue;
    }
    const auto tokens = part.segment->tokens.subspan(static_cast<std::size_t>(part.segment->done),
                                                     static_cast<std::size_t>(part.n_rows));
    sequences_.extend(model, part.segment->sequence, tokens);
    part.segment->done += part.n_rows;
  }
}

bool Stepper::all_cancelled() const {
  return std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.request->group->cancelled(); });
}

template <typename Take>
void Stepper::give(std::int32_t row, Take take) {
  const RowOwner& owner = owners_[static_cast<std::size_t>(row)];
  if (owner.request->error) return;
  try {
    take(*owner.request->strategy, owner.plan_row);
  } catch (...) {
    owner.request->error = std::current_exception();
  }
}

void Stepper::on_hidden(std::int32_t row, std::int32_t layer, const float* hidden) {
  const auto width = static_cast<std::size_t>(hidden_size_);
  give(row, [&](decode::DecodingStrategy& strategy, std::int32_t plan_row) {
    strategy.take_hidden(plan_row, layer, {hidden, width});
  });
}

void Stepper::on_attentions(std::int32_t row, std::int32_t layer, const float* probabilities, std::int64_t n_heads,
                            std::int64_t n_keys) {
  give(row, [&](decode::DecodingStrategy& strategy, std::int32_t plan_row) {
    strategy.take_attentions(plan_row, layer, {probabilities, static_cast<std::size_t>(n_heads * n_keys)}, n_heads);
  });
}

void Stepper::on_logits_at(std::int32_t row, std::int32_t layer, const float* logits) {
  const auto vocab = static_cast<std::size_t>(vocab_size_);
  give(row, [&](decode::DecodingStrategy& strategy, std::int32_t plan_row) {
    strategy.take_early(plan_row, layer, {logits, vocab});
  });
}

void Stepper::on_logits(std::span<const std::int32_t> rows, float* logits) {
  row_errors_.assign(rows.size(), nullptr);
  threads_.parallel_dynamic(rows.size(), 1, [&](std::size_t begin, std::size_t end, int worker) {
    for (std::size_t i = begin; i < end; ++i) {
      const RowOwner& owner = owners_[static_cast<std::size_t>(rows[i])];
      if (owner.request->error) continue;
      const std::span row(logits + i * static_cast<std::size_t>(vocab_size_), static_cast<std::size_t>(vocab_size_));
      try {
        owner.request->strategy->take(owner.plan_row, row, scratch_[static_cast<std::size_t>(worker)]);
      } catch (...) {
        row_errors_[i] = std::current_exception();
      }
    }
  });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::exception_ptr& error = owners_[static_cast<std::size_t>(rows[i])].request->error;
    if (row_errors_[i] && !error) error = row_errors_[i];
  }
}

}  // namespace skald::engine
