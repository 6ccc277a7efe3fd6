// Attributes, items, slices, calls and iteration. Reference: jinja2.sandbox, and Python's data model.
#include <algorithm>

#include "text/template/builtins.h"
#include "text/template/characters.h"
#include "text/template/loop.h"

namespace skald::jinja {
namespace {

void read_all(Frame& frame, const Arguments& arguments) {
  for (const Value& value : arguments.positional) frame.machine.read(value);
  for (const auto& [name, value] : arguments.named) frame.machine.read(value);
}

class BoundMethod final : public Callable {
 public:
  BoundMethod(Value self, Method method) : self_(std::move(self)), method_(method) {}
  [[nodiscard]] std::string type_name() const override { return "builtin_function_or_method"; }
  [[nodiscard]] int depth() const override { return 1 + self_.depth(); }
  Value call(Frame& frame, const Arguments& arguments) override {
    frame.machine.read(self_.is_dict() ? Value() : self_);
    read_all(frame, arguments);
    return method_(frame, self_, arguments);
  }

 private:
  Value self_;
  Method method_;
};

template <std::size_t N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}

// What the immutable sandbox keeps from templates.
bool changes(const Value& object, std::string_view name) {
  static constexpr std::string_view kOfLists[] = {"append", "clear",  "pop",    "reverse",
                                                  "insert", "extend", "remove", "sort"};
  static constexpr std::string_view kOfDicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (object.is_dict()) return is_one_of(kOfDicts, name);
  return object.is_sequence() && object.sequence().is_list() && is_one_of(kOfLists, name);
}

// Attributes that every Python object has; they are there, and kept from templates.
bool is_internal(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "__class__",   "__doc__",     "__dict__",   "__init__",      "__new__",          "__repr__",
      "__str__",     "__hash__",    "__eq__",     "__ne__",        "__lt__",           "__le__",
      "__gt__",      "__ge__",      "__dir__",    "__sizeof__",    "__format__",       "__getattribute__",
      "__setattr__", "__delattr__", "__reduce__", "__reduce_ex__", "__subclasshook__", "__init_subclass__",
      "__getstate__"};
  return is_one_of(kNames, name);
}

std::string type_repr(const Value& object) { return object.is_none() ? "None" : object.type_name() + " object"; }

Value unsafe(const Value& object, std::string_view name) {
  return Value::undefined(
      "access to attribute " + quoted_name(name) + " of '" + object.type_name() + "' object is unsafe.",
      /*forbidden=*/true);
}

Value no_attribute(const Value& object, std::string_view name) {
  return Value::undefined("'" + type_repr(object) + "' has no attribute " + quoted_name(name));
}

// Bytes where each character of `text` begins, and its end.
std::vector<std::size_t> character_starts(std::string_view text) {
  std::vector<std::size_t> starts;
  starts.reserve(text.size() + 1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xc0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

std::optional<Value> character(Frame& frame, const Value& string, std::int64_t index) {
  const TrackedText& text = string.text();
  frame.machine.read_bytes(text.size());
  const std::size_t n = count_characters(text.bytes());
  if (index < 0) index += static_cast<std::int64_t>(n);
  if (index < 0 || index >= static_cast<std::int64_t>(n)) return std::nullopt;
  std::size_t begin = static_cast<std::size_t>(index);
  if (n != text.size()) begin = character_starts(text.bytes())[begin];
  const std::size_t length = character_length(std::string_view(text.bytes()).substr(begin));
  return frame.machine.text(text.slice(begin, begin + length), string.string().markup);
}

std::optional<Value> item_of(Frame& frame, const Value& object, const Value& key) {
  if (object.is_dict()) {
    const bool hashable = !key.is_dict() && !(key.is_sequence() && key.sequence().is_list());
    frame.machine.read(key);
    const Value* const found = hashable ? object.dict().find(key) : nullptr;
    return found != nullptr ? std::optional(*found) : std::nullopt;
  }
  if (!key.is_integral()) return std::nullopt;
  if (object.is_string()) return character(frame, object, key.as_integer());
  if (!object.is_sequence() || object.sequence().is_view()) return std::nullopt;
  const std::vector<Value>& values = object.sequence().values;
  const auto size = static_cast<std::int64_t>(values.size());
  const std::int64_t index = key.as_integer() < 0 ? key.as_integer() + size : key.as_integer();
  if (index < 0 || index >= size) return std::nullopt;
  return values[static_cast<std::size_t>(index)];
}

// The places that [start:stop:step] of `size` items takes, as Python's slice.indices().
struct Places {
  std::int64_t start, step;
  std::size_t count;
};
Places slice_places(const Value& start, const Value& stop, const Value& step, std::int64_t size) {
  for (const Value* bound : {&start, &stop, &step}) {
    if (!bound->is_none() && !bound->is_integral()) {
      fail("slice indices must be integers or None or have an __index__ method");
    }
  }
  const std::int64_t by = step.is_none() ? 1 : step.as_integer();
  if (by == 0) fail("slice step cannot be zero");
  const std::int64_t low = by > 0 ? 0 : -1, high = by > 0 ? size : size - 1;
  const auto place = [&](const Value& bound, std::int64_t otherwise) {
    if (bound.is_none()) return otherwise;
    const std::int64_t at = bound.as_integer();
    if (at < 0) return at < -size ? low : at + size;
    return std::min(at, high);
  };
  const std::int64_t from = place(start, by > 0 ? low : high), to = place(stop, by > 0 ? high : low);
  if (by > 0 ? from >= to : from <= to) return {from, by, 0};
  const auto distance = static_cast<std::uint64_t>(by > 0 ? to - from : from - to) - 1;
  const std::uint64_t stride = by > 0 ? static_cast<std::uint64_t>(by) : 0 - static_cast<std::uint64_t>(by);
  return {from, by, static_cast<std::size_t>(distance / stride + 1)};
}

Value slice_text(Frame& frame, const Value& string, const Value& start, const Value& stop, const Value& step) {
  const TrackedText& text = string.text();
  frame.machine.read_bytes(text.size());
  const std::vector<std::size_t> starts = character_starts(text.bytes());
  const Places places = slice_places(start, stop, step, static_cast<std::int64_t>(starts.size()) - 1);
  TrackedText out;
  if (places.step == 1 && places.count > 0) {
    const auto begin = static_cast<std::size_t>(places.start);
    out = text.slice(starts[begin], starts[begin + places.count]);
  } else {
    for (std::size_t i = 0; i < places.count; ++i) {
      const auto at = static_cast<std::size_t>(places.start + static_cast<std::int64_t>(i) * places.step);
      out.append(text, starts[at], starts[at + 1]);
    }
  }
  return frame.machine.text(std::move(out), string.string().markup);
}

}  // namespace

std::optional<Value> python_attribute(Frame& frame, const Value& object, std::string_view name) {
  if (auto* const space = object.as<Namespace>()) {
    const Value* const found = space->attributes.find(name);
    if (found == nullptr) return name == "__class__" ? std::optional(unsafe(object, name)) : std::nullopt;
    return name.starts_with('_') ? unsafe(object, name) : *found;
  }
  if (is_internal(name) || changes(object, name)) return unsafe(object, name);
  if (object.is_object()) {
    auto* const attributes = dynamic_cast<Attributes*>(&object.object());
    return attributes != nullptr ? attributes->attribute(frame, name) : std::nullopt;
  }
  if (object.is_sequence() && object.sequence().kind == Sequence::Kind::group) {
    if (name == "grouper") return object.sequence().values[0];
    if (name == "list") return object.sequence().values[1];
  }
  const Method method = object.is_string() ? find_string_method(name) : find_other_method(object, name);
  if (method == nullptr) return std::nullopt;
  return frame.machine.object<BoundMethod>(object, method);
}

Value get_attribute(Frame& frame, const Value& object, std::string_view name) {
  if (object.is_undefined()) {
    if (is_internal(name)) return unsafe(object, name);
    fail(object.as_undefined().message);
  }
  if (auto found = python_attribute(frame, object, name)) return *found;
  if (object.is_dict()) {
    if (const Value* const found = object.dict().find(name)) return *found;
  }
  return no_attribute(object, name);
}

Value get_item(Frame& frame, const Value& object, const Value& key) {
  if (object.is_undefined()) fail(object.as_undefined().message);
  if (auto found = item_of(frame, object, key)) return *found;
  if (!key.is_string()) {
    return Value::undefined(type_repr(object) + " has no element " + repr(frame, key).bytes().substr(0, 64));
  }
  if (auto found = python_attribute(frame, object, key.bytes())) return *found;
  return no_attribute(object, key.bytes());
}

Value get_slice(Frame& frame, const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) fail(object.as_undefined().message);
  if (object.is_string()) return slice_text(frame, object, start, stop, step);
  if (object.is_dict()) fail("unhashable type: 'slice'");
  if (!object.is_sequence() || object.sequence().is_view()) {
    fail("'" + object.type_name() + "' object is not subscriptable");
  }
  const Sequence& sequence = object.sequence();
  const Places places = slice_places(start, stop, step, static_cast<std::int64_t>(sequence.values.size()));
  std::vector<Value> values;
  values.reserve(places.count);
  for (std::size_t i = 0; i < places.count; ++i) {
    const std::int64_t at = places.start + static_cast<std::int64_t>(i) * places.step;
    values.push_back(sequence.values[static_cast<std::size_t>(at)]);
  }
  const auto kind = sequence.is_tuple() ? Sequence::Kind::tuple : sequence.kind;
  if (kind != Sequence::Kind::range) return frame.machine.list(std::move(values), kind);
  frame.machine.charge_items(values.size());
  auto range = std::make_shared<Sequence>(std::move(values), kind);
  range->start = sequence.start + places.start * sequence.step;
  range->step = sequence.step * places.step;
  range->stop = range->start + static_cast<std::int64_t>(places.count) * range->step;
  return std::shared_ptr<const Sequence>(std::move(range));
}

Value call(Frame& frame, const Value& function, const Arguments& arguments) {
  if (function.is_undefined()) fail(function.as_undefined().message);
  auto* const callable = function.as<Callable>();
  if (callable == nullptr || !callable->callable()) fail("'" + function.type_name() + "' object is not callable");
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the call may drop the last other reference
  const Value keep = function;
  return callable->call(frame, arguments);
}

bool is_iterable(const Value& value) {
  return value.is_string() || value.is_sequence() || value.is_dict() || value.is_undefined() ||
         value.as<Iterator>() != nullptr || value.as<Loop>() != nullptr;
}

std::vector<Value> iterate(Frame& frame, const Value& value) {
  if (!is_iterable(value)) fail("'" + value.type_name() + "' object is not iterable");
  std::vector<Value> values;
  if (value.is_string()) {
    const TrackedText& text = value.text();
    frame.machine.make_room_for_items(text.size());
    frame.machine.step(text.size());
    values.reserve(count_characters(text.bytes()));
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = begin + character_length(std::string_view(text.bytes()).substr(begin));
      values.push_back(frame.machine.text(text.slice(begin, end)));
      begin = end;
    }
  } else if (value.is_sequence()) {
    values = value.sequence().values;
  } else if (value.is_dict()) {
    for (const auto& [key, item] : value.dict().items()) values.push_back(key);
  } else if (auto* const iterator = value.as<Iterator>()) {
    values = iterator->rest();
  } else if (auto* const loop = value.as<Loop>()) {
    while (auto item = loop->advance(frame)) values.push_back(frame.machine.tuple({*item, value}));
  }
  frame.machine.step(values.size() / 8);
  return values;
}

std::optional<std::size_t> length_of(Frame& frame, const Value& value) {
  if (value.is_string()) {
    frame.machine.read_bytes(value.text().size());
    return count_characters(value.bytes());
  }
  if (value.is_sequence()) return value.sequence().values.size();
  if (value.is_dict()) return value.dict().size();
  if (value.is_undefined()) return 0;
  if (auto* const loop = value.as<Loop>()) return loop->length(frame);
  return std::nullopt;
}

std::int64_t need_integer(const Value& value, std::string_view what) {
  if (value.is_undefined()) fail(value.as_undefined().message);
  if (!value.is_integral()) {
    fail(std::string(what) + " must be an integer: '" + value.type_name() + "' object cannot be interpreted as one");
  }
  return value.as_integer();
}

const TrackedText& need_text(const Value& value, std::string_view what) {
  if (!value.is_string()) fail(std::string(what) + " must be str, not " + value.type_name());
  return value.text();
}

}  // namespace skald::jinja
