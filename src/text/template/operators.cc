#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "base/find_text.h"
#include "text/template/builtins.h"

namespace skald::jinja {
namespace {

constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void fail_types(const char* symbol, const Value& a, const Value& b) {
  fail(std::string("unsupported operand type(s) for ") + symbol + ": '" + a.type_name() + "' and '" + b.type_name() +
       "'");
}

Value fitting(std::optional<std::int64_t> result) {
  if (!result) fail_limit("an integer gets more than 64 bits");
  return *result;
}

Value power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) fail("0.0 cannot be raised to a negative power");
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  std::optional<std::int64_t> result = 1, square = base;
  for (; exponent != 0 && result; exponent >>= 1) {
    if ((exponent & 1) != 0) result = square ? checked_mul(*result, *square) : std::nullopt;
    if (square && exponent > 1) square = checked_mul(*square, *square);
  }
  return fitting(result);
}

// Rounded to minus infinity, as Python does.
Value floor_divide(std::int64_t a, std::int64_t b) {
  if (b == 0) fail("integer division or modulo by zero");
  if (b == -1) return fitting(checked_mul(a, std::int64_t{-1}));
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

Value modulo(std::int64_t a, std::int64_t b) {
  if (b == 0) fail("integer modulo by zero");
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

double float_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double float_floor_divide(double a, double b) {
  const double rest = float_modulo(a, b);
  double quotient = (a - rest) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Value integer_operation(Operator operation, std::int64_t a, std::int64_t b) {
  switch (operation) {
    case Operator::add: return fitting(checked_add(a, b));
    case Operator::subtract: {
      std::int64_t difference = 0;
      const bool over = __builtin_sub_overflow(a, b, &difference);
      return fitting(over ? std::nullopt : std::optional(difference));
    }
    case Operator::multiply: return fitting(checked_mul(a, b));
    case Operator::divide:
      if (b == 0) fail("division by zero");
      return static_cast<double>(a) / static_cast<double>(b);
    case Operator::floor_divide: return floor_divide(a, b);
    case Operator::modulo: return modulo(a, b);
    default: return power(a, b);
  }
}

Value float_power(double a, double b) {
  if (a == 0 && b < 0) fail("0.0 cannot be raised to a negative power");
  if (a < 0 && b != std::trunc(b)) fail("a power would be a complex number, which is not supported");
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) fail("(34, 'Numerical result out of range')");
  return result;
}

Value float_operation(Operator operation, double a, double b) {
  const bool divides =
      operation == Operator::divide || operation == Operator::floor_divide || operation == Operator::modulo;
  if (divides && b == 0) {
    fail(operation == Operator::divide         ? "float division by zero"
         : operation == Operator::floor_divide ? "float floor division by zero"
                                               : "float modulo");
  }
  switch (operation) {
    case Operator::add: return a + b;
    case Operator::subtract: return a - b;
    case Operator::multiply: return a * b;
    case Operator::divide: return a / b;
    case Operator::floor_divide: return float_floor_divide(a, b);
    case Operator::modulo: return float_modulo(a, b);
    default: return float_power(a, b);
  }
}

Value add_strings(Frame& frame, const String& a, const String& b) {
  const bool markup = a.markup || b.markup;
  TrackedText out = markup && !a.markup ? escaped(a.text) : a.text;
  frame.machine.make_room(out.size() + b.text.size());
  out.append(markup && !b.markup ? escaped(b.text) : b.text);
  return frame.machine.text(std::move(out), markup);
}

Value add_sequences(Frame& frame, const Sequence& a, const Sequence& b) {
  std::vector<Value> values = a.values;
  values.insert(values.end(), b.values.begin(), b.values.end());
  return frame.machine.list(std::move(values), a.is_tuple() ? Sequence::Kind::tuple : Sequence::Kind::list);
}

bool adds(const Value& a, const Value& b) {
  if (!a.is_sequence() || !b.is_sequence()) return false;
  return (a.sequence().is_list() && b.sequence().is_list()) || (a.sequence().is_tuple() && b.sequence().is_tuple());
}

Value repeated(Frame& frame, const Value& value, std::int64_t count) {
  const auto times = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
  const auto checked = [&](std::size_t size) { return checked_mul(size, times).value_or(~std::size_t{0} >> 1); };
  if (value.is_string()) {
    frame.machine.make_room(checked(value.text().size()));
    TrackedText out;
    for (std::size_t i = 0; i < times && !value.text().empty(); ++i) out.append(value.text());
    return frame.machine.text(std::move(out), value.string().markup);
  }
  frame.machine.make_room_for_items(checked(value.sequence().values.size()));
  std::vector<Value> values;
  for (std::size_t i = 0; i < times && !value.sequence().values.empty(); ++i) {
    values.insert(values.end(), value.sequence().values.begin(), value.sequence().values.end());
  }
  return frame.machine.list(std::move(values), value.sequence().kind);
}

bool repeats(const Value& value) {
  return value.is_string() || (value.is_sequence() && (value.sequence().is_list() || value.sequence().is_tuple()));
}

[[noreturn]] void fail_order(const Value& a, const Value& b, std::string_view symbol) {
  for (const Value* value : {&a, &b}) {
    if (value->is_undefined()) fail(value->as_undefined().message);
  }
  fail("'" + std::string(symbol) + "' not supported between instances of '" + a.type_name() + "' and '" +
       b.type_name() + "'");
}

bool less_numbers(const Value& a, const Value& b) {
  if (a.is_float() || b.is_float()) return a.as_float() < b.as_float();
  return a.as_integer() < b.as_integer();
}

// a <= b, where neither is reduced to the other: NaN.
bool less_or_equal(const Value& a, const Value& b, std::string_view symbol) {
  if (a.is_number() && b.is_number()) return less_numbers(a, b) || equal(a, b);
  return equal(a, b) && !a.is_undefined() && !a.is_none() && !a.is_dict() ? true : less_than(a, b, symbol);
}

}  // namespace

Value operate(Frame& frame, Operator operation, const Value& a, const Value& b) {
  if (a.is_string() && operation == Operator::modulo) {
    frame.machine.read(a);
    return percent_format(frame, a, b);
  }
  for (const Value* value : {&a, &b}) {
    if (value->is_undefined()) fail(value->as_undefined().message);
  }
  if (a.is_integral() && b.is_integral()) return integer_operation(operation, a.as_integer(), b.as_integer());
  if (a.is_number() && b.is_number()) return float_operation(operation, a.as_float(), b.as_float());
  if (operation == Operator::add) {
    if (a.is_string() && b.is_string()) return add_strings(frame, a.string(), b.string());
    if (adds(a, b)) return add_sequences(frame, a.sequence(), b.sequence());
    if (a.is_string()) fail("can only concatenate str (not \"" + b.type_name() + "\") to str");
    if (a.is_sequence() && a.sequence().is_list()) {
      fail("can only concatenate list (not \"" + b.type_name() + "\") to list");
    }
  }
  if (operation == Operator::multiply) {
    if (repeats(a) && b.is_integral()) return repeated(frame, a, b.as_integer());
    if (repeats(b) && a.is_integral()) return repeated(frame, b, a.as_integer());
  }
  fail_types(kSymbols[static_cast<std::size_t>(operation)], a, b);
}

bool less_than(const Value& a, const Value& b, std::string_view symbol) {
  if (a.is_number() && b.is_number()) return less_numbers(a, b);
  if (a.is_string() && b.is_string()) return a.bytes() < b.bytes();  // the order of code points, in UTF-8 too
  if (!adds(a, b)) fail_order(a, b, symbol);
  const std::vector<Value>&left = a.sequence().values, &right = b.sequence().values;
  const auto [i, j] = std::ranges::mismatch(left, right, equal);
  if (i == left.end() || j == right.end()) return left.size() < right.size();
  return less_than(*i, *j, symbol);
}

bool compare(Frame& frame, Comparison comparison, const Value& a, const Value& b) {
  frame.machine.read_both(a, b);
  switch (comparison) {
    case Comparison::equal: return equal(a, b);
    case Comparison::not_equal: return !equal(a, b);
    case Comparison::less: return less_than(a, b, "<");
    case Comparison::less_equal: return less_or_equal(a, b, "<=");
    case Comparison::greater:
      if (!(a.is_number() && b.is_number()) && !(a.is_string() && b.is_string()) && !adds(a, b)) fail_order(a, b, ">");
      return less_than(b, a, ">");
    case Comparison::greater_equal:
      if (!(a.is_number() && b.is_number()) && !(a.is_string() && b.is_string()) && !adds(a, b)) fail_order(a, b, ">=");
      return less_or_equal(b, a, ">=");
    case Comparison::in: return contains(frame, b, a);
    default: return !contains(frame, b, a);
  }
}

bool contains(Frame& frame, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      fail("'in <string>' requires string as left operand, not " + item.type_name());
    }
    frame.machine.read(container);
    return find_text(container.bytes(), item.bytes()) != std::string::npos;
  }
  frame.machine.read(item);
  if (container.is_dict()) return container.dict().find(item) != nullptr;
  if (!is_iterable(container)) fail("argument of type '" + container.type_name() + "' is not iterable");
  const auto is_it = [&](const Value& value) {
    frame.machine.read_both(value, item);
    return value.same_as(item) || equal(value, item);
  };
  if (!container.is_sequence()) return std::ranges::any_of(iterate(frame, container), is_it);
  if (container.sequence().kind == Sequence::Kind::keys) static_cast<void>(hash(item));  // refuses what is no key
  frame.machine.step(container.sequence().values.size() / 16);
  return std::ranges::any_of(container.sequence().values, is_it);
}

Value negated(const Value& value) {
  if (value.is_undefined()) fail(value.as_undefined().message);
  if (value.is_float()) return -value.as_float();
  if (!value.is_integral()) fail("bad operand type for unary -: '" + value.type_name() + "'");
  return fitting(checked_mul(value.as_integer(), std::int64_t{-1}));
}

Value plus(const Value& value) {
  if (value.is_undefined()) fail(value.as_undefined().message);
  if (value.is_float()) return value;
  if (!value.is_integral()) fail("bad operand type for unary +: '" + value.type_name() + "'");
  return value.as_integer();
}

}  // namespace skald::jinja
