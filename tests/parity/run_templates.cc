// Renders the templates that test_templates.py asks for: one JSON object a line, {"template": ..., "variables": {...},
// "tokens": {...}}, answered by {"text": ..., "generated": [[a, b], ...], "from_caller": [[a, b], ...]} or {"error":
// ...}.
#include <iostream>

#include "json/value.h"
#include "skald/error.h"
#include "text/template/compiled_template.h"

namespace {

using namespace skald;

json::Value ranges(const std::vector<jinja::TrackedText::Range>& all) {
  json::Array out;
  for (const auto& [begin, end] : all) {
    out.emplace_back(json::Array{static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)});
  }
  return out;
}

json::Object members(const json::Value& request, std::string_view key) {
  const json::Value* const found = request.find(key);
  return found == nullptr ? json::Object{} : found->as_object();
}

json::Value answer(const json::Value& request) {
  try {
    const jinja::CompiledTemplate compiled(request.find("template")->as_string(), "template");
    const jinja::Rendered rendered = compiled.render(members(request, "variables"), members(request, "tokens"));
    return json::Object{{"text", rendered.text.bytes()},
                        {"generated", ranges(rendered.generated)},
                        {"from_caller", ranges(rendered.text.from_caller())}};
  } catch (const Error& error) {
    return json::Object{{"error", error.what()}, {"rule", error.fields().rule}};
  }
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << json::dump(answer(json::parse(line, "request", {.depth = 1000}))) << std::endl;
  }
}
