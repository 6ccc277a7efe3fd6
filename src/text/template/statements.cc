#include "text/template/statements.h"

#include <algorithm>

#include "text/template/loop.h"
#include "text/template/macro.h"

namespace skald::jinja {
namespace {

Value filtered(Frame& frame, const std::vector<std::unique_ptr<FilterCall>>& filters, Value value) {
  for (const auto& filter : filters) value = filter->apply(frame, value);
  return value;
}

}  // namespace

Flow Data::run(Frame& frame) const {
  frame.print(text_);
  return Flow::next;
}

Flow Print::run(Frame& frame) const {
  const Value value = frame.eval(*value_);
  if (value.is_string()) {
    frame.print(value.text());
  } else {
    frame.print(to_text(frame, value));
  }
  return Flow::next;
}

Flow If::run(Frame& frame) const {
  for (const Branch& branch : branches_) {
    if (!branch.test || frame.eval(*branch.test).truth()) return frame.run(branch.body);
  }
  return Flow::next;
}

Flow For::run(Frame& frame) const {
  const Value values = frame.eval(*parts_.values);
  if (!parts_.recursive) {
    loop(frame, values, 0);
    return Flow::next;
  }
  TrackedText text;  // a recursive loop is captured, as jinja2 does
  Frame inner{frame.machine, frame.scope, &text};
  loop(inner, values, 0);
  frame.print(text);
  return Flow::next;
}

void For::loop(Frame& frame, const Value& values, int depth) const {
  const auto state = std::make_shared<Loop>(frame, *this, values, depth);
  bool any = false;
  while (auto item = state->advance(frame)) {
    any = true;
    Frame body = frame.inner();
    body.scope->set(parts_.loop, std::static_pointer_cast<Object>(state));
    parts_.target.assign(body, *item);
    if (body.run(parts_.body) == Flow::break_loop) break;
  }
  if (any) return;
  Frame otherwise = frame.inner();
  otherwise.run(parts_.otherwise);
}

Flow Set::run(Frame& frame) const {
  target_.assign(frame, frame.eval(*value_));
  return Flow::next;
}

Flow SetBlock::run(Frame& frame) const {
  TrackedText text;
  Frame inner = frame.inner(text);
  const Flow flow = inner.run(body_);
  if (flow != Flow::next) return flow;
  target_.assign(frame, filtered(inner, filters_, frame.machine.text(std::move(text))));
  return Flow::next;
}

Flow With::run(Frame& frame) const {
  Frame inner = frame.inner();
  for (const auto& [target, value] : bindings_) target.assign(inner, frame.eval(*value));
  return inner.run(body_);
}

Flow FilterBlock::run(Frame& frame) const {
  TrackedText text;
  Frame inner = frame.inner(text);
  const Flow flow = inner.run(body_);
  if (flow != Flow::next) return flow;
  const Value value = filtered(inner, filters_, frame.machine.text(std::move(text)));
  if (!value.is_string()) fail("the filter makes " + value.type_name() + " of the block, and a str is needed");
  frame.print(value.text());
  return Flow::next;
}

Flow MacroStatement::run(Frame& frame) const {
  frame.scope->set(name_, frame.machine.kept<Macro>(parts_, frame.scope).first);
  return Flow::next;
}

Flow CallBlock::run(Frame& frame) const {
  const Value caller = frame.machine.kept<Macro>(parts_, frame.scope).first;
  frame.print(to_text(frame, call_->eval_with(frame, &caller)));
  return Flow::next;
}

Flow Generation::run(Frame& frame) const {
  TrackedText text;
  Frame inner = frame.inner(text);
  const Flow flow = inner.run(body_);
  // As in transformers, the place counts what is written outside of captured blocks only.
  const std::size_t begin = frame.machine.output.size();
  frame.machine.generated.emplace_back(begin, begin + text.size());
  frame.print(text);
  return flow;
}

Flow Block::run(Frame& frame) const {
  Frame inner{frame.machine, std::make_shared<Scope>(scoped_ ? frame.scope : frame.machine.top), frame.out};
  return inner.run(body_);
}

Flow Unescaped::run(Frame& frame) const {
  if (frame.eval(*on_).truth()) fail("autoescape is for HTML: a chat template has none");
  Frame inner = frame.inner();
  return inner.run(body_);
}

}  // namespace skald::jinja
