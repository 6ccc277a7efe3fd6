#include "engine/request.h"

#include <algorithm>

namespace skald::engine {
namespace {

constexpr std::chrono::milliseconds kTick{50};

}  // namespace

std::int32_t Plan::add(decode::ModelIndex model, decode::SequenceHandle sequence, std::span<const TokenId> tokens,
                       std::int64_t n_logits, const decode::RowWants& also) {
  const Segment& segment =
      segments_.emplace_back(Segment{.model = model,
                                     .sequence = sequence,
                                     .tokens = tokens,
                                     .n_logits = also.all_logits ? std::ssize(tokens) : n_logits,
                                     .also = also,
                                     .n_wanted = also.of_all_rows() ? std::ssize(tokens) : n_logits,
                                     .first_row = n_rows_});
  n_rows_ += static_cast<std::int32_t>(segment.n_wanted);
  return segment.first_row;
}

void Plan::clear() {
  segments_.clear();
  n_rows_ = 0;
}

bool Plan::complete() const { return std::ranges::all_of(segments_, &Segment::complete); }

std::int64_t Request::n_sequences() const {
  std::int64_t n = 0;
  for (const SequenceNeed& need : needs) n += need.branches;
  return n;
}

Request& Group::add(Request request) {
  request.group = this;
  return *requests_.emplace_back(std::make_unique<Request>(std::move(request)));
}

bool Group::finished() const {
  return std::all_of(requests_.begin(), requests_.end(), [](const auto& r) { return r->strategy->finished(); });
}

bool Group::told() const {
  if (!stream_ || muted()) return true;
  return std::all_of(requests_.begin(), requests_.end(), [](const auto& request) {
    const auto outputs = request->strategy->outputs();
    return std::all_of(outputs.begin(), outputs.end(), [](const decode::Output& o) { return o.finish_told; });
  });
}

void Group::fail(std::exception_ptr error) {
  if (!error_) error_ = std::move(error);
}

void Group::mute() {
  const std::lock_guard lock(callback_mutex_);
  mute_here();
}

void Group::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

bool Group::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [&] { return closed_; });
}

void Group::wait_with(const Waiting::Tick& tick) {
  try {
    while (!wait_for(kTick)) tick();
  } catch (...) {
    cancel();
    throw;
  }
}

std::vector<Completion> Group::wait() {
  if (Waiting::current() != nullptr) wait_with(*Waiting::current());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_; });
  if (error_) std::rethrow_exception(error_);
  std::vector<Completion> completions;
  for (const auto& request : requests_) {
    for (const decode::Output& output : request->strategy->outputs()) completions.push_back(output.completion);
  }
  return completions;
}

}  // namespace skald::engine
