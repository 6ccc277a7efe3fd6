#include <algorithm>
#include <functional>

#include "text/template/filters.h"
#include "text/template/string_operations.h"

namespace skald::jinja {
namespace {

// "a.b.0": attributes and items to follow one after the other.
std::vector<Value> path_of(Frame& frame, const Value* attribute) {
  if (attribute == nullptr || attribute->is_none()) return {};
  if (!attribute->is_string()) return {*attribute};
  std::vector<Value> path;
  const TrackedText dot(".");
  for (const TrackedText& part : split(frame, attribute->text(), {.separator = &dot})) {
    const bool is_number = all_characters(part, [](char32_t code) { return code >= '0' && code <= '9'; });
    path.push_back(is_number && part.size() < 18 ? Value(std::int64_t{std::stoll(part.bytes())}) : make_string(part));
  }
  return path;
}

Value follow(Frame& frame, Value value, const std::vector<Value>& path, const Value* otherwise = nullptr) {
  for (const Value& part : path) {
    value = get_item(frame, value, part);
    if (otherwise != nullptr && value.is_undefined()) value = *otherwise;
  }
  return value;
}

// What `make` gives for a frame, when it is asked for.
template <typename Make>
Value lazily(Frame& frame, const Value& input, Make make) {
  return frame.machine.iterator(
      [frame, make = std::move(make)]() mutable {
        const Deeper deeper(frame.machine);
        return make(frame);
      },
      input.depth());
}

Value ignoring_case(Frame& frame, const Value& value) {
  return value.is_string() ? frame.machine.text(cased(value.text(), Case::lower)) : value;
}

// What `attribute` and `case_sensitive` make of a value that is to be compared.
class Key {
 public:
  Key(Frame& frame, const Value* attribute, const Value* case_sensitive, const Value* otherwise = nullptr)
      : path_(path_of(frame, attribute)), sensitive_(truth_or(case_sensitive, false)), otherwise_(otherwise) {}
  Value operator()(Frame& frame, const Value& value) const {
    const Value found = follow(frame, value, path_, otherwise_);
    return sensitive_ ? found : ignoring_case(frame, found);
  }

 private:
  std::vector<Value> path_;
  bool sensitive_;
  const Value* otherwise_;
};

// `values` by ascending keys; equal ones keep their order, also where `reverse`.
void sort_by(Frame& frame, std::vector<Value>& values, bool reverse, const std::function<Value(const Value&)>& key) {
  std::vector<std::pair<Value, Value>> keyed;
  keyed.reserve(values.size());
  for (Value& value : values) {
    Value made = key(value);
    keyed.emplace_back(std::move(made), std::move(value));
  }
  std::ranges::stable_sort(keyed, [&](const auto& a, const auto& b) {
    frame.machine.step();
    frame.machine.read_both(a.first, b.first);
    return reverse ? less_than(b.first, a.first) : less_than(a.first, b.first);
  });
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::move(keyed[i].second);
}

Value sort(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("sort", {"reverse", "case_sensitive", "attribute"});
  std::vector<std::vector<Value>> paths;
  if (bound[2] != nullptr && bound[2]->is_string()) {
    const TrackedText comma(",");
    for (const TrackedText& part : split(frame, bound[2]->text(), {.separator = &comma})) {
      const Value attribute = make_string(part);
      paths.push_back(path_of(frame, &attribute));
    }
  } else {
    paths.push_back(path_of(frame, bound[2]));
  }
  const bool sensitive = truth_or(bound[1], false);
  std::vector<Value> values = iterate(frame, input);
  sort_by(frame, values, truth_or(bound[0], false), [&](const Value& value) {
    std::vector<Value> keys;
    for (const auto& path : paths) {
      const Value key = follow(frame, value, path);
      keys.push_back(sensitive ? key : ignoring_case(frame, key));
    }
    return frame.machine.list(std::move(keys));
  });
  return frame.machine.list(std::move(values));
}

Value dictsort(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("dictsort", {"case_sensitive", "by", "reverse"});
  const std::string by = bound[1] != nullptr ? need_text(*bound[1], "by").bytes() : "key";
  if (by != "key" && by != "value") fail("You can only sort by either \"key\" or \"value\"");
  if (input.is_undefined()) fail(input.as_undefined().message);
  if (!input.is_dict()) fail("dictsort needs a mapping, not " + input.type_name());
  std::vector<Value> values;
  for (const auto& [key, value] : input.dict().items()) values.push_back(frame.machine.tuple({key, value}));
  const bool sensitive = truth_or(bound[0], false);
  sort_by(frame, values, truth_or(bound[2], false), [&](const Value& item) {
    const Value& key = item.sequence().values[by == "key" ? 0 : 1];
    return sensitive ? key : ignoring_case(frame, key);
  });
  return frame.machine.list(std::move(values));
}

Value groupby(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("groupby", {"attribute", "default", "case_sensitive"}, 1);
  const Value* const otherwise = not_none(bound[1]);
  const Key key(frame, bound[0], bound[2], otherwise);
  std::vector<Value> values = iterate(frame, input);
  sort_by(frame, values, false, [&](const Value& value) { return key(frame, value); });
  const std::vector<Value> path = path_of(frame, bound[0]);
  std::vector<Value> groups, group;
  const auto close = [&] {
    if (group.empty()) return;
    Value name = follow(frame, group.front(), path, otherwise);
    groups.push_back(
        frame.machine.list({std::move(name), frame.machine.list(std::exchange(group, {}))}, Sequence::Kind::group));
  };
  for (const Value& value : values) {
    if (!group.empty() && !compare(frame, Comparison::equal, key(frame, group.front()), key(frame, value))) close();
    group.push_back(value);
  }
  close();
  return frame.machine.list(std::move(groups));
}

Value unique(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("unique", {"case_sensitive", "attribute"});
  return lazily(frame, input, [input, key = Key(frame, bound[1], bound[0])](Frame& inner) {
    Dict seen;
    std::vector<Value> values;
    for (const Value& value : iterate(inner, input)) {
      const Value name = key(inner, value);
      inner.machine.read(name);
      if (seen.find(name) != nullptr) continue;
      seen.set(name, true);
      values.push_back(value);
    }
    return values;
  });
}

template <bool greatest>
Value extreme(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind(greatest ? "max" : "min", {"case_sensitive", "attribute"});
  const Key key(frame, bound[1], bound[0]);
  const std::vector<Value> values = iterate(frame, input);
  if (values.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  Value best = values[0], best_key = key(frame, best);
  for (std::size_t i = 1; i < values.size(); ++i) {
    Value name = key(frame, values[i]);
    frame.machine.read_both(best_key, name);
    if (greatest ? !less_than(best_key, name) : !less_than(name, best_key)) continue;
    best = values[i];
    best_key = std::move(name);
  }
  return best;
}

Value sum(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("sum", {"attribute", "start"});
  const std::vector<Value> path = path_of(frame, bound[0]);
  Value total = bound[1] != nullptr ? *bound[1] : Value(0);
  if (total.is_string()) fail("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& value : iterate(frame, input)) {
    total = operate(frame, Operator::add, total, follow(frame, value, path));
  }
  return total;
}

Value join(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("join", {"d", "attribute"});
  const TrackedText separator = bound[0] != nullptr ? to_text(frame, *bound[0]) : TrackedText();
  const std::vector<Value> path = path_of(frame, bound[1]);
  TrackedText out;
  bool first = true;
  for (const Value& value : iterate(frame, input)) {
    if (!std::exchange(first, false)) out.append(separator);
    out.append(to_text(frame, follow(frame, value, path)));
    frame.machine.make_room(out.size());
  }
  return frame.machine.text(std::move(out));
}

Value first(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("first");
  if (auto* const iterator = input.as<Iterator>()) {
    const Value* const value = iterator->next();
    return value != nullptr ? *value : Value::undefined("No first item, sequence was empty.");
  }
  if (input.is_string() && !input.text().empty()) return get_item(frame, input, Value(0));
  const std::vector<Value> values = iterate(frame, input);
  return values.empty() ? Value::undefined("No first item, sequence was empty.") : values.front();
}

Value last(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("last");
  if (input.is_object()) fail("'" + input.type_name() + "' object is not reversible");
  if (input.is_string() && !input.text().empty()) return get_item(frame, input, Value(-1));
  const std::vector<Value> values = iterate(frame, input);
  return values.empty() ? Value::undefined("No last item, sequence was empty.") : values.back();
}

Value length(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("length");
  const auto size = length_of(frame, input);
  if (!size) fail("object of type '" + input.type_name() + "' has no len()");
  return static_cast<std::int64_t>(*size);
}

Value list(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("list");
  return frame.machine.list(iterate(frame, input));
}

Value reverse(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("reverse");
  if (input.is_string()) return get_slice(frame, input, {}, {}, Value(-1));
  if (!is_iterable(input)) fail("argument must be iterable");
  std::vector<Value> values = iterate(frame, input);
  std::ranges::reverse(values);
  const bool reversible = input.is_sequence() || input.is_dict();
  if (!reversible) return frame.machine.list(std::move(values));
  return lazily(frame, input, [values = std::move(values)](Frame&) { return values; });
}

Value items(Frame& frame, const Value& input, const Arguments& arguments) {
  arguments.expect_none("items");
  return lazily(frame, input, [input](Frame& inner) {
    std::vector<Value> values;
    if (input.is_undefined()) return values;
    if (!input.is_dict()) fail("Can only get item pairs from a mapping.");
    for (const auto& [key, value] : input.dict().items()) values.push_back(inner.machine.tuple({key, value}));
    return values;
  });
}

std::vector<Value> batches(Frame& frame, const Value& input, const Value& count, const Value& fill) {
  std::vector<Value> rows, row;
  const auto is_full = [&] { return equal(Value(static_cast<std::int64_t>(row.size())), count); };
  for (const Value& value : iterate(frame, input)) {
    if (is_full()) rows.push_back(frame.machine.list(std::exchange(row, {})));
    row.push_back(value);
  }
  if (row.empty()) return rows;
  if (!fill.is_none()) {
    const auto size = static_cast<std::size_t>(std::max<std::int64_t>(need_integer(count, "linecount"), 0));
    frame.machine.make_room_for_items(size);
    if (row.size() < size) row.resize(size, fill);
  }
  rows.push_back(frame.machine.list(std::move(row)));
  return rows;
}

Value batch(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("batch", {"linecount", "fill_with"}, 1);
  return lazily(frame, input,
                [input, count = *bound[0], fill = bound[1] != nullptr ? *bound[1] : Value()](Frame& inner) {
                  return batches(inner, input, count, fill);
                });
}

std::vector<Value> slices(Frame& frame, const Value& input, const Value& count, const Value& fill) {
  const std::vector<Value> values = iterate(frame, input);
  const std::int64_t n = need_integer(count, "slices");
  if (n == 0) fail("integer division or modulo by zero");
  frame.machine.make_room_for_items(static_cast<std::size_t>(std::max<std::int64_t>(n, 0)));
  const auto size = static_cast<std::int64_t>(values.size());
  std::vector<Value> out;
  auto at = values.begin();
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t taken = size / n + (i < size % n ? 1 : 0);
    std::vector<Value> part(at, at + taken);
    if (!fill.is_none() && i >= size % n) part.push_back(fill);
    at += taken;
    out.push_back(frame.machine.list(std::move(part)));
  }
  return out;
}

Value slice(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("slice", {"slices", "fill_with"}, 1);
  return lazily(frame, input,
                [input, count = *bound[0], fill = bound[1] != nullptr ? *bound[1] : Value()](Frame& inner) {
                  return slices(inner, input, count, fill);
                });
}

std::vector<Value> mapped(Frame& frame, const Value& input, const Arguments& arguments) {
  std::vector<Value> out;
  if (!input.truth()) return out;
  const auto is_attribute = [](const auto& named) { return named.first == "attribute"; };
  if (arguments.positional.empty() && std::ranges::any_of(arguments.named, is_attribute)) {
    const auto bound = arguments.bind("map", {"attribute", "default"});
    const std::vector<Value> path = path_of(frame, bound[0]);
    const Value* const otherwise = not_none(bound[1]);
    for (const Value& value : iterate(frame, input)) out.push_back(follow(frame, value, path, otherwise));
    return out;
  }
  if (arguments.positional.empty()) fail("map requires a filter argument");
  const std::string& name = need_text(arguments.positional.front(), "the filter's name").bytes();
  const Filter filter = find_filter(name);
  if (filter == nullptr) fail("No filter named " + quoted_name(name) + ".");
  const Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()}, arguments.named};
  for (const Value& value : iterate(frame, input)) {
    frame.machine.step();
    out.push_back(apply_filter(frame, filter, value, rest));
  }
  return out;
}

Value map(Frame& frame, const Value& input, const Arguments& arguments) {
  return lazily(frame, input, [input, arguments](Frame& inner) { return mapped(inner, input, arguments); });
}

struct Choice {
  bool selects, by_attribute;
};

std::vector<Value> chosen(Frame& frame, const Value& input, const Arguments& arguments, Choice choice) {
  std::vector<Value> out;
  if (!input.truth()) return out;
  std::size_t used = 0;
  std::vector<Value> path;
  if (choice.by_attribute) {
    if (arguments.positional.empty()) fail("Missing parameter for attribute name");
    path = path_of(frame, &arguments.positional[used++]);
  }
  Test test = nullptr;
  if (used < arguments.positional.size()) {
    const std::string& name = need_text(arguments.positional[used++], "the test's name").bytes();
    test = find_test(name);
    if (test == nullptr) fail("No test named " + quoted_name(name) + ".");
  }
  Arguments rest;
  if (test != nullptr) {
    rest = {{arguments.positional.begin() + static_cast<std::ptrdiff_t>(used), arguments.positional.end()},
            arguments.named};
  }
  for (const Value& value : iterate(frame, input)) {
    frame.machine.step();
    const Value tested = follow(frame, value, path);
    if ((test != nullptr ? apply_test(frame, test, tested, rest) : tested.truth()) == choice.selects)
      out.push_back(value);
  }
  return out;
}

template <bool selects, bool by_attribute>
Value choose(Frame& frame, const Value& input, const Arguments& arguments) {
  return lazily(frame, input, [input, arguments](Frame& inner) {
    return chosen(inner, input, arguments, {selects, by_attribute});
  });
}

constexpr FilterRow kFilters[] = {{"batch", batch},
                                  {"count", length},
                                  {"dictsort", dictsort},
                                  {"first", first},
                                  {"groupby", groupby},
                                  {"items", items},
                                  {"join", join},
                                  {"last", last},
                                  {"length", length},
                                  {"list", list},
                                  {"map", map},
                                  {"max", extreme<true>},
                                  {"min", extreme<false>},
                                  {"reject", choose<false, false>},
                                  {"rejectattr", choose<false, true>},
                                  {"reverse", reverse},
                                  {"select", choose<true, false>},
                                  {"selectattr", choose<true, true>},
                                  {"slice", slice},
                                  {"sort", sort},
                                  {"sum", sum},
                                  {"unique", unique}};

}  // namespace

std::span<const FilterRow> sequence_filters() { return kFilters; }

}  // namespace skald::jinja
