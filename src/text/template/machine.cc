#include "text/template/machine.h"

#include <algorithm>
#include <optional>

#include "text/template/nodes.h"

namespace skald::jinja {
namespace {

constexpr std::size_t kStepBytes = 256;  // of text are made in the time of a step

[[noreturn]] void fail_argument(const std::string& call, std::string_view what, std::string_view name) {
  fail(call + std::string(what) + " '" + std::string(name) + "'");
}

}  // namespace

const Value* Scope::find(NameId name, std::size_t& looked_at) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent_.get()) {
    for (const auto& [id, value] : scope->values_) {
      if (id == name) return &value;
    }
    looked_at += 1 + scope->values_.size();
  }
  return nullptr;
}

void Scope::set(NameId name, Value value) {
  for (auto& [id, old] : values_) {
    if (id != name) continue;
    old = std::move(value);
    return;
  }
  values_.emplace_back(name, std::move(value));
}

std::vector<const Value*> Arguments::bind(std::string_view function, std::initializer_list<std::string_view> names,
                                          std::size_t required) const {
  const std::string call = std::string(function) + "()";
  if (positional.size() > names.size()) {
    fail(call + " takes at most " + std::to_string(names.size()) + " arguments (" + std::to_string(positional.size()) +
         " given)");
  }
  std::vector<const Value*> out(names.size(), nullptr);
  for (std::size_t i = 0; i < positional.size(); ++i) out[i] = &positional[i];
  for (const auto& [name, value] : named) {
    const auto found = std::ranges::find(names, std::string_view(name));
    if (found == names.end()) fail_argument(call, " got an unexpected keyword argument", name);
    const auto place = static_cast<std::size_t>(found - names.begin());
    if (out[place] != nullptr) fail_argument(call, " got multiple values for argument", name);
    out[place] = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (out[i] == nullptr) fail(call + " misses its argument " + std::to_string(i + 1));
  }
  return out;
}

Machine::Machine(const Limits& limits, std::vector<std::string> names)
    : top(std::make_shared<Scope>(nullptr)), limits_(limits), names_(std::move(names)) {}

Machine::~Machine() = default;

void Machine::over_steps() const {
  fail_limit("the template runs for more than " + std::to_string(limits_.steps) + " steps");
}

void Machine::charge(std::size_t bytes) {
  step(bytes / kStepBytes);
  bytes_ += bytes;
  if (bytes_ > limits_.all_bytes) {
    fail_limit("the template makes more than " + std::to_string(limits_.all_bytes >> 20) + " MiB of values");
  }
}

void Machine::make_room(std::size_t bytes) {
  if (bytes > limits_.text_bytes) {
    fail_limit("the template makes a text of more than " + std::to_string(limits_.text_bytes >> 20) + " MiB");
  }
}

void Machine::make_room_for_items(std::size_t items) {
  if (items > limits_.list_items) {
    fail_limit("the template makes a list of more than " + std::to_string(limits_.list_items) + " items");
  }
}

Value Machine::text(TrackedText text, bool markup) {
  make_room(text.size());
  constexpr std::size_t kOverhead = 48;  // of an allocation with its counts
  charge(text.size() + sizeof(String) + kOverhead);
  return make_string(std::move(text), markup);
}

void Machine::charge_items(std::size_t items) {
  make_room_for_items(items);
  charge(sizeof(Sequence) + items * sizeof(Value));
}

Value Machine::list(std::vector<Value> values, Sequence::Kind kind) {
  charge_items(values.size());
  return make_list(std::move(values), kind);
}

Value Machine::dict(Dict dict) {
  charge_items(4 * dict.size());  // keys and values, and its index
  return make_dict(std::move(dict));
}

Value Machine::iterator(std::function<std::vector<Value>()> make, int depth) {
  constexpr int kOwnLists = 2;  // that `make` may put its values in
  if (depth + kOwnLists >= kMaxValueDepth) fail_limit("iterators lie too deep in one another");
  return object<Iterator>(
      [this, make = std::move(make)] {
        std::vector<Value> values = make();
        make_room_for_items(values.size());
        charge(values.size() * sizeof(Value));
        return values;
      },
      depth + kOwnLists);
}

const Value* Machine::find_global(NameId name) const {
  const auto found = globals_.find(names_[name]);
  return found == globals_.end() ? nullptr : &found->second;
}

void Machine::set_global(std::string_view name, Value value) { globals_[std::string(name)] = std::move(value); }

Deeper::Deeper(Machine& machine) : machine_(machine) {
  if (machine.depth_ >= machine.limits_.depth) {
    fail_limit("the template nests deeper than " + std::to_string(machine.limits_.depth) +
               " (a macro that calls itself without end?)");
  }
  ++machine_.depth_;
}

Value Frame::eval(const Expression& expression) {
  try {
    machine.step();
    const Deeper deeper(machine);
    return expression.eval(*this);
  } catch (Failure& failure) {
    if (failure.line == 0) failure.line = expression.line;
    throw;
  }
}

const Value* Frame::find(NameId name) const {
  constexpr std::size_t kAStep = 32;  // variables are looked at in the time of one
  std::size_t looked_at = 0;
  const Value* const found = scope->find(name, looked_at);
  machine.step(looked_at / kAStep);
  return found;
}

Flow Frame::run(const Statement& statement) {
  try {
    machine.step();
    const Deeper deeper(machine);
    return statement.run(*this);
  } catch (Failure& failure) {
    if (failure.line == 0) failure.line = statement.line;
    throw;
  }
}

Flow Frame::run(const std::vector<std::unique_ptr<Statement>>& body) {
  for (const auto& statement : body) {
    if (const Flow flow = run(*statement); flow != Flow::next) return flow;
  }
  return Flow::next;
}

void Frame::print(const TrackedText& text) {
  machine.make_room(out->size() + text.size());
  machine.step(text.size() / kStepBytes);
  out->append(text);
}

}  // namespace skald::jinja
