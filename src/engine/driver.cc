#include "engine/driver.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "kernels/kernels.h"  // kBlock
#include "skald/error.h"

namespace skald::engine {
namespace {

thread_local const Driver* t_callback_of = nullptr;

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

// Requests that run and wait together with `request`.
bool together(const Request& a, const Request& b) { return &a == &b || (a.group == b.group && a.group->lockstep()); }

}  // namespace

CallbackScope::CallbackScope(const Driver* driver) : before_(std::exchange(t_callback_of, driver)) {}

CallbackScope::~CallbackScope() { t_callback_of = before_; }

bool in_callback(const Driver* driver) { return t_callback_of == driver; }

Driver::Driver(std::vector<ModelSlot> slots, std::shared_ptr<ThreadPool> threads, const EngineOptions& options)
    : sequences_(std::move(slots)),
      threads_(std::move(threads)),
      stepper_(sequences_, *threads_, options.prefill_chunk, *this, counters_),
      options_(options) {
  for (std::size_t m = 0; m < sequences_.n_models(); ++m) {
    capacity_.push_back(sequences_.state(static_cast<decode::ModelIndex>(m)).blocks_free());
  }
}

std::size_t Driver::blocks_for(const SequenceNeed& need) const {
  const nn::StatePool& state = sequences_.state(need.model);
  const std::size_t one = state.blocks_for(need.longest);
  if (need.branches == 1) return one;
  std::size_t shared = 0;  // of every branch but the first
  if (reaches_back(state.layout())) {
    const auto block = static_cast<std::int64_t>(kernels::kBlock);
    shared = state.blocks_for(need.prompt_length / block * block) - state.blocks_for(0);
  }
  return one + static_cast<std::size_t>(need.branches - 1) * (one - shared);
}

Driver::Blocks Driver::blocks_for(const Request& request, std::int64_t beyond) const {
  Blocks blocks(capacity_.size());
  for (SequenceNeed need : request.needs) {
    if (sequences_.rewinds(need.model)) need.longest = std::min(need.longest, need.prompt_length + beyond);
    blocks[static_cast<std::size_t>(need.model)] += blocks_for(need);
  }
  for (std::size_t m = 0; m < blocks.size(); ++m) {
    const auto model = static_cast<decode::ModelIndex>(m);
    const bool encodes = blocks[m] > 0 && sequences_.model(model).encoder() != nullptr;
    if (encodes) blocks[m] += sequences_.state(model).cross_blocks_for(std::ssize(request.encoder_input));
  }
  return blocks;
}

std::int64_t Driver::longest_that_fits(std::int64_t prompt_length, std::int64_t branches,
                                       std::int64_t encoder_length) const {
  const std::size_t encoded = sequences_.state(0).cross_blocks_for(encoder_length);
  std::int64_t fits = 0, too_long = std::int64_t{1} << 32;
  while (fits + 1 < too_long) {
    const std::int64_t middle = fits + (too_long - fits) / 2;
    const std::size_t blocks = blocks_for({.prompt_length = prompt_length, .longest = middle, .branches = branches});
    (encoded + blocks <= capacity_[0] ? fits : too_long) = middle;
  }
  return fits;
}

void Driver::refuse(const Request& request) const {
  const SequenceNeed& need = request.needs[0];
  const std::int64_t encoder_length = std::ssize(request.encoder_input);
  throw LimitError({.field = "request",
                    .value = std::to_string(need.branches) + " x " + std::to_string(need.longest) + " tokens" +
                             (encoder_length > 0 ? " from " + std::to_string(encoder_length) : ""),
                    .rule = "can never fit: the memory for keys and values holds " +
                            std::to_string(longest_that_fits(need.prompt_length, need.branches, encoder_length)) +
                            " tokens for each" +
                            (request.needs.size() > 1 ? ", and less beside a draft or guidance" : "") +
                            "; ask for fewer tokens or sequences, or raise the budget"});
}

bool Driver::fits(const Blocks& blocks) const {
  return std::ranges::equal(blocks, capacity_, std::ranges::less_equal());
}

void Driver::submit(std::shared_ptr<Group> group) {
  Blocks needed(capacity_.size());
  for (const auto& request : group->requests()) {
    if (!group->lockstep()) needed.assign(capacity_.size(), 0);
    std::ranges::transform(needed, blocks_for(*request), needed.begin(), std::plus<>());
    if (!fits(needed)) refuse(*request);
    request->blocks = blocks_for(*request, options_.growth);
  }
  const std::lock_guard lock(mutex_);
  if (n_waiting_ + group->requests().size() > options_.max_waiting) {
    throw LimitError({.field = "queue",
                      .value = std::to_string(n_waiting_) + " requests",
                      .rule = "at most " + std::to_string(options_.max_waiting) + " may wait; try again later"});
  }
  if (stopping_) throw UsageError("the engine has been stopped");
  n_waiting_ += group->requests().size();
  for (const auto& request : group->requests()) request->clock.submitted();
  incoming_.push_back(std::move(group));
  changed_.notify_one();
}

void Driver::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_one();
}

bool Driver::wait_for_work() {
  std::unique_lock lock(mutex_);
  if (groups_.empty()) changed_.wait(lock, [&] { return stopping_ || !incoming_.empty(); });
  for (auto& group : incoming_) {
    for (const auto& request : group->requests()) waiting_.push_back(request.get());
    groups_.push_back(std::move(group));
  }
  incoming_.clear();
  return !stopping_;
}

void Driver::run() {
  while (wait_for_work()) {
    drop_cancelled();
    admit();
    step();
    for (const auto& group : groups_) tell(*group);
    retire();
  }
  for (const auto& group : groups_) group->cancel();
  drop_cancelled();
  for (const auto& group : groups_) tell(*group);
  retire();
}

void Driver::drop_cancelled() {
  for (const auto& group : groups_) {
    if (!group->cancelled()) continue;
    for (const auto& request : group->requests()) {
      if (!request->strategy->finished()) request->strategy->finish(FinishReason::cancelled, {});
    }
  }
  retire();
}

// Beside what is in use, and what admitted requests that have only begun will use. Recurrent state does not grow, but
// is there twice during a pass: what admitted requests may use counts.
bool Driver::has_room(const Blocks& blocks) const {
  Blocks all = blocks;
  for (std::size_t m = 0; m < all.size(); ++m) {
    const auto model = static_cast<decode::ModelIndex>(m);
    const bool grows = sequences_.rewinds(model);
    for (const Request* const request : admitted_) {
      if (!grows || !request->settled) all[m] += request->blocks[m];
    }
    if (grows) all[m] += capacity_[m] - sequences_.state(model).blocks_free();
  }
  return fits(all);
}

// What is kept for later requests goes before one waits.
bool Driver::finds_room(const Blocks& blocks, std::int64_t n_sequences) {
  if (admitted_.empty()) return true;
  if (n_sequences_ + n_sequences > options_.max_sequences) return false;
  bool dropped = true;
  while (!has_room(blocks) && dropped) {
    dropped = false;
    for (std::size_t m = 0; m < blocks.size(); ++m) {
      dropped = sequences_.drop_kept(static_cast<decode::ModelIndex>(m)) || dropped;
    }
  }
  return has_room(blocks);
}

void Driver::admit() {
  std::size_t n_admitted = 0;
  while (!waiting_.empty()) {
    // The requests of a lockstep call need each other: all or none.
    Blocks blocks(capacity_.size());
    std::int64_t n_sequences = 0;
    std::size_t n = 0;
    for (; n < waiting_.size() && together(*waiting_.front(), *waiting_[n]); ++n) {
      std::ranges::transform(blocks, waiting_[n]->blocks, blocks.begin(), std::plus<>());
      n_sequences += waiting_[n]->n_sequences();
    }
    if (!finds_room(blocks, n_sequences)) break;
    admit_first(n);
    n_sequences_ += n_sequences;
    n_admitted += n;
  }
  if (n_admitted == 0) return;
  const std::lock_guard lock(mutex_);
  n_waiting_ -= n_admitted;
}

void Driver::admit_first(std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    waiting_[i]->clock.admitted();
    admitted_.push_back(waiting_[i]);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(n));
}

bool Driver::make_room(decode::ModelIndex model, Request& request) {
  if (sequences_.drop_kept(model)) return true;
  Request* youngest = nullptr;
  bool others = false;
  for (Request* const other : admitted_) {
    if (other->preempted || other->strategy->finished()) continue;
    others = others || !together(*other, request);
    youngest = other;
  }
  if (!others) return false;
  for (Request* const other : admitted_) {
    if (together(*other, *youngest) && !other->strategy->finished()) preempt(*other);
  }
  return !request.preempted;
}

void Driver::preempt(Request& request) {
  request.preempted = true;
  request.settled = false;
  request.n_beyond = sequences_.take_state(request);
  // Each time more must be free before it runs again.
  const std::int64_t growth = options_.growth << std::min<std::int64_t>(++request.n_preemptions, 20);
  request.blocks = blocks_for(request, request.n_beyond + growth);
  ++counters_.preemptions;
}

// To the front of the queue, in their order.
void Driver::requeue_preempted() {
  std::size_t n = 0;
  for (auto it = admitted_.rbegin(); it != admitted_.rend(); ++it) {
    if (!(*it)->preempted) continue;
    waiting_.push_front(*it);
    n_sequences_ -= (*it)->n_sequences();
    ++n;
  }
  if (n == 0) return;
  std::erase_if(admitted_, [](Request* request) { return std::exchange(request->preempted, false); });
  const std::lock_guard lock(mutex_);
  n_waiting_ += n;
}

// In lockstep a row waits for those whose plan is still under way.
bool Driver::may_step(const Request& request) {
  if (!request.group->lockstep() || request.planned) return true;
  const auto requests = request.group->requests();
  return std::none_of(requests.begin(), requests.end(), [](const auto& peer) { return peer->planned; });
}

void Driver::step() {
  active_.clear();
  std::copy_if(admitted_.begin(), admitted_.end(), std::back_inserter(active_),
               [](const Request* request) { return may_step(*request); });
  stepper_.run(active_);
  for (Request* const request : active_) {
    if (request->error) end(*request, request->error);
    if (request->planned) continue;
    request->settled = !request->preempted;
    request->clock.stepped(request->strategy->outputs(),
                           {.cached_prompt_tokens = request->n_cached, .preemptions = request->n_preemptions});
  }
  requeue_preempted();
  count_state();
}

void Driver::count_state() {
  std::size_t bytes = 0;
  for (std::size_t m = 0; m < capacity_.size(); ++m) {
    bytes += sequences_.state(static_cast<decode::ModelIndex>(m)).bytes_in_use();
  }
  counters_.state_bytes = static_cast<std::int64_t>(bytes);
  counters_.kept_sequences = static_cast<std::int64_t>(sequences_.n_kept());
}

void Driver::end(Request& request, const std::exception_ptr& error) {
  request.planned = false;
  request.group->fail(error);
  if (!request.strategy->finished()) request.strategy->finish(FinishReason::error, message_of(error));
}

void Driver::tell(Group& group) {
  group.with_stream([&](const StreamCallback& stream) {
    const CallbackScope scope(this);
    try {
      for (const auto& request : group.requests()) {
        for (decode::Output& output : request->strategy->outputs()) tell(stream, output);
      }
    } catch (...) {
      group.mute_here();
      for (const auto& request : group.requests()) end(*request, std::current_exception());
    }
  });
}

void Driver::tell(const StreamCallback& stream, decode::Output& output) {
  if (output.finish_told) return;  // all of it: what may be taken back is told at the end
  const Completion& completion = output.completion;
  const bool ends = output.finished;
  const std::size_t text_end = ends ? completion.text.size() : std::min(completion.text.size(), output.text_settled);
  const std::size_t tokens_end =
      ends ? completion.token_ids.size() : std::min(completion.token_ids.size(), output.tokens_settled);
  const bool tentative = output.tentative != output.tentative_told;
  if (!ends && !tentative && output.text_told == text_end && output.tokens_told == tokens_end) return;
  StreamEvent event{.prompt_index = completion.prompt_index,
                    .index = completion.index,
                    .text = completion.text.substr(output.text_told, text_end - output.text_told),
                    .finished = ends ? &completion : nullptr,
                    .tentative = output.tentative};
  event.token_ids.assign(completion.token_ids.begin() + static_cast<std::ptrdiff_t>(output.tokens_told),
                         completion.token_ids.begin() + static_cast<std::ptrdiff_t>(tokens_end));
  output.text_told = text_end;
  output.tokens_told = tokens_end;
  output.finish_told = output.finished;
  output.tentative_told = output.tentative;
  stream(event);
}

void Driver::retire() {
  const auto is_over = [](const Request* request) { return request->strategy->finished(); };
  const std::size_t n_waiting_before = waiting_.size();
  std::erase_if(waiting_, is_over);
  if (const std::size_t n = n_waiting_before - waiting_.size(); n > 0) {
    const std::lock_guard lock(mutex_);
    n_waiting_ -= n;
  }
  std::erase_if(admitted_, [&](const Request* request) {
    if (!is_over(request)) return false;
    n_sequences_ -= request->n_sequences();
    return true;
  });
  std::erase_if(groups_, [](const std::shared_ptr<Group>& group) {
    if (!group->finished() || !group->told()) return false;
    group->close();
    return true;
  });
}

}  // namespace skald::engine
