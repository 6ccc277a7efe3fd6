// The variable `loop`, and the values that a loop goes over. Reference: jinja2.runtime.LoopContext.
#pragma once

#include <deque>
#include <optional>

#include "text/template/statements.h"

namespace skald::jinja {

class Loop final : public Callable, public Attributes {
 public:
  Loop(Frame& frame, const For& statement, const Value& values, int depth);

  [[nodiscard]] std::string type_name() const override { return "LoopContext"; }
  [[nodiscard]] int depth() const override { return 1 + source_.depth(); }

  /// The next value; nothing at the end.
  std::optional<Value> advance(Frame& frame);
  std::optional<Value> attribute(Frame& frame, std::string_view name) override;
  /// loop(values): the same loop one level deeper.
  Value call(Frame& frame, const Arguments& arguments) override;
  std::size_t length(Frame& frame);
  Value cycle(const Arguments& arguments) const;
  bool changed(Frame& frame, const Arguments& arguments);
  [[nodiscard]] std::int64_t index() const { return index0_ + 1; }

 private:
  std::optional<Value> pull(Frame& frame);
  [[nodiscard]] std::optional<Value> pull_unfiltered(Frame& frame);
  /// The value after the current one; nullptr at the end.
  [[nodiscard]] const Value* peek(Frame& frame);

  const For& statement_;
  std::shared_ptr<Scope> scope_;  // around the loop
  Value source_;
  std::size_t at_ = 0;       // in a list or dict
  std::vector<Value> made_;  // the characters of a string
  std::deque<Value> ahead_;  // taken from the source already
  int depth0_;
  std::int64_t index0_ = -1;
  std::optional<std::size_t> length_;
  std::optional<Value> before_, current_;
  std::optional<std::vector<Value>> last_changed_;
};

/// loop.cycle, loop.changed, cycler.next and the like: a method of an object.
template <typename T>
class ObjectMethod final : public Callable {
 public:
  using Run = Value (*)(Frame& frame, T& object, const Arguments& arguments);
  /// Keeps `object` alive; one that is kept by the machine lives longer anyway.
  ObjectMethod(T& object, Run run) : owner_(object.weak_from_this().lock()), object_(object), run_(run) {}
  [[nodiscard]] std::string type_name() const override { return "method"; }
  [[nodiscard]] int depth() const override { return 1 + (owner_ ? owner_->depth() : 0); }
  Value call(Frame& frame, const Arguments& arguments) override { return run_(frame, object_, arguments); }

 private:
  std::shared_ptr<Object> owner_;
  T& object_;
  Run run_;
};

}  // namespace skald::jinja
