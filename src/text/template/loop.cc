#include "text/template/loop.h"

#include <algorithm>

#include "text/template/characters.h"

namespace skald::jinja {

Loop::Loop(Frame& frame, const For& statement, const Value& values, int depth)
    : statement_(statement), scope_(frame.scope), source_(values), depth0_(depth) {
  if (values.is_string()) {
    made_ = iterate(frame, values);
  } else if (!is_iterable(values)) {
    fail("'" + values.type_name() + "' object is not iterable");
  }
}

std::optional<Value> Loop::pull_unfiltered(Frame& frame) {
  if (source_.is_string()) return at_ < made_.size() ? std::optional(made_[at_++]) : std::nullopt;
  if (source_.is_sequence()) {
    const std::vector<Value>& values = source_.sequence().values;
    return at_ < values.size() ? std::optional(values[at_++]) : std::nullopt;
  }
  if (source_.is_dict()) {
    const auto& items = source_.dict().items();
    return at_ < items.size() ? std::optional(items[at_++].first) : std::nullopt;
  }
  if (auto* const iterator = source_.as<Iterator>()) {
    const Value* const value = iterator->next();
    return value != nullptr ? std::optional(*value) : std::nullopt;
  }
  auto* const loop = source_.as<Loop>();  // a loop over a loop takes its values, each with the loop
  if (loop == nullptr) return std::nullopt;
  auto value = loop->advance(frame);
  if (!value) return std::nullopt;
  return frame.machine.tuple({*value, source_});
}

// As jinja2 has it, the condition is asked when the value is needed: what the body changed before then counts.
std::optional<Value> Loop::pull(Frame& frame) {
  const For::Parts& parts = statement_.parts();
  while (auto value = pull_unfiltered(frame)) {
    frame.machine.step();
    if (!parts.filter) return value;
    Frame inner{frame.machine, std::make_shared<Scope>(scope_), frame.out};
    parts.target.assign(inner, *value);
    if (inner.eval(*parts.filter).truth()) return value;
  }
  return std::nullopt;
}

const Value* Loop::peek(Frame& frame) {
  if (ahead_.empty()) {
    if (auto value = pull(frame)) ahead_.push_back(std::move(*value));
  }
  return ahead_.empty() ? nullptr : &ahead_.front();
}

std::optional<Value> Loop::advance(Frame& frame) {
  const Value* const next = peek(frame);
  if (next == nullptr) return std::nullopt;
  before_ = std::move(current_);
  current_ = *next;
  ahead_.pop_front();
  ++index0_;
  return current_;
}

std::size_t Loop::length(Frame& frame) {
  if (length_) return *length_;
  if (!statement_.parts().filter && !source_.is_object()) {
    length_ = length_of(frame, source_).value_or(0);
    return *length_;
  }
  while (auto value = pull(frame)) ahead_.push_back(std::move(*value));
  length_ = ahead_.size() + static_cast<std::size_t>(index());
  return *length_;
}

Value Loop::call(Frame& frame, const Arguments& arguments) {
  if (!statement_.parts().recursive) fail("The loop must have the 'recursive' marker to be called recursively.");
  const auto given = arguments.bind("loop", {"iterable"}, 1);
  TrackedText text;
  Frame inner{frame.machine, scope_, &text};
  const Deeper deeper(frame.machine);
  statement_.loop(inner, *given[0], depth0_ + 1);
  return frame.machine.text(std::move(text));
}

Value Loop::cycle(const Arguments& arguments) const {
  if (arguments.positional.empty()) fail("no items for cycling given");
  return arguments.positional[static_cast<std::size_t>(index0_) % arguments.positional.size()];
}

bool Loop::changed(Frame& frame, const Arguments& arguments) {
  for (const Value& value : arguments.positional) frame.machine.read(value);
  if (last_changed_ && std::ranges::equal(*last_changed_, arguments.positional, equal)) return false;
  last_changed_ = arguments.positional;
  return true;
}

std::optional<Value> Loop::attribute(Frame& frame, std::string_view name) {
  const auto size = [&] { return static_cast<std::int64_t>(length(frame)); };
  if (name == "index") return index();
  if (name == "index0") return index0_;
  if (name == "first") return index0_ == 0;
  if (name == "last") return peek(frame) == nullptr;
  if (name == "length") return size();
  if (name == "revindex") return size() - index0_;
  if (name == "revindex0") return size() - index();
  if (name == "depth") return depth0_ + 1;
  if (name == "depth0") return depth0_;
  if (name == "previtem") {
    return index0_ == 0 || !before_ ? Value::undefined("there is no previous item") : *before_;
  }
  if (name == "nextitem") {
    const Value* const next = peek(frame);
    return next != nullptr ? *next : Value::undefined("there is no next item");
  }
  using Method = ObjectMethod<Loop>;
  if (name == "cycle") {
    return frame.machine.object<Method>(
        *this, [](Frame&, Loop& loop, const Arguments& arguments) { return loop.cycle(arguments); });
  }
  if (name == "changed") {
    return frame.machine.object<Method>(*this, [](Frame& inner, Loop& loop, const Arguments& arguments) -> Value {
      return loop.changed(inner, arguments);
    });
  }
  return std::nullopt;
}

}  // namespace skald::jinja
