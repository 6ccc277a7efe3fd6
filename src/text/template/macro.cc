#include "text/template/macro.h"

#include <algorithm>

namespace skald::jinja {

Value Macro::call(Frame& frame, const Arguments& arguments) {
  TrackedText text;
  Frame inner{frame.machine, std::make_shared<Scope>(scope_), &text};
  const Deeper deeper(frame.machine);
  std::vector<bool> taken(arguments.named.size(), false);
  bind_parameters(inner, arguments, taken);
  bind_rest(inner, arguments, taken);
  inner.run(parts_.body);
  return frame.machine.text(std::move(text));
}

// Defaults are evaluated anew in each call, and see the parameters before them.
void Macro::bind_parameters(Frame& inner, const Arguments& arguments, std::vector<bool>& taken) const {
  const Signature& signature = parts_.signature;
  const std::size_t n_plain = signature.names.size() - signature.defaults.size();
  for (std::size_t i = 0; i < signature.names.size(); ++i) {
    inner.machine.read_bytes(arguments.named.size());
    const std::string& name = inner.machine.name(signature.names[i]);
    const auto named = std::ranges::find(arguments.named, name, &std::pair<std::string, Value>::first);
    Value value;
    if (i < arguments.positional.size()) {
      value = arguments.positional[i];
    } else if (named != arguments.named.end()) {
      value = named->second;
      taken[static_cast<std::size_t>(named - arguments.named.begin())] = true;
    } else if (i >= n_plain) {
      value = inner.eval(*signature.defaults[i - n_plain]);
    } else {
      value = Value::undefined("parameter " + quoted_name(name) + " was not provided");
    }
    inner.scope->set(signature.names[i], std::move(value));
  }
}

void Macro::bind_rest(Frame& inner, const Arguments& arguments, const std::vector<bool>& taken) const {
  const std::string macro = "macro " + quoted_name(parts_.name);
  Value caller = Value::undefined("No caller defined");
  Dict rest;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (taken[i]) continue;
    const auto& [name, value] = arguments.named[i];
    if (parts_.uses_caller && name == "caller") {
      caller = value;
    } else if (parts_.uses_kwargs) {
      rest.set(make_string(name), value);
    } else {
      fail(macro + " takes no keyword argument " + quoted_name(name));
    }
  }
  const std::size_t n_names = parts_.signature.names.size();
  const std::size_t n_given = arguments.positional.size();
  if (n_given > n_names && !parts_.uses_varargs) {
    fail(macro + " takes not more than " + std::to_string(n_names) + " argument(s)");
  }
  if (parts_.uses_caller) inner.scope->set(parts_.caller, caller);
  if (parts_.uses_kwargs) inner.scope->set(parts_.kwargs, inner.machine.dict(std::move(rest)));
  if (!parts_.uses_varargs) return;
  const auto begin = arguments.positional.begin() + static_cast<std::ptrdiff_t>(std::min(n_given, n_names));
  inner.scope->set(parts_.varargs, inner.machine.tuple({begin, arguments.positional.end()}));
}

std::optional<Value> Macro::attribute(Frame& frame, std::string_view name) {
  if (name == "name") return frame.machine.text(parts_.name);
  if (name == "catch_kwargs") return parts_.uses_kwargs;
  if (name == "catch_varargs") return parts_.uses_varargs;
  if (name == "caller") return parts_.uses_caller;
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const NameId id : parts_.signature.names) names.push_back(frame.machine.text(frame.machine.name(id)));
  return frame.machine.tuple(std::move(names));
}

}  // namespace skald::jinja
