// The methods of lists, tuples, dicts and numbers that templates may call: those that change nothing.
#include <algorithm>
#include <bit>
#include <cmath>

#include "text/template/builtins.h"

namespace skald::jinja {
namespace {

Value list_count(Frame&, const Value& self, const Arguments& arguments) {
  const Value& wanted = *arguments.bind("count", {"/value"}, 1)[0];
  return static_cast<std::int64_t>(std::ranges::count_if(
      self.sequence().values, [&](const Value& value) { return value.same_as(wanted) || equal(value, wanted); }));
}

Value list_index(Frame& frame, const Value& self, const Arguments& arguments) {
  const auto bound = arguments.bind("index", {"/value", "/start", "/stop"}, 1);
  const std::vector<Value>& values = self.sequence().values;
  const auto size = static_cast<std::int64_t>(values.size());
  const auto place = [&](const Value* at, std::int64_t otherwise) {
    const std::int64_t index = at != nullptr ? need_integer(*at, "index") : otherwise;
    return std::clamp<std::int64_t>(index < 0 ? index + size : index, 0, size);
  };
  for (std::int64_t i = place(bound[1], 0), end = place(bound[2], size); i < end; ++i) {
    const Value& value = values[static_cast<std::size_t>(i)];
    if (value.same_as(*bound[0]) || equal(value, *bound[0])) return i;
  }
  fail(repr(frame, *bound[0]).bytes().substr(0, 64) + " is not in " + self.type_name());
}

Value list_copy(Frame& frame, const Value& self, const Arguments& arguments) {
  arguments.expect_none("copy");
  return frame.machine.list(self.sequence().values);
}

Value dict_get(Frame&, const Value& self, const Arguments& arguments) {
  const auto bound = arguments.bind("get", {"/key", "/default"}, 1);
  const Value* const found = self.dict().find(*bound[0]);
  if (found != nullptr) return *found;
  return bound[1] != nullptr ? *bound[1] : Value();
}

Value dict_keys(Frame& frame, const Value& self, const Arguments& arguments) {
  arguments.expect_none("keys");
  return frame.machine.list(iterate(frame, self), Sequence::Kind::keys);
}

Value dict_values(Frame& frame, const Value& self, const Arguments& arguments) {
  arguments.expect_none("values");
  std::vector<Value> values;
  for (const auto& [key, value] : self.dict().items()) values.push_back(value);
  return frame.machine.list(std::move(values), Sequence::Kind::values);
}

Value dict_items(Frame& frame, const Value& self, const Arguments& arguments) {
  arguments.expect_none("items");
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict().items()) items.push_back(frame.machine.tuple({key, value}));
  return frame.machine.list(std::move(items), Sequence::Kind::items);
}

Value dict_copy(Frame& frame, const Value& self, const Arguments& arguments) {
  arguments.expect_none("copy");
  return frame.machine.dict(self.dict());
}

Value dict_fromkeys(Frame& frame, const Value&, const Arguments& arguments) {
  const auto bound = arguments.bind("fromkeys", {"/iterable", "/value"}, 1);
  Dict dict;
  const Value value = bound[1] != nullptr ? *bound[1] : Value();
  for (const Value& key : iterate(frame, *bound[0])) dict.set(key, value);
  return frame.machine.dict(std::move(dict));
}

Value bit_length(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("bit_length");
  const std::int64_t value = self.as_integer();
  const auto size = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  return static_cast<std::int64_t>(std::bit_width(size));
}

Value is_integer(Frame&, const Value& self, const Arguments& arguments) {
  arguments.expect_none("is_integer");
  return std::isfinite(self.as_float()) && self.as_float() == std::trunc(self.as_float());
}

struct Row {
  std::string_view name;
  Method method;
};

template <std::size_t N>
Method find_in(const Row (&rows)[N], std::string_view name) {
  const auto* const row = std::ranges::find(rows, name, &Row::name);
  return row != std::end(rows) ? row->method : nullptr;
}

}  // namespace

Method find_other_method(const Value& self, std::string_view name) {
  static constexpr Row kOfLists[] = {{"count", list_count}, {"index", list_index}, {"copy", list_copy}};
  static constexpr Row kOfTuples[] = {{"count", list_count}, {"index", list_index}};
  static constexpr Row kOfDicts[] = {{"get", dict_get},       {"items", dict_items}, {"keys", dict_keys},
                                     {"values", dict_values}, {"copy", dict_copy},   {"fromkeys", dict_fromkeys}};
  static constexpr Row kOfIntegers[] = {{"bit_length", bit_length}};
  static constexpr Row kOfFloats[] = {{"is_integer", is_integer}};
  if (self.is_dict()) return find_in(kOfDicts, name);
  if (self.is_integral()) return find_in(kOfIntegers, name);
  if (self.is_float()) return find_in(kOfFloats, name);
  if (!self.is_sequence() || self.sequence().is_view()) return nullptr;
  return self.sequence().is_list() ? find_in(kOfLists, name) : find_in(kOfTuples, name);
}

}  // namespace skald::jinja
