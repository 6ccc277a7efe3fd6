#include "call.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "bindings.h"
#include "interpreter.h"
#include "skald/error.h"
#include "values.h"

namespace skald::python {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{50};    // between looks at signals: a quarter of what Ctrl-C may take
constexpr milliseconds kShortly{1};  // where the end may come without an event
constexpr milliseconds kPatience{1000};

// The calls that are under way, so that none outlives the interpreter. Guarded by the interpreter's lock.
struct Running {
  std::vector<std::weak_ptr<Call>> calls;
  bool ended = false;
};
Running& running() {
  static Running all;
  return all;
}

// Shared with the engine. A shared_ptr of nanobind's would ask for the interpreter's lock where the engine lets go of
// it.
struct SharedRandom {
  std::shared_ptr<TorchRandom> random;
};

std::shared_ptr<Call> start(const Model& model, nb::handle prompts, const GenerationConfig& config, Door door,
                            bool stream, bool last_events, nb::handle logits_processors,
                            nb::handle group_logits_processors, nb::handle stopping_criteria,
                            nb::handle prefix_allowed_tokens_fn, const SharedRandom* torch_random) {
  if (running().ended) throw UsageError("the interpreter is ending: no call can begin");
  Hooks hooks = to_hooks(logits_processors, group_logits_processors, stopping_criteria, prefix_allowed_tokens_fn);
  if (torch_random != nullptr) hooks.torch_random = torch_random->random;
  auto call = std::make_shared<Call>(model, to_prompts(prompts), config, door, std::move(hooks),
                                     last_events ? Kept::last
                                     : stream    ? Kept::all
                                                 : Kept::none);
  std::erase_if(running().calls, [](const std::weak_ptr<Call>& other) { return other.expired(); });
  running().calls.push_back(call);
  return call;
}

}  // namespace

Call::Call(const Model& model, std::vector<Prompt> prompts, const GenerationConfig& config, Door door, Hooks hooks,
           Kept events) {
  if (events != Kept::none) events_ = std::make_shared<Events>();
  const Unlocked unlocked;
  generation_ = model.submit(std::move(prompts), config, events_ ? into(events_, events) : StreamCallback(), door,
                             std::move(hooks));
}

Call::~Call() {
  if (is_over()) return;
  const Unlocked unlocked;  // its callbacks may be waiting for the lock
  generation_.reset();
}

Call::Events::~Events() {
  if (wake >= 0) close(wake);
}

void Call::Events::push(const StreamEvent& event) {
  Event copy{.prompt_index = event.prompt_index,
             .index = event.index,
             .text = event.text,
             .token_ids = event.token_ids,
             .tentative = event.tentative,
             .finished = {}};
  if (event.finished != nullptr) copy.finished = *event.finished;
  const std::lock_guard lock(mutex);
  waiting.push_back(std::move(copy));
  arrived.notify_one();
  if (wake >= 0) eventfd_write(wake, 1);
}

StreamCallback Call::into(const std::shared_ptr<Events>& events, Kept kept) {
  return [events, kept](const StreamEvent& event) {
    if (kept == Kept::all || event.finished != nullptr) events->push(event);
  };
}

Call::Events& Call::events() {
  if (!events_) throw UsageError("this call was started without stream=True: use wait()");
  return *events_;
}

int Call::fileno() {
  Events& all = events();
  const std::lock_guard lock(all.mutex);
  if (all.wake >= 0) return all.wake;
  all.wake = eventfd(all.waiting.empty() ? 0 : 1, EFD_CLOEXEC | EFD_NONBLOCK);
  if (all.wake < 0) throw LimitError({.field = "open files", .rule = std::generic_category().message(errno)});
  return all.wake;
}

void Call::taken() {
  eventfd_t count = 0;
  eventfd_read(fileno(), &count);
}

std::optional<Event> Call::poll() {
  Events& all = events();
  const std::lock_guard lock(all.mutex);
  if (all.waiting.empty()) return std::nullopt;
  Event event = std::move(all.waiting.front());
  all.waiting.pop_front();
  return event;
}

bool Call::ended() {
  const Unlocked unlocked;
  return generation_->wait_for(milliseconds(0));
}

void Call::wait_for_event(milliseconds time) {
  const Unlocked unlocked;
  std::unique_lock lock(events_->mutex);
  events_->arrived.wait_for(lock, time, [this] { return !events_->waiting.empty(); });
}

// A signal's exception ends the call first.
void Call::check() {
  try {
    check_signals();
  } catch (...) {
    cancel();
    throw;
  }
}

std::optional<Event> Call::next() {
  std::optional<Event> event = poll();
  while (!event) {
    wait_for_event(one_has_finished_ ? kShortly : kTick);
    event = poll();
    if (event) break;
    const bool over = ended();
    event = poll();  // one that came before the end is never missed
    if (event) break;
    if (over) {
      (void)generation_->wait();  // rethrows what ended it
      return std::nullopt;
    }
    check();
  }
  one_has_finished_ = event->finished.has_value();
  return event;
}

std::vector<Completion> Call::wait() {
  const Interruptible waiting;
  return generation_->wait();
}

void Call::wait_for_end() { generation_->wait_for(kPatience); }

void Call::cancel() { generation_->cancel(); }

std::vector<Notice> Call::notices() const { return generation_->notices(); }

void end_calls() {
  running().ended = true;
  std::vector<std::shared_ptr<Call>> calls;
  for (const std::weak_ptr<Call>& call : running().calls) {
    if (auto alive = call.lock()) calls.push_back(std::move(alive));
  }
  {
    const Unlocked unlocked;  // their callbacks may be waiting for the lock
    for (const auto& call : calls) call->cancel();
    for (const auto& call : calls) call->wait_for_end();
  }
  end_waiting();
}

namespace {

void bind_torch_random(nb::module_& m) {
  nb::class_<SharedRandom>(m, "TorchRandom",
                           "torch.Generator(device='cpu'): calls draw its numbers one after the other.")
      .def(
          "__init__",
          [](SharedRandom* self, std::uint64_t seed) { new (self) SharedRandom{std::make_shared<TorchRandom>(seed)}; },
          nb::arg("seed"))
      .def(
          "state",
          [](const SharedRandom& shared) {
            const TorchRandom::State state = shared.random->state();
            return nb::make_tuple(std::vector<std::uint32_t>(state.words.begin(), state.words.end()), state.next);
          },
          nb::sig("def state(self) -> tuple[list[int], int]"), "mt19937's 624 words, and which of them comes next.")
      .def(
          "set_state",
          [](const SharedRandom& shared, const std::vector<std::uint32_t>& words, std::uint32_t next) {
            TorchRandom::State state{.next = next};
            if (words.size() != state.words.size()) {
              throw OptionError(
                  {.field = "words", .value = std::to_string(words.size()), .rule = "must be 624 numbers"});
            }
            std::ranges::copy(words, state.words.begin());
            shared.random->set_state(state);
          },
          nb::arg("words"), nb::arg("next"));
}

}  // namespace

void bind_call(nb::module_& m) {
  bind_torch_random(m);
  nb::class_<Event>(m, "Event", "Text that is final, in order, never half a character.")
      .def_ro("prompt_index", &Event::prompt_index)
      .def_ro("index", &Event::index)
      .def_ro("text", &Event::text)
      .def_ro("token_ids", &Event::token_ids)
      .def_ro("tentative", &Event::tentative)
      .def_ro("finished", &Event::finished);

  nb::class_<Call>(m, "Call", "One call under way. Letting go of it cancels it.")
      .def("next", &Call::next, "The next event; None after the last. Raises what ended the call.")
      .def("poll", &Call::poll, "The next event, if one has come.")
      .def("ended", &Call::ended, "Whether no event is to come, beyond those that have.")
      .def("fileno", &Call::fileno, "Can be read from once an event has come, until taken().")
      .def("taken", &Call::taken)
      .def("wait", &Call::wait, "All completions. Raises what ended the call.")
      .def("cancel", &Call::cancel, nb::call_guard<Unlocked>(), "Ends the call soon; completions keep what they have.")
      .def_prop_ro("notices", &Call::notices);

  m.def("start", &start, nb::arg("model"), nb::arg("prompts"), nb::arg("config"), nb::arg("door"),
        nb::arg("stream") = false, nb::arg("last_events") = false, nb::arg("logits_processors") = nb::tuple(),
        nb::arg("group_logits_processors") = nb::tuple(), nb::arg("stopping_criteria") = nb::tuple(),
        nb::arg("prefix_allowed_tokens_fn") = nb::none(), nb::arg("torch_random") = nb::none(),
        nb::sig("def start(model: Model, prompts: typing.Iterable[str | typing.Iterable[int]], config: "
                "GenerationConfig, door: Door, stream: bool = False, last_events: bool = False, logits_processors: "
                "typing.Iterable[typing.Callable[..., typing.Any]] = (), group_logits_processors: "
                "typing.Iterable[typing.Callable[..., typing.Any]] = (), stopping_criteria: "
                "typing.Iterable[typing.Callable[..., bool]] = (), prefix_allowed_tokens_fn: typing.Callable[..., "
                "typing.Iterable[int]] | None = None, torch_random: TorchRandom | None = None) -> Call"));
}

}  // namespace skald::python
