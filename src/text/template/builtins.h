// What templates can do with values: Python's operators, methods and texts, and Jinja's filters, tests and globals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/template/machine.h"

namespace skald::jinja {

enum class Operator : std::uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };
enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };

// Operators, as Python has them. All fail with Python's words where the types do not fit.
Value operate(Frame& frame, Operator operation, const Value& a, const Value& b);
bool compare(Frame& frame, Comparison comparison, const Value& a, const Value& b);
bool less_than(const Value& a, const Value& b, std::string_view symbol = "<");
bool contains(Frame& frame, const Value& container, const Value& item);
Value negated(const Value& value);
Value plus(const Value& value);

/// object.name: an attribute, else an item. Undefined where there is neither.
Value get_attribute(Frame& frame, const Value& object, std::string_view name);
/// object[key]: an item, else an attribute.
Value get_item(Frame& frame, const Value& object, const Value& key);
/// What Python has as an attribute: methods, and what objects have; nothing else.
std::optional<Value> python_attribute(Frame& frame, const Value& object, std::string_view name);
/// object[start:stop:step]; none of them given is None.
Value get_slice(Frame& frame, const Value& object, const Value& start, const Value& stop, const Value& step);
Value call(Frame& frame, const Value& function, const Arguments& arguments);

/// All values that a loop over `value` would see.
std::vector<Value> iterate(Frame& frame, const Value& value);
bool is_iterable(const Value& value);
/// len(value); nothing where it has none.
std::optional<std::size_t> length_of(Frame& frame, const Value& value);
/// `value` as an integer argument. Fails naming what it is for.
std::int64_t need_integer(const Value& value, std::string_view what);
const TrackedText& need_text(const Value& value, std::string_view what);

// Texts of values.
/// str(value)
TrackedText to_text(Frame& frame, const Value& value);
/// repr(value)
TrackedText repr(Frame& frame, const Value& value);
/// repr() of a string of the template's, for messages.
std::string quoted_name(std::string_view name);
std::string float_repr(double value);
/// json.dumps(value, ensure_ascii, indent, separators, sort_keys)
struct JsonStyle {
  bool ascii = false;
  bool sort_keys = false;
  std::optional<TrackedText> indent = {};
  std::optional<std::pair<TrackedText, TrackedText>> separators = {};
};
Value to_json(Frame& frame, const Value& value, const JsonStyle& style);
/// `format % values`
Value percent_format(Frame& frame, const Value& format, const Value& values);
/// format.format(...)
Value brace_format(Frame& frame, const Value& format, const Arguments& arguments);
/// format(value, spec), for numbers and strings.
TrackedText format_value(Frame& frame, const Value& value, std::string_view spec);
/// With & < > ' " as HTML has them.
TrackedText escaped(const TrackedText& text);

using Method = Value (*)(Frame& frame, const Value& self, const Arguments& arguments);
Method find_string_method(std::string_view name);
/// Of lists, dicts, numbers.
Method find_other_method(const Value& self, std::string_view name);

using Filter = Value (*)(Frame& frame, const Value& input, const Arguments& arguments);
using Test = bool (*)(Frame& frame, const Value& input, const Arguments& arguments);
Filter find_filter(std::string_view name);  // null where it is not known
Test find_test(std::string_view name);
/// Counting what there is to read.
Value apply_filter(Frame& frame, Filter filter, const Value& input, const Arguments& arguments);
bool apply_test(Frame& frame, Test test, const Value& input, const Arguments& arguments);

/// range, dict, namespace, raise_exception, ...
void add_globals(Machine& machine);

}  // namespace skald::jinja
