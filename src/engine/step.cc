#include "engine/step.h"

#include <algorithm>
#include <utility>

#include "skald/error.h"

namespace skald::engine {

using decode::ModelIndex;

Stepper::Stepper(Sequences& sequences, ThreadPool& threads, std::int64_t chunk, Memory& memory, Counters& counters)
    : sequences_(sequences), threads_(threads), chunk_(chunk), memory_(memory), counters_(counters), poll_([this] {
        return all_cancelled();
      }) {
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

void Stepper::run(Requests requests) {
  for (Request* const request : requests) plan(*request);
  begin(requests);
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
void Stepper::run_model(ModelIndex model, Requests requests) {
  depths_.assign(1, 0);
  for (Request* const request : requests) {
    if (!runs(*request)) continue;
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
    for (const Segment& segment : request.plan.segments()) {
      const Past& past = sequences_.past(segment.model, segment.sequence);
      if (past.owner == nullptr) {
        sequences_.claim(segment.model, segment.sequence, request, request.conditions);
      }
      restart_where_needed(segment);
    }
    request.planned = true;
  } catch (...) {
    request.error = std::current_exception();
  }
}

// longrope: a sequence that first goes past the original length is computed again from its first token, so that all its
// keys are rotated with the long factors.
void Stepper::restart_where_needed(const Segment& segment) {
  const std::int64_t limit = sequences_.restart_length(segment.model);
  const Past& past = sequences_.past(segment.model, segment.sequence);
  const std::int64_t after = past.length() + segment.n_tokens();
  if (limit == 0 || past.prompt_length > limit || past.length() > limit || after <= limit) return;
  sequences_.restart(segment.model, segment.sequence, after);
}

// New sequences, and those that lost their state.
void Stepper::begin(Requests requests) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!runs(*requests[i])) continue;
    for (Segment& segment : requests[i]->plan.segments()) {
      if (!segment.complete() && !has_state(segment)) begin(*requests[i], segment, requests.first(i + 1));
    }
  }
}

// All that the sequence has had is to be computed again, before what is still missing.
void Stepper::replay(Segment& segment) const {
  const std::vector<TokenId>& had = sequences_.past(segment.model, segment.sequence).tokens;
  const std::int64_t n_before = std::ssize(had) - segment.done;  // the plan
  if (n_before > 0 && segment.replay.empty()) {
    segment.replay.assign(had.begin(), had.begin() + n_before);
    segment.replay.insert(segment.replay.end(), segment.tokens.begin(), segment.tokens.end());
    segment.tokens = segment.replay;
    segment.first_new += n_before;
  }
  segment.first_new = std::max(segment.first_new, std::ssize(had));
  segment.done = 0;
}

void Stepper::begin(Request& request, Segment& segment, Requests until) {
  segment.is_prompt = true;
  replay(segment);
  const std::int64_t most = std::min(segment.first_wanted(), segment.n_tokens() - 1);
  const auto tokens = segment.tokens.first(static_cast<std::size_t>(most));
  if (comes_soon(segment, tokens, until)) return;
  segment.done = sequences_.begin(segment.model, segment.sequence, tokens);
  if (segment.model != 0 || request.begun) return;
  request.begun = true;
  request.n_cached = segment.done;
  counters_.cached_rows += segment.done;
}

// Whether a prompt that is being computed will have more of `tokens` than there is now: then it is waited for. Of the
// sequences of one request, one reads the encoder's input.
bool Stepper::comes_soon(const Segment& segment, std::span<const TokenId> tokens, Requests until) const {
  if (!reaches_back(sequences_.state(segment.model).layout())) return false;
  const Past& wanted = sequences_.past(segment.model, segment.sequence);
  const bool encodes = sequences_.model(segment.model).encoder() != nullptr;
  std::int64_t available = -1;  // not known yet
  for (Request* const request : until) {
    if (!runs(*request)) continue;
    for (const Segment& other : request->plan.segments()) {
      if (&other == &segment) return false;
      if (other.model != segment.model || !other.is_prompt || other.complete() || !has_state(other)) continue;
      if (other.also.exit_after > 0) continue;
      const Past& past = sequences_.past(other.model, other.sequence);
      if (encodes && past.owner == wanted.owner) return true;
      const std::int64_t n = sequences_.shareable(segment.model, past, other.tokens, wanted, tokens);
      if (n == 0) continue;
      if (available < 0) available = sequences_.available(segment.model, segment.sequence, tokens);
      if (n > available) return true;
    }
  }
  return false;
}

bool Stepper::awaits_encoder(const Request& request, const Segment& segment) const {
  if (request.encoder_input.empty() || sequences_.model(segment.model).encoder() == nullptr) return false;
  return sequences_.state(segment.model).cross_length(sequences_.past(segment.model, segment.sequence).id) == 0;
}

// The inputs of requests that begin, together as far as there is room for their rows: an input is never cut.
void Stepper::encode(Requests requests) {
  encoder_rows_ = 0;
  for (std::size_t m = 0; m < sequences_.n_models(); ++m) {
    if (sequences_.model(static_cast<ModelIndex>(m)).encoder() != nullptr) encode(static_cast<ModelIndex>(m), requests);
  }
}

void Stepper::collect_encodings(ModelIndex model, Requests requests) {
  encodings_.clear();
  std::size_t blocks = 0;
  const nn::StatePool& state = sequences_.state(model);
  for (Request* const request : requests) {
    const std::int64_t length = std::ssize(request->encoder_input);
    if (!runs(*request) || length == 0) continue;
    for (const Segment& segment : request->plan.segments()) {
      if (segment.model != model || segment.complete() || !has_state(segment)) continue;
      if (!awaits_encoder(*request, segment)) continue;
      if (!encodings_.empty() && encoder_rows_ + length > chunk_) break;
      blocks += state.cross_blocks_for(length);
      make_room(model, *request, [&] { return blocks <= state.blocks_free(); });
      if (!runs(*request)) break;
      encodings_.push_back({request,
                            {.sequence = sequences_.past(model, segment.sequence).id,
                             .tokens = request->encoder_input,
                             .adapter = model == 0 ? request->conditions->adapter : 0,
                             .adapter_scale = request->conditions->adapter_scale}});
      encoder_rows_ += length;
    }
  }
  std::erase_if(encodings_, [](const Encoding& encoding) { return !runs(*encoding.request); });
}

void Stepper::encode(ModelIndex model, Requests requests) {
  collect_encodings(model, requests);
  if (encodings_.empty()) return;
  inputs_.clear();
  for (const Encoding& encoding : encodings_) inputs_.push_back(encoding.input);
  const auto cancelled = [this] {
    return std::ranges::all_of(encodings_, [](const Encoding& e) { return e.request->group->cancelled(); });
  };
  try {
    ++counters_.encoder_passes;
    sequences_.model(model).encode(inputs_, sequences_.state(model), threads_, cancelled);
  } catch (...) {
    for (const Encoding& encoding : encodings_) encoding.request->error = std::current_exception();
  }
}

void Stepper::gather(ModelIndex model, std::int32_t n_layers, Requests requests) {
  batch_.rows.clear();
  batch_.n_layers = n_layers;
  owners_.clear();
  collect(model, n_layers, requests);
  grant_rows();
  for (const Part& part : parts_) reserve(part);
  std::erase_if(parts_, [this](const Part& part) {
    if (runs(*part.request)) return false;
    if (has_state(*part.segment)) {
      sequences_.state(part.segment->model).abandon(sequences_.past(part.segment->model, part.segment->sequence).id);
    }
    return true;
  });
  for (const Part& part : parts_) add_rows(part);
}

void Stepper::collect(ModelIndex model, std::int32_t n_layers, Requests requests) {
  parts_.clear();
  for (Request* const request : requests) {
    if (!runs(*request)) continue;
    for (Segment& segment : request->plan.segments()) {
      if (segment.model != model || segment.also.exit_after != n_layers || segment.complete()) continue;
      if (!has_state(segment) || awaits_encoder(*request, segment)) continue;
      parts_.push_back({request, &segment, std::min(segment.n_tokens() - segment.done, chunk_)});
    }
  }
}

// Those that go on have all their rows; prompts share what is left of the step, at least a part of it.
void Stepper::grant_rows() {
  constexpr std::int64_t kLeastPart = 4;
  std::int64_t n_going_on = 0;
  shares_.clear();
  for (const Part& part : parts_) {
    if (part.segment->is_prompt) {
      shares_.push_back({.needed = part.segment->n_tokens() - part.segment->done});
    } else {
      n_going_on += part.n_rows;
    }
  }
  share_room(shares_, std::max({chunk_ - encoder_rows_ - n_going_on, chunk_ / kLeastPart, std::int64_t{1}}));
  std::size_t next = 0;
  for (Part& part : parts_) {
    if (part.segment->is_prompt) part.n_rows = shares_[next++].granted;
  }
  std::erase_if(parts_, [](const Part& part) { return part.n_rows == 0; });
}

// Until `has_room` is true. Else the request was preempted, or fails where it is alone.
template <typename HasRoom>
void Stepper::make_room(ModelIndex model, Request& request, HasRoom has_room) {
  while (!has_room()) {
    if (memory_.make_room(model, request)) continue;
    if (!request.preempted) {
      request.error = std::make_exception_ptr(LimitError("the memory for keys and values is full"));
    }
    return;
  }
}

void Stepper::reserve(const Part& part) {
  if (!runs(*part.request)) return;
  nn::StatePool& state = sequences_.state(part.segment->model);
  const nn::SequenceId id = sequences_.past(part.segment->model, part.segment->sequence).id;
  make_room(part.segment->model, *part.request, [&] { return state.reserve(id, part.n_rows); });
}

void Stepper::add_rows(const Part& part) {
  const Segment& segment = *part.segment;
  const Conditions& conditions = *part.request->conditions;
  const Past& past = sequences_.past(segment.model, segment.sequence);
  const std::int64_t first_plan_row = segment.n_tokens() - segment.n_wanted;
  for (std::int64_t i = 0; i < part.n_rows; ++i) {
    const std::int64_t index = segment.done + i;
    const std::int64_t position = past.length() + i;
    const bool wanted = index >= segment.first_wanted();
    const bool logits = wanted && index >= segment.n_tokens() - segment.n_logits;
    batch_.rows.push_back({.sequence = past.id,
                           .position = position,
                           .rope_length = past.rope_length(position),
                           .token = segment.tokens[static_cast<std::size_t>(index)],
                           .adapter = segment.model == 0 ? conditions.adapter : 0,
                           .adapter_scale = conditions.adapter_scale,
                           .controls = segment.model == 0 ? conditions.controls.get() : nullptr,
                           .wants = {.logits = logits,
                                     .attentions = wanted && segment.also.attentions,
                                     .hidden_at = wanted ? segment.also.hidden_at : std::span<const std::int32_t>(),
                                     .logits_at = logits ? segment.also.logits_at : std::span<const std::int32_t>()}});
    const std::int64_t plan_row = index - first_plan_row;
    owners_.push_back({part.request, wanted ? segment.first_row + static_cast<std::int32_t>(plan_row) : -1});
  }
}

void Stepper::forward(ModelIndex model) {
  nn::StatePool& state = sequences_.state(model);
  vocab_size_ = sequences_.vocab_size(model);
  hidden_size_ = sequences_.model(model).shape().hidden_size;
  bool completed = false;
  std::exception_ptr error;
  try {
    ++counters_.passes;
    counters_.rows += std::ssize(batch_.rows);
    completed = sequences_.model(model).forward(batch_, state, *this, threads_, poll_);
  } catch (...) {
    error = std::current_exception();
  }
  for (const Part& part : parts_) {
    Segment& segment = *part.segment;
    if (!completed) {
      state.abandon(sequences_.past(model, segment.sequence).id);
      if (error && !part.request->error) part.request->error = error;
      continue;
    }
    const auto tokens =
        segment.tokens.subspan(static_cast<std::size_t>(segment.done), static_cast<std::size_t>(part.n_rows));
    sequences_.extend(model, segment.sequence, tokens, segment.also.exit_after > 0);
    segment.done += part.n_rows;
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
