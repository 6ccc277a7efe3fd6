// What a template runs in: its variables, its output, and the limits that no template gets over.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template/failure.h"
#include "text/template/value.h"

namespace skald::jinja {

class Expression;
class Statement;
using NameId = std::uint32_t;  // of a name of the template

struct Limits {
  std::uint64_t steps =
      10'000'000;  // expressions and statements; 32 bytes of text that are read are one more, or 256 that are made
  std::size_t text_bytes = 16U << 20;  // of the output, and of each string on the way
  std::size_t all_bytes = 192U << 20;  // of all strings and lists that are made
  int depth = 1500;                    // of expressions and statements in one another, through macros too
  std::size_t list_items = 1'000'000;  // of each list
};

/// Variables of a loop's body, a macro, a block: what is set there is not seen outside.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> parent) : parent_(std::move(parent)) {}
  /// `looked_at` is how many variables and scopes were.
  [[nodiscard]] const Value* find(NameId name, std::size_t& looked_at) const;
  void set(NameId name, Value value);

 private:
  std::shared_ptr<Scope> parent_;
  std::vector<std::pair<NameId, Value>> values_;
};

/// What happens after a statement.
enum class Flow : std::uint8_t { next, break_loop, continue_loop };

/// What a call passes. A filter's input and a method's object are not among them.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  /// The arguments by the names of the parameters; a name that begins with '/' can only be passed by position. Fails as
  /// Python does on one too many, an unknown one, a missing one among the first `required`.
  [[nodiscard]] std::vector<const Value*> bind(std::string_view function, std::initializer_list<std::string_view> names,
                                               std::size_t required = 0) const;
  /// Fails where there are any.
  void expect_none(std::string_view function) const { (void)bind(function, {}); }
};

/// One rendering.
class Machine {
 public:
  Machine(const Limits& limits, std::vector<std::string> names);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void step(std::uint64_t n = 1) {
    if ((steps_ += n) > limits_.steps) over_steps();
  }
  /// Must be called before `bytes` of text are read, character by character.
  void read_bytes(std::size_t bytes) { step(bytes / kReadBytes); }
  /// Must be called before `value` is read from its beginning to its end, or hashed.
  void read(const Value& value) { value.is_string() ? read_bytes(value.text().size()) : step(value.extent()); }
  /// Must be called before they are compared.
  void read_both(const Value& a, const Value& b) { step(std::min(a.extent(), b.extent())); }
  /// Must be called before `bytes` of text are made.
  void make_room(std::size_t bytes);
  /// Must be called before a list of `items` is made.
  void make_room_for_items(std::size_t items);
  /// As make_room_for_items(), for what is made beside list() and dict(): it counts.
  void charge_items(std::size_t items);

  /// Values whose cost is counted.
  Value text(TrackedText text, bool markup = false);
  Value text(std::string bytes) { return text(TrackedText(std::move(bytes))); }
  Value list(std::vector<Value> values, Sequence::Kind kind = Sequence::Kind::list);
  Value tuple(std::vector<Value> values) { return list(std::move(values), Sequence::Kind::tuple); }
  Value dict(Dict dict);
  /// `make` is called when the first value is asked for; `depth` is that of what it works on.
  Value iterator(std::function<std::vector<Value>()> make, int depth);
  template <typename T, typename... Args>
  Value object(Args&&... args) {
    charge(sizeof(T));
    return std::static_pointer_cast<Object>(std::make_shared<T>(std::forward<Args>(args)...));
  }
  /// As object(), for one that may come to hold itself: it is freed with the machine.
  template <typename T, typename... Args>
  std::pair<Value, T*> kept(Args&&... args) {
    charge(sizeof(T));
    auto made = std::make_unique<T>(std::forward<Args>(args)...);
    T* const raw = made.get();
    kept_.push_back(std::move(made));
    return {Value(std::shared_ptr<Object>(std::shared_ptr<void>(), raw)), raw};
  }

  /// A variable that was passed to the template, or a global; nullptr where there is none.
  [[nodiscard]] const Value* find_global(NameId name) const;
  void set_global(std::string_view name, Value value);
  [[nodiscard]] const std::string& name(NameId id) const { return names_[id]; }

  [[nodiscard]] const Limits& limits() const { return limits_; }
  /// Bytes that generation blocks wrote, as positions in the output.
  std::vector<TrackedText::Range> generated;
  /// What the template has written so far; blocks that are captured are not in it yet.
  TrackedText output;

  std::map<std::string, const Statement*, std::less<>> blocks;
  std::map<std::array<std::int64_t, 3>, Value> ranges;  // that were made: a loop in a loop takes the same each time
  std::shared_ptr<Scope> top;                           // variables that are set outside of all loops and macros

 private:
  friend class Deeper;
  static constexpr std::size_t kReadBytes = 32;  // of text are read in the time of a step
  void charge(std::size_t bytes);
  [[noreturn]] void over_steps() const;

  Limits limits_;
  std::uint64_t steps_ = 0;
  std::size_t bytes_ = 0;
  int depth_ = 0;
  std::vector<std::string> names_;
  std::map<std::string, Value, std::less<>> globals_;
  std::vector<std::unique_ptr<Object>> kept_;
};

/// One level of nesting, while it lives.
class Deeper {
 public:
  explicit Deeper(Machine& machine);
  ~Deeper() { --machine_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  Machine& machine_;
};

/// Where a statement or expression runs.
struct Frame {
  Machine& machine;
  std::shared_ptr<Scope> scope;
  TrackedText* out;  // what is printed goes here

  Value eval(const Expression& expression);
  /// A variable of the scopes; nullptr where there is none.
  [[nodiscard]] const Value* find(NameId name) const;
  Flow run(const Statement& statement);
  Flow run(const std::vector<std::unique_ptr<Statement>>& body);
  /// The same place with a scope of its own.
  [[nodiscard]] Frame inner() const { return {machine, std::make_shared<Scope>(scope), out}; }
  /// The same with what is printed going to `to`.
  [[nodiscard]] Frame inner(TrackedText& to) const { return {machine, std::make_shared<Scope>(scope), &to}; }
  void print(const TrackedText& text);
};

/// A value that can be called.
class Callable : public Object {
 public:
  [[nodiscard]] bool callable() const override { return true; }
  virtual Value call(Frame& frame, const Arguments& arguments) = 0;
};

/// An object with attributes: a loop, a macro.
class Attributes {
 public:
  virtual ~Attributes() = default;
  /// Nothing (an empty optional) where it has none of that name.
  [[nodiscard]] virtual std::optional<Value> attribute(Frame& frame, std::string_view name) = 0;
};

}  // namespace skald::jinja
