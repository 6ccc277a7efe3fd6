// Chat templates of our own in the manner of many families: the bytes that jinja2 gives (make_template_goldens.py).
#include <gtest/gtest.h>

#include "base/file.h"
#include "json/value.h"
#include "skald/chat.h"
#include "text/template/compiled_template.h"

namespace skald::jinja {
namespace {

const std::string kFolder = SKALD_TEST_DATA "/templates/";

json::Value spans(const std::vector<TrackedText::Range>& ranges) {
  json::Array out;
  for (const auto& [begin, end] : ranges) {
    out.emplace_back(json::Array{static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)});
  }
  return out;
}

void check(const CompiledTemplate& compiled, const json::Value& test) {
  const json::Object& variables = test.find("variables")->as_object();
  if (const json::Value* const fails = test.find("fails")) {
    try {
      const std::string text = compiled.render(variables).text.bytes();
      ADD_FAILURE() << "an error was expected, not " << text;
    } catch (const TemplateError& error) {
      EXPECT_EQ(error.raised(), fails->as_string());
    }
    return;
  }
  const Rendered rendered = compiled.render(variables);
  EXPECT_EQ(rendered.text.bytes(), test.find("text")->as_string());
  EXPECT_EQ(json::dump(spans(rendered.generated)), json::dump(*test.find("generated")));
}

TEST(TemplateGoldens, BytesOfJinja2) {
  const json::Value cases = json::parse_file(kFolder + "goldens.json");
  ASSERT_GE(cases.as_array().size(), 150U);
  for (const json::Value& test : cases.as_array()) {
    const std::string name = test.find("template")->as_string();
    SCOPED_TRACE(name + " of " + json::dump(*test.find("variables")).substr(0, 400));
    check(CompiledTemplate(read_text_file(kFolder + name, 1 << 20), name), test);
  }
}

}  // namespace
}  // namespace skald::jinja
