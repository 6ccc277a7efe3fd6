// The statements. Reference: jinja2.nodes, and what jinja2.compiler makes of them.
#pragma once

#include "text/template/expressions.h"

namespace skald::jinja {

/// Text between tags.
class Data final : public Statement {
 public:
  explicit Data(std::string text) : text_(std::move(text)) {}
  Flow run(Frame& frame) const override;

 private:
  TrackedText text_;
};

/// {{ ... }}, {% print %}
class Print final : public Statement {
 public:
  explicit Print(ExpressionPtr value) : value_(std::move(value)) {}
  Flow run(Frame& frame) const override;

 private:
  ExpressionPtr value_;
};

class If final : public Statement {
 public:
  struct Branch {
    ExpressionPtr test;  // null: else
    Body body;
  };
  explicit If(std::vector<Branch> branches) : branches_(std::move(branches)) {}
  Flow run(Frame& frame) const override;

 private:
  std::vector<Branch> branches_;
};

class For final : public Statement {
 public:
  struct Parts {
    Target target;
    ExpressionPtr values;
    ExpressionPtr filter;  // null where there is none
    bool recursive = false;
    NameId loop = 0;  // the name "loop"
    Body body, otherwise;
  };
  explicit For(Parts parts) : parts_(std::move(parts)) {}
  Flow run(Frame& frame) const override;
  /// One level of it over `values`; `depth` counts from 0.
  void loop(Frame& frame, const Value& values, int depth) const;
  [[nodiscard]] const Parts& parts() const { return parts_; }

 private:
  Parts parts_;
};

class Jump final : public Statement {  // {% break %}, {% continue %}
 public:
  explicit Jump(Flow flow) : flow_(flow) {}
  Flow run(Frame&) const override { return flow_; }

 private:
  Flow flow_;
};

class Set final : public Statement {
 public:
  Set(Target target, ExpressionPtr value) : target_(std::move(target)), value_(std::move(value)) {}
  Flow run(Frame& frame) const override;

 private:
  Target target_;
  ExpressionPtr value_;
};

/// {% set x %}...{% endset %}, {% set x | filter %}
class SetBlock final : public Statement {
 public:
  SetBlock(Target target, std::vector<std::unique_ptr<FilterCall>> filters, Body body)
      : target_(std::move(target)), filters_(std::move(filters)), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  Target target_;
  std::vector<std::unique_ptr<FilterCall>> filters_;  // in the order they are applied
  Body body_;
};

class With final : public Statement {
 public:
  struct Binding {
    Target target;
    ExpressionPtr value;
  };
  With(std::vector<Binding> bindings, Body body) : bindings_(std::move(bindings)), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  std::vector<Binding> bindings_;
  Body body_;
};

/// {% filter upper %}
class FilterBlock final : public Statement {
 public:
  FilterBlock(std::vector<std::unique_ptr<FilterCall>> filters, Body body)
      : filters_(std::move(filters)), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  std::vector<std::unique_ptr<FilterCall>> filters_;
  Body body_;
};

/// What a macro and a call block have: parameters and a body that writes the result.
struct MacroParts {
  std::string name;
  Signature signature;
  Body body;
  NameId caller = 0, kwargs = 0, varargs = 0;                           // the names
  bool uses_caller = false, uses_kwargs = false, uses_varargs = false;  // in the body
};

class MacroStatement final : public Statement {
 public:
  MacroStatement(NameId name, MacroParts parts) : name_(name), parts_(std::move(parts)) {}
  Flow run(Frame& frame) const override;

 private:
  NameId name_;
  MacroParts parts_;
};

/// {% call(x) macro() %}
class CallBlock final : public Statement {
 public:
  CallBlock(std::unique_ptr<Call> call, MacroParts parts) : call_(std::move(call)), parts_(std::move(parts)) {}
  Flow run(Frame& frame) const override;

 private:
  std::unique_ptr<Call> call_;
  MacroParts parts_;
};

/// {% generation %}: what the assistant wrote, as training sees it.
class Generation final : public Statement {
 public:
  explicit Generation(Body body) : body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  Body body_;
};

/// {% block %}: no template extends another here, so it runs where it stands.
class Block final : public Statement {
 public:
  Block(bool scoped, Body body) : scoped_(scoped), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  bool scoped_;
  Body body_;
};

/// {% autoescape false %}
class Unescaped final : public Statement {
 public:
  Unescaped(ExpressionPtr on, Body body) : on_(std::move(on)), body_(std::move(body)) {}
  Flow run(Frame& frame) const override;

 private:
  ExpressionPtr on_;
  Body body_;
};

}  // namespace skald::jinja
