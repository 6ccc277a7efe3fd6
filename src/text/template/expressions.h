// The expressions. Reference: jinja2.nodes, and what jinja2.compiler makes of them.
#pragma once

#include "text/template/builtins.h"
#include "text/template/nodes.h"

namespace skald::jinja {

class Constant final : public Expression {
 public:
  explicit Constant(Value value) : value_(std::move(value)) {}
  Value eval(Frame&) const override { return value_; }

 private:
  Value value_;
};

class Name final : public Expression {
 public:
  explicit Name(NameId name) : name_(name) {}
  Value eval(Frame& frame) const override;
  [[nodiscard]] NameId name() const { return name_; }

 private:
  NameId name_;
};

/// [a, b] and (a, b).
class Row final : public Expression {
 public:
  Row(std::vector<ExpressionPtr> items, Sequence::Kind kind) : items_(std::move(items)), kind_(kind) {}
  Value eval(Frame& frame) const override;
  [[nodiscard]] bool is_tuple() const { return kind_ == Sequence::Kind::tuple; }
  [[nodiscard]] const std::vector<ExpressionPtr>& items() const { return items_; }

 private:
  std::vector<ExpressionPtr> items_;
  Sequence::Kind kind_;
};

class DictDisplay final : public Expression {
 public:
  explicit DictDisplay(std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items) : items_(std::move(items)) {}
  Value eval(Frame& frame) const override;

 private:
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items_;
};

class Unary final : public Expression {
 public:
  Unary(char operation, ExpressionPtr operand) : operation_(operation), operand_(std::move(operand)) {}
  Value eval(Frame& frame) const override;

 private:
  char operation_;  // '-', '+', '!' (not)
  ExpressionPtr operand_;
};

class Binary final : public Expression {
 public:
  Binary(Operator operation, ExpressionPtr left, ExpressionPtr right)
      : operation_(operation), left_(std::move(left)), right_(std::move(right)) {}
  Value eval(Frame& frame) const override;

 private:
  Operator operation_;
  ExpressionPtr left_, right_;
};

/// `and`, `or`: the value that decides.
class Logical final : public Expression {
 public:
  Logical(bool is_and, ExpressionPtr left, ExpressionPtr right)
      : is_and_(is_and), left_(std::move(left)), right_(std::move(right)) {}
  Value eval(Frame& frame) const override;

 private:
  bool is_and_;
  ExpressionPtr left_, right_;
};

/// a < b <= c, as Python chains them.
class Compare final : public Expression {
 public:
  using Operand = std::pair<Comparison, ExpressionPtr>;
  Compare(ExpressionPtr first, std::vector<Operand> operands)
      : first_(std::move(first)), operands_(std::move(operands)) {}
  Value eval(Frame& frame) const override;

 private:
  ExpressionPtr first_;
  std::vector<Operand> operands_;
};

/// a ~ b ~ c
class Concat final : public Expression {
 public:
  explicit Concat(std::vector<ExpressionPtr> parts) : parts_(std::move(parts)) {}
  Value eval(Frame& frame) const override;

 private:
  std::vector<ExpressionPtr> parts_;
};

/// a if test else b
class Conditional final : public Expression {
 public:
  Conditional(ExpressionPtr test, ExpressionPtr yes, ExpressionPtr no)
      : test_(std::move(test)), yes_(std::move(yes)), no_(std::move(no)) {}
  Value eval(Frame& frame) const override;

 private:
  ExpressionPtr test_, yes_, no_;  // no_ may be null
};

class GetAttribute final : public Expression {
 public:
  GetAttribute(ExpressionPtr object, std::string name) : object_(std::move(object)), name_(std::move(name)) {}
  Value eval(Frame& frame) const override;

 private:
  ExpressionPtr object_;
  std::string name_;
};

class GetItem final : public Expression {
 public:
  GetItem(ExpressionPtr object, ExpressionPtr key) : object_(std::move(object)), key_(std::move(key)) {}
  Value eval(Frame& frame) const override;

 private:
  ExpressionPtr object_, key_;
};

/// a[start:stop:step]; each may be null.
class GetSlice final : public Expression {
 public:
  struct Bounds {
    ExpressionPtr start, stop, step;
  };
  GetSlice(ExpressionPtr object, Bounds bounds) : object_(std::move(object)), bounds_(std::move(bounds)) {}
  Value eval(Frame& frame) const override;

 private:
  ExpressionPtr object_;
  Bounds bounds_;
};

class Call final : public Expression {
 public:
  Call(ExpressionPtr function, CallArguments arguments)
      : function_(std::move(function)), arguments_(std::move(arguments)) {}
  Value eval(Frame& frame) const override { return eval_with(frame, nullptr); }
  /// `caller`, where not null, is passed under that name: {% call %}.
  Value eval_with(Frame& frame, const Value* caller) const;

 private:
  ExpressionPtr function_;
  CallArguments arguments_;
};

/// value | name(...); `input` is null in {% filter name %}, whose input is the block's text.
class FilterCall final : public Expression {
 public:
  FilterCall(ExpressionPtr input, std::string name, CallArguments arguments);
  Value eval(Frame& frame) const override;
  Value apply(Frame& frame, const Value& block) const;

 private:
  ExpressionPtr input_;
  std::string name_;
  Filter filter_;  // null where it is not known: an error only where it is reached
  CallArguments arguments_;
};

/// value is name(...)
class TestCall final : public Expression {
 public:
  TestCall(ExpressionPtr input, std::string name, CallArguments arguments);
  Value eval(Frame& frame) const override;

 private:
  ExpressionPtr input_;
  std::string name_;
  Test test_;
  CallArguments arguments_;
};

}  // namespace skald::jinja
