// The functions that every chat template has. Reference: jinja2.defaults, and transformers' chat_template_utils.
#include <algorithm>
#include <chrono>
#include <ctime>

#include "text/template/builtins.h"
#include "text/template/loop.h"

namespace skald::jinja {
namespace {

constexpr std::int64_t kMaxRange = 100'000;  // of the sandbox
constexpr std::size_t kMaxTimeFormat = 4096;

class Function final : public Callable {
 public:
  using Run = Value (*)(Frame& frame, const Arguments& arguments);
  explicit Function(Run run) : run_(run) {}
  [[nodiscard]] std::string type_name() const override { return "function"; }
  Value call(Frame& frame, const Arguments& arguments) override { return run_(frame, arguments); }

 private:
  Run run_;
};

/// cycler("odd", "even")
class Cycler final : public Object, public Attributes {
 public:
  explicit Cycler(Value items) : items_(std::move(items)) {}
  [[nodiscard]] std::string type_name() const override { return "Cycler"; }
  [[nodiscard]] int depth() const override { return 1 + items_.depth(); }
  std::optional<Value> attribute(Frame& frame, std::string_view name) override {
    using Method = ObjectMethod<Cycler>;
    if (name == "current") return current();
    if (name == "items") return items_;
    if (name == "pos") return static_cast<std::int64_t>(at_);
    if (name == "next") {
      return frame.machine.object<Method>(*this,
                                          [](Frame&, Cycler& cycler, const Arguments&) { return cycler.next(); });
    }
    if (name == "reset") {
      return frame.machine.object<Method>(*this, [](Frame&, Cycler& cycler, const Arguments&) {
        cycler.at_ = 0;
        return Value();
      });
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] Value current() const { return items_.sequence().values[at_]; }
  Value next() {
    Value value = current();
    at_ = (at_ + 1) % items_.sequence().values.size();
    return value;
  }

  Value items_;
  std::size_t at_ = 0;
};

/// joiner(", "): nothing the first time, then the separator.
class Joiner final : public Callable {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  [[nodiscard]] std::string type_name() const override { return "Joiner"; }
  [[nodiscard]] int depth() const override { return 1 + separator_.depth(); }
  Value call(Frame& frame, const Arguments& arguments) override {
    arguments.expect_none("joiner");
    return std::exchange(used_, true) ? separator_ : frame.machine.text(std::string());
  }

 private:
  Value separator_;
  bool used_ = false;
};

Value range(Frame& frame, const Arguments& arguments) {
  const auto bound = arguments.bind("range", {"/start", "/stop", "/step"}, 1);
  const std::int64_t first = need_integer(*bound[0], "range()");
  const std::int64_t start = bound[1] != nullptr ? first : 0;
  const std::int64_t stop = bound[1] != nullptr ? need_integer(*bound[1], "range()") : first;
  const std::int64_t step = bound[2] != nullptr ? need_integer(*bound[2], "range()") : 1;
  if (step == 0) fail("range() arg 3 must not be zero");
  Value& made = frame.machine.ranges[{start, stop, step}];
  if (!made.is_none()) return made;
  std::vector<Value> values;
  for (std::int64_t at = start; step > 0 ? at < stop : at > stop;) {
    if (values.size() == kMaxRange) {
      fail_limit("a range has more than " + std::to_string(kMaxRange) + " items");
    }
    values.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  frame.machine.charge_items(values.size());
  auto out = std::make_shared<Sequence>(std::move(values), Sequence::Kind::range);
  out->start = start;
  out->stop = stop;
  out->step = step;
  made = std::shared_ptr<const Sequence>(std::move(out));
  return made;
}

// dict(mapping or pairs, **named)
Dict to_dict(Frame& frame, const Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) fail("dict expected at most 1 argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional.front();
    if (source.is_dict()) {
      dict = source.dict();
    } else {
      for (const Value& pair : iterate(frame, source)) {
        const std::vector<Value> parts = iterate(frame, pair);
        if (parts.size() != 2) fail("dictionary update sequence element has not 2 items");
        frame.machine.read(parts[0]);
        dict.set(parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(make_string(name), value);
  return dict;
}

Value dict(Frame& frame, const Arguments& arguments) { return frame.machine.dict(to_dict(frame, arguments)); }

Value make_namespace(Frame& frame, const Arguments& arguments) {
  Dict attributes = to_dict(frame, arguments);
  frame.machine.charge_items(4 * attributes.size());
  for (const auto& [name, value] : attributes.items()) {
    if (name.is_string() && name.bytes().starts_with('_')) {
      fail("Chat templates cannot store underscore-prefixed attributes on a namespace, but got " +
           quoted_name(name.bytes()) + ". Please rename the attribute.");
    }
  }
  auto [value, object] = frame.machine.kept<Namespace>();
  object->attributes = std::move(attributes);
  return value;
}

Value make_cycler(Frame& frame, const Arguments& arguments) {
  if (arguments.positional.empty()) fail("at least one item has to be provided");
  return frame.machine.object<Cycler>(frame.machine.tuple(arguments.positional));
}

Value make_joiner(Frame& frame, const Arguments& arguments) {
  const auto bound = arguments.bind("joiner", {"sep"});
  return frame.machine.object<Joiner>(bound[0] != nullptr ? *bound[0] : frame.machine.text(", "));
}

Value raise_exception(Frame& frame, const Arguments& arguments) {
  const Value& message = *arguments.bind("raise_exception", {"message"}, 1)[0];
  throw Failure(to_text(frame, message).bytes(), false, true);
}

// What strftime makes of one conversion, without those that need a time zone: the time has none.
std::string time_text(const std::string& format, const std::tm& time) {
  std::string out(1024, '\0');
  out.resize(std::strftime(out.data(), out.size(), format.c_str(), &time));
  return out;
}

Value strftime_now(Frame& frame, const Arguments& arguments) {
  const std::string& format = need_text(*arguments.bind("strftime_now", {"format"}, 1)[0], "the format").bytes();
  if (format.size() > kMaxTimeFormat) fail_limit("a format of strftime_now is longer than 4096 bytes");
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm time = {};
  localtime_r(&seconds, &time);
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const char kind = format[++i];
    if (kind == 'f') {
      const auto micros =
          std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count() % 1000000;
      out += std::to_string(1000000 + micros).substr(1);
    } else if (std::string_view("-_0^#").find(kind) != std::string_view::npos && i + 1 < format.size()) {
      out += time_text({'%', kind, format[++i]}, time);
    } else if (kind != 'z' && kind != 'Z') {
      out += time_text({'%', kind}, time);
    }
  }
  return frame.machine.text(std::move(out));
}

}  // namespace

void add_globals(Machine& machine) {
  constexpr std::pair<std::string_view, Function::Run> kFunctions[] = {{"range", range},
                                                                       {"dict", dict},
                                                                       {"namespace", make_namespace},
                                                                       {"cycler", make_cycler},
                                                                       {"joiner", make_joiner},
                                                                       {"raise_exception", raise_exception},
                                                                       {"strftime_now", strftime_now}};
  for (const auto& [name, run] : kFunctions) machine.set_global(name, machine.object<Function>(run));
}

}  // namespace skald::jinja
