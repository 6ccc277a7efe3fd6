// The tests of `is`. Reference: jinja2.tests.
#include <algorithm>

#include "text/template/builtins.h"
#include "text/template/string_operations.h"

namespace skald::jinja {
namespace {

const Value& argument(const Arguments& arguments) { return *arguments.bind("the test", {"other"}, 1)[0]; }

bool equals(Frame& frame, const Value& value, int number) {
  return equal(operate(frame, Operator::modulo, value, Value(2)), Value(number));
}

bool odd(Frame& frame, const Value& value, const Arguments&) { return equals(frame, value, 1); }
bool even(Frame& frame, const Value& value, const Arguments&) { return equals(frame, value, 0); }
bool divisibleby(Frame& frame, const Value& value, const Arguments& arguments) {
  return equal(operate(frame, Operator::modulo, value, *arguments.bind("divisibleby", {"num"}, 1)[0]), Value(0));
}
bool defined(Frame&, const Value& value, const Arguments&) { return !value.is_undefined(); }
bool undefined(Frame&, const Value& value, const Arguments&) { return value.is_undefined(); }
bool filter(Frame& frame, const Value& value, const Arguments&) {
  frame.machine.read(value);
  (void)hash(value);  // it is looked up: what cannot be a key fails
  return value.is_string() && find_filter(value.bytes()) != nullptr;
}
bool test(Frame& frame, const Value& value, const Arguments&) {
  frame.machine.read(value);
  (void)hash(value);
  return value.is_string() && find_test(value.bytes()) != nullptr;
}
bool none(Frame&, const Value& value, const Arguments&) { return value.is_none(); }
bool boolean(Frame&, const Value& value, const Arguments&) { return value.is_bool(); }
bool is_false(Frame&, const Value& value, const Arguments&) { return value.is_bool() && !value.as_bool(); }
bool is_true(Frame&, const Value& value, const Arguments&) { return value.is_bool() && value.as_bool(); }
bool integer(Frame&, const Value& value, const Arguments&) { return value.is_integer(); }
bool real(Frame&, const Value& value, const Arguments&) { return value.is_float(); }
bool lower(Frame& frame, const Value& value, const Arguments&) { return is_lower_text(to_text(frame, value)); }
bool upper(Frame& frame, const Value& value, const Arguments&) { return is_upper_text(to_text(frame, value)); }
bool string(Frame&, const Value& value, const Arguments&) { return value.is_string(); }
bool mapping(Frame&, const Value& value, const Arguments&) { return value.is_dict(); }
bool number(Frame&, const Value& value, const Arguments&) { return value.is_number(); }
bool sequence(Frame&, const Value& value, const Arguments&) {
  if (value.is_sequence()) return !value.sequence().is_view();
  return value.is_string() || value.is_dict() || value.is_undefined();
}
bool iterable(Frame&, const Value& value, const Arguments&) { return is_iterable(value); }
bool callable(Frame&, const Value& value, const Arguments&) {
  return value.is_undefined() || (value.is_object() && value.object().callable());
}
bool sameas(Frame&, const Value& value, const Arguments& arguments) { return value.same_as(argument(arguments)); }
bool is_escaped(Frame&, const Value& value, const Arguments&) { return value.is_string() && value.string().markup; }
bool in(Frame& frame, const Value& value, const Arguments& arguments) {
  return contains(frame, argument(arguments), value);
}

template <Comparison comparison>
bool compares(Frame& frame, const Value& value, const Arguments& arguments) {
  return compare(frame, comparison, value, argument(arguments));
}

struct Row {
  std::string_view name;
  Test test;
};
constexpr Row kTests[] = {{"!=", compares<Comparison::not_equal>},
                          {"<", compares<Comparison::less>},
                          {"<=", compares<Comparison::less_equal>},
                          {"==", compares<Comparison::equal>},
                          {">", compares<Comparison::greater>},
                          {">=", compares<Comparison::greater_equal>},
                          {"boolean", boolean},
                          {"callable", callable},
                          {"defined", defined},
                          {"divisibleby", divisibleby},
                          {"eq", compares<Comparison::equal>},
                          {"equalto", compares<Comparison::equal>},
                          {"escaped", is_escaped},
                          {"even", even},
                          {"false", is_false},
                          {"filter", filter},
                          {"float", real},
                          {"ge", compares<Comparison::greater_equal>},
                          {"greaterthan", compares<Comparison::greater>},
                          {"gt", compares<Comparison::greater>},
                          {"in", in},
                          {"integer", integer},
                          {"iterable", iterable},
                          {"le", compares<Comparison::less_equal>},
                          {"lessthan", compares<Comparison::less>},
                          {"lower", lower},
                          {"lt", compares<Comparison::less>},
                          {"mapping", mapping},
                          {"ne", compares<Comparison::not_equal>},
                          {"none", none},
                          {"number", number},
                          {"odd", odd},
                          {"sameas", sameas},
                          {"sequence", sequence},
                          {"string", string},
                          {"test", test},
                          {"true", is_true},
                          {"undefined", undefined},
                          {"upper", upper}};

}  // namespace

bool apply_test(Frame& frame, Test test, const Value& input, const Arguments& arguments) {
  if (input.is_string()) frame.machine.read(input);
  return test(frame, input, arguments);
}

Test find_test(std::string_view name) {
  const auto* const row = std::ranges::lower_bound(kTests, name, {}, &Row::name);
  return row != std::end(kTests) && row->name == name ? row->test : nullptr;
}

}  // namespace skald::jinja
