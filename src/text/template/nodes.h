// What the parser makes of a template: expressions that give values and statements that run.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/template/machine.h"

namespace skald::jinja {

class Expression {
 public:
  virtual ~Expression() = default;
  virtual Value eval(Frame& frame) const = 0;
  int line = 0;
  int depth = 1;  // of expressions in one another, which are run and freed recursively
};
using ExpressionPtr = std::unique_ptr<Expression>;

class Statement {
 public:
  virtual ~Statement() = default;
  virtual Flow run(Frame& frame) const = 0;
  int line = 0;
};
using StatementPtr = std::unique_ptr<Statement>;
using Body = std::vector<StatementPtr>;

/// What a call, a filter or a test passes, unevaluated.
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr rest, named_rest;  // *rest, **named_rest; null where there are none

  [[nodiscard]] Arguments eval(Frame& frame) const;
};

/// What can stand left of = : a name, a namespace's attribute, a tuple of them.
struct Target {
  enum class Kind : std::uint8_t { name, attribute, tuple };
  Kind kind = Kind::name;
  NameId name = 0;
  std::string attribute;
  std::vector<Target> parts;

  void assign(Frame& frame, const Value& value) const;
};

/// Parameters of a macro or a call block.
struct Signature {
  std::vector<NameId> names;
  std::vector<ExpressionPtr> defaults;  // of the last ones
};

struct Template {
  Body body;
  std::vector<std::string> names;  // by NameId
};

/// Throws SyntaxFailure.
Template parse(std::string_view source);

}  // namespace skald::jinja
