// A template, read once, that renders values.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "json/value.h"
#include "text/template/machine.h"

namespace skald::jinja {

struct Template;

/// What a template wrote.
struct Rendered {
  TrackedText text;
  std::vector<TrackedText::Range> generated;  // bytes inside {% generation %}
};

class CompiledTemplate {
 public:
  /// `name` names it in errors. Throws FormatError with line and column where `source` is no template.
  CompiledTemplate(std::string source, std::string name);
  ~CompiledTemplate();
  CompiledTemplate(CompiledTemplate&&) noexcept;
  CompiledTemplate& operator=(CompiledTemplate&&) noexcept;

  /// `variables` are the caller's, `tokens` the model's own special tokens. Throws TemplateError with the line, and
  /// LimitError where the template goes over `limits`. May be called from many threads at once.
  [[nodiscard]] Rendered render(const json::Object& variables, const json::Object& tokens = {},
                                const Limits& limits = {}) const;

  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Its text and the strings in it, one a line: what it may write by itself.
  [[nodiscard]] const std::string& literals() const { return literals_; }

 private:
  std::string source_, name_, literals_;
  std::unique_ptr<const Template> template_;
};

}  // namespace skald::jinja
