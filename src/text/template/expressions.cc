#include "text/template/expressions.h"

#include <algorithm>
#include <unordered_set>

namespace skald::jinja {
namespace {

// One call's arguments with those of *rest and **rest behind them.
void append_rest(Frame& frame, const ExpressionPtr& rest, Arguments& out) {
  if (!rest) return;
  for (Value& value : iterate(frame, frame.eval(*rest))) out.positional.push_back(std::move(value));
  frame.machine.charge_items(out.positional.size());
}

void append_named_rest(Frame& frame, const ExpressionPtr& rest, Arguments& out) {
  if (!rest) return;
  const Value values = frame.eval(*rest);
  if (!values.is_dict()) fail("argument after ** must be a mapping, not " + values.type_name());
  for (const auto& [name, value] : values.dict().items()) {
    if (!name.is_string()) fail("keywords must be strings");
    out.named.emplace_back(name.bytes(), value);
  }
  frame.machine.charge_items(2 * out.named.size());
}

}  // namespace

Arguments CallArguments::eval(Frame& frame) const {
  Arguments out;
  for (const ExpressionPtr& value : positional) out.positional.push_back(frame.eval(*value));
  append_rest(frame, rest, out);
  for (const auto& [name, value] : named) out.named.emplace_back(name, frame.eval(*value));
  append_named_rest(frame, named_rest, out);
  std::unordered_set<std::string_view> names;
  for (const auto& [name, value] : out.named) {
    if (!names.insert(name).second) fail("keyword argument repeated: " + name);
  }
  return out;
}

void Target::assign(Frame& frame, const Value& value) const {
  if (kind == Kind::name) return frame.scope->set(name, value);
  if (kind == Kind::attribute) {
    const Value* const found = frame.find(name);
    auto* const object = found != nullptr ? found->as<Namespace>() : nullptr;
    if (object == nullptr) fail("cannot assign attribute on non-namespace object");
    if (attribute.starts_with('_')) {
      fail("Chat templates cannot store underscore-prefixed attributes on a namespace, but got " +
           quoted_name(attribute) + ". Please rename the attribute.");
    }
    return object->attributes.set(make_string(attribute), value);
  }
  const std::vector<Value> values = iterate(frame, value);
  const std::string wanted = std::to_string(parts.size());
  if (values.size() > parts.size()) fail("too many values to unpack (expected " + wanted + ")");
  if (values.size() < parts.size()) {
    fail("not enough values to unpack (expected " + wanted + ", got " + std::to_string(values.size()) + ")");
  }
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i].assign(frame, values[i]);
}

Value Name::eval(Frame& frame) const {
  if (const Value* const found = frame.find(name_)) return *found;
  if (const Value* const found = frame.machine.find_global(name_)) return *found;
  return Value::undefined(quoted_name(frame.machine.name(name_)) + " is undefined");
}

Value Row::eval(Frame& frame) const {
  std::vector<Value> values;
  values.reserve(items_.size());
  for (const ExpressionPtr& item : items_) values.push_back(frame.eval(*item));
  return frame.machine.list(std::move(values), kind_);
}

Value DictDisplay::eval(Frame& frame) const {
  Dict dict;
  for (const auto& [key, value] : items_) {
    Value name = frame.eval(*key);
    frame.machine.read(name);
    dict.set(std::move(name), frame.eval(*value));
  }
  return frame.machine.dict(std::move(dict));
}

Value Unary::eval(Frame& frame) const {
  const Value value = frame.eval(*operand_);
  if (operation_ == '!') return !value.truth();
  return operation_ == '-' ? negated(value) : plus(value);
}

Value Binary::eval(Frame& frame) const {
  const Value left = frame.eval(*left_);
  return operate(frame, operation_, left, frame.eval(*right_));
}

Value Logical::eval(Frame& frame) const {
  Value left = frame.eval(*left_);
  return left.truth() == is_and_ ? frame.eval(*right_) : left;
}

Value Compare::eval(Frame& frame) const {
  Value left = frame.eval(*first_);
  for (const auto& [comparison, operand] : operands_) {
    Value right = frame.eval(*operand);
    if (!compare(frame, comparison, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Concat::eval(Frame& frame) const {
  TrackedText out;
  for (const ExpressionPtr& part : parts_) {
    const Value value = frame.eval(*part);
    const TrackedText text = to_text(frame, value);
    frame.machine.make_room(out.size() + text.size());
    out.append(text);
  }
  return frame.machine.text(std::move(out));
}

Value Conditional::eval(Frame& frame) const {
  if (frame.eval(*test_).truth()) return frame.eval(*yes_);
  if (no_) return frame.eval(*no_);
  return Value::undefined("the inline if-expression on line " + std::to_string(line) +
                          " evaluated to false and no else section was defined.");
}

Value GetAttribute::eval(Frame& frame) const { return get_attribute(frame, frame.eval(*object_), name_); }

Value GetItem::eval(Frame& frame) const {
  const Value object = frame.eval(*object_);
  return get_item(frame, object, frame.eval(*key_));
}

Value GetSlice::eval(Frame& frame) const {
  const Value object = frame.eval(*object_);
  const auto bound = [&frame](const ExpressionPtr& part) { return part ? frame.eval(*part) : Value(); };
  const Value start = bound(bounds_.start), stop = bound(bounds_.stop), step = bound(bounds_.step);
  return get_slice(frame, object, start, stop, step);
}

Value Call::eval_with(Frame& frame, const Value* caller) const {
  const Value function = frame.eval(*function_);
  Arguments arguments = arguments_.eval(frame);
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  return call(frame, function, arguments);
}

FilterCall::FilterCall(ExpressionPtr input, std::string name, CallArguments arguments)
    : input_(std::move(input)), name_(std::move(name)), filter_(find_filter(name_)), arguments_(std::move(arguments)) {}

Value FilterCall::eval(Frame& frame) const { return apply(frame, frame.eval(*input_)); }

Value FilterCall::apply(Frame& frame, const Value& block) const {
  if (filter_ == nullptr) fail("No filter named '" + name_ + "' found.");
  return apply_filter(frame, filter_, block, arguments_.eval(frame));
}

TestCall::TestCall(ExpressionPtr input, std::string name, CallArguments arguments)
    : input_(std::move(input)), name_(std::move(name)), test_(find_test(name_)), arguments_(std::move(arguments)) {}

Value TestCall::eval(Frame& frame) const {
  const Value input = frame.eval(*input_);
  if (test_ == nullptr) fail("No test named '" + name_ + "' found.");
  return apply_test(frame, test_, input, arguments_.eval(frame));
}

}  // namespace skald::jinja
