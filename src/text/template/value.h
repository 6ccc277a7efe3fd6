// Values of templates: Python's, as far as a template can make them. There are no host objects.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "json/value.h"
#include "text/template/tracked_text.h"

namespace skald::jinja {

class Value;
class Sequence;
class Dict;
class Object;

inline constexpr int kMaxValueDepth = 200;  // of lists in lists: they are freed and written recursively

/// What a name that has no value stands for. It may be tested and printed (as nothing); using it is an error.
struct Undefined {
  std::string message;     // of that error: "'x' is undefined"
  bool forbidden = false;  // the attribute is there in Python, and not for templates
};

/// A string. `markup` is Python's Markup, which the filters `safe` and `escape` make: what is added to it is escaped.
struct String {
  TrackedText text;
  bool markup = false;
};

class Value {
 public:
  Value() = default;  // None
  // Implicit, so that values are written as they are meant.
  // NOLINTBEGIN(google-explicit-constructor)
  Value(bool value) : data_(value) {}
  Value(std::int64_t value) : data_(value) {}
  Value(int value) : data_(std::int64_t{value}) {}
  Value(double value) : data_(value) {}
  Value(std::shared_ptr<const String> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Sequence> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<const Dict> value) : data_(std::move(value)) {}
  Value(std::shared_ptr<Object> value) : data_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)
  static Value undefined(std::string message, bool forbidden = false);

  [[nodiscard]] bool is_none() const { return std::holds_alternative<std::monostate>(data_); }
  [[nodiscard]] bool is_undefined() const { return std::holds_alternative<std::shared_ptr<const Undefined>>(data_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(data_); }
  [[nodiscard]] bool is_integer() const { return std::holds_alternative<std::int64_t>(data_); }
  [[nodiscard]] bool is_float() const { return std::holds_alternative<double>(data_); }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::shared_ptr<const String>>(data_); }
  [[nodiscard]] bool is_sequence() const { return std::holds_alternative<std::shared_ptr<const Sequence>>(data_); }
  [[nodiscard]] bool is_dict() const { return std::holds_alternative<std::shared_ptr<const Dict>>(data_); }
  [[nodiscard]] bool is_object() const { return std::holds_alternative<std::shared_ptr<Object>>(data_); }
  /// bool or int, which are one kind of number in Python.
  [[nodiscard]] bool is_integral() const { return is_bool() || is_integer(); }
  [[nodiscard]] bool is_number() const { return is_integral() || is_float(); }

  // Each requires the matching is_...().
  [[nodiscard]] bool as_bool() const { return std::get<bool>(data_); }
  [[nodiscard]] std::int64_t as_integer() const {
    return is_bool() ? std::int64_t{as_bool()} : std::get<std::int64_t>(data_);
  }
  [[nodiscard]] double as_float() const {
    return is_float() ? std::get<double>(data_) : static_cast<double>(as_integer());
  }
  [[nodiscard]] const String& string() const { return *std::get<std::shared_ptr<const String>>(data_); }
  [[nodiscard]] const TrackedText& text() const { return string().text; }
  [[nodiscard]] const std::string& bytes() const { return text().bytes(); }
  [[nodiscard]] const Sequence& sequence() const { return *std::get<std::shared_ptr<const Sequence>>(data_); }
  [[nodiscard]] const std::shared_ptr<const Sequence>& shared_sequence() const {
    return std::get<std::shared_ptr<const Sequence>>(data_);
  }
  [[nodiscard]] const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  [[nodiscard]] const std::shared_ptr<const Dict>& shared_dict() const {
    return std::get<std::shared_ptr<const Dict>>(data_);
  }
  [[nodiscard]] Object& object() const { return *std::get<std::shared_ptr<Object>>(data_); }
  [[nodiscard]] const std::shared_ptr<Object>& shared_object() const {
    return std::get<std::shared_ptr<Object>>(data_);
  }
  [[nodiscard]] const Undefined& as_undefined() const { return *std::get<std::shared_ptr<const Undefined>>(data_); }

  /// The object as a `T`; nullptr where it is none.
  template <typename T>
  [[nodiscard]] T* as() const {
    return is_object() ? dynamic_cast<T*>(&object()) : nullptr;
  }

  [[nodiscard]] bool truth() const;
  /// How deep lists, dicts and objects lie in one another.
  [[nodiscard]] int depth() const;
  /// How much there is to look at: values in one another, each as often as it lies there, and 256 bytes of text as one.
  [[nodiscard]] std::uint64_t extent() const;
  /// Python's name of the type: "str", "NoneType".
  [[nodiscard]] std::string type_name() const;
  /// `is`: one object, or one of None, True, False.
  [[nodiscard]] bool same_as(const Value& other) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::shared_ptr<const String>,
               std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>, std::shared_ptr<Object>,
               std::shared_ptr<const Undefined>>
      data_;
};

/// A list, and what else is a row of values in Python.
class Sequence {
 public:
  enum class Kind : std::uint8_t { list, tuple, range, keys, values, items, group };  // group: what groupby makes
  Sequence(std::vector<Value> values, Kind kind);

  Kind kind;
  std::vector<Value> values;
  std::int64_t start = 0, stop = 0, step = 1;  // of a range
  int depth = 1;
  std::uint64_t extent = 0;

  [[nodiscard]] bool is_list() const { return kind == Kind::list; }
  [[nodiscard]] bool is_tuple() const { return kind == Kind::tuple || kind == Kind::group; }
  [[nodiscard]] bool is_view() const { return kind == Kind::keys || kind == Kind::values || kind == Kind::items; }
};

/// Keys in order of insertion; equal keys are one, as 1, 1.0 and True are.
class Dict {
 public:
  using Item = std::pair<Value, Value>;

  [[nodiscard]] const std::vector<Item>& items() const { return items_; }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] int depth() const { return depth_; }
  [[nodiscard]] std::uint64_t extent() const { return extent_; }
  /// nullptr where there is no such key. Throws TypeError's counterpart where `key` cannot be one (a list).
  [[nodiscard]] const Value* find(const Value& key) const;
  [[nodiscard]] const Value* find(std::string_view key) const;
  void set(Value key, Value value);
  void erase(std::string_view key);

 private:
  [[nodiscard]] std::optional<std::size_t> place(const Value& key) const;

  std::vector<Item> items_;
  std::unordered_multimap<std::size_t, std::size_t> places_;  // by hash; empty while there are few items
  int depth_ = 1;
  std::uint64_t extent_ = 0;  // also of values that were replaced
};

/// What has a state, or can be called: namespaces, macros, loops, methods, iterators.
class Object : public std::enable_shared_from_this<Object> {
 public:
  virtual ~Object() = default;
  [[nodiscard]] virtual std::string type_name() const = 0;
  [[nodiscard]] virtual bool callable() const { return false; }
  [[nodiscard]] virtual int depth() const { return 0; }
};

/// Values that come one after the other, once: what `map`, `select` and others make. They are made when the first is
/// asked for, so that what fails in making them fails there.
class Iterator final : public Object {
 public:
  /// `depth` is at least that of the values.
  Iterator(std::function<std::vector<Value>()> make, int depth) : make_(std::move(make)), depth_(depth + 1) {}
  [[nodiscard]] std::string type_name() const override { return "generator"; }
  [[nodiscard]] int depth() const override { return depth_; }
  /// nullptr at the end.
  [[nodiscard]] const Value* next();
  [[nodiscard]] std::vector<Value> rest();

 private:
  std::function<std::vector<Value>()> make_;  // empty once they are made
  std::vector<Value> values_;
  std::size_t at_ = 0;
  int depth_;
};

/// {% set ns.x = ... %}
class Namespace final : public Object {
 public:
  [[nodiscard]] std::string type_name() const override { return "Namespace"; }
  Dict attributes;
};

/// Equal as Python's ==. Throws where lists lie too deep.
bool equal(const Value& a, const Value& b);
/// Equal values have equal hashes. Throws TemplateError for what is not hashable.
std::size_t hash(const Value& value);

Value make_string(std::string bytes, Origin origin = Origin::from_template);
Value make_string(TrackedText text, bool markup = false);
/// Throws LimitError where the result lies deeper than kMaxValueDepth.
Value make_list(std::vector<Value> values, Sequence::Kind kind = Sequence::Kind::list);
Value make_tuple(std::vector<Value> values);
Value make_dict(Dict dict);
/// What a caller passes: its strings are marked as the caller's.
Value from_json(const json::Value& json, Origin origin = Origin::from_caller);

/// Number of code points.
std::size_t count_characters(std::string_view text);

}  // namespace skald::jinja
