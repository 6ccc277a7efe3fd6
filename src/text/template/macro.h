// A macro, or the body of a call block. Reference: jinja2.runtime.Macro.
#pragma once

#include "text/template/statements.h"

namespace skald::jinja {

class Macro final : public Callable, public Attributes {
 public:
  Macro(const MacroParts& parts, std::shared_ptr<Scope> scope) : parts_(parts), scope_(std::move(scope)) {}

  [[nodiscard]] std::string type_name() const override { return "Macro"; }
  /// The text that the body writes.
  Value call(Frame& frame, const Arguments& arguments) override;
  std::optional<Value> attribute(Frame& frame, std::string_view name) override;
  [[nodiscard]] const std::string& name() const { return parts_.name; }

 private:
  void bind_parameters(Frame& inner, const Arguments& arguments, std::vector<bool>& taken) const;
  void bind_rest(Frame& inner, const Arguments& arguments, const std::vector<bool>& taken) const;

  const MacroParts& parts_;
  std::shared_ptr<Scope> scope_;  // around its definition
};

}  // namespace skald::jinja
