#include "skald/waiting.h"

#include <utility>

namespace skald {
namespace {

thread_local const Waiting::Tick* innermost = nullptr;

}  // namespace

Waiting::Waiting(Tick tick) : tick_(std::move(tick)), outer_(std::exchange(innermost, &tick_)) {}

Waiting::~Waiting() { innermost = outer_; }

const Waiting::Tick* Waiting::current() { return innermost; }

}  // namespace skald
