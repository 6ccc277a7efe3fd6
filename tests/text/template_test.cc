// Templates: what they write, whose text is whose, and that nothing gets over the limits (docs/chat.md).
//
//   malformed                         Template.MalformedIsRefusedWithItsPlace, FiltersThatAreNotOffered
//   nesting, recursion                Template.NestingIsBounded, RecursionIsBounded
//   loops, long texts, much work      Template.WorkIsBounded, ReadingCounts, LimitsAreTheCallers
//   Python's objects, other files     Template.NothingOfPythonIsInReach, MalformedIsRefusedWithItsPlace
//   odd messages, raise_exception     Chat.MessagesAreChecked, Template.WhatIsRaisedIsTold
//   templates and tokens in messages  Template.VariablesThatAreTemplatesAreInert, TextKnowsWhoWroteIt; as tokens:
//                                     tests/cli/test_chat.py
//   variables of the caller           Chat.MessagesAreChecked
//   names of templates                tests/cli/test_chat.py: test_named_templates
//   odd numbers and values            Template.ArithmeticIsPythons, TimesAreBounded, ValuesInThemselvesAreRefused
#include <gtest/gtest.h>

#include <chrono>

#include "json/value.h"
#include "skald/chat.h"
#include "support/expect_error.h"
#include "support/thread_seconds.h"
#include "text/template/chat_render.h"
#include "text/template/compiled_template.h"

namespace skald::jinja {
namespace {

using test::message_of;

Rendered render(const std::string& source, const json::Object& variables = {}, const Limits& limits = {}) {
  return CompiledTemplate(source, "t").render(variables, {{"bos_token", "<s>"}}, limits);
}

std::string text(const std::string& source, const json::Object& variables = {}) {
  return render(source, variables).text.bytes();
}

std::string repeated(const std::string& unit, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += unit;
  return out;
}

template <typename Expected>
void expect_refused(const std::string& source, const std::string& part, const json::Object& variables = {}) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string message = message_of<Expected>([&] { (void)render(source, variables); });
  EXPECT_NE(message.find(part), std::string::npos) << source.substr(0, 80) << ": " << message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << source.substr(0, 80);
}

TEST(Template, MalformedIsRefusedWithItsPlace) {
  expect_refused<FormatError>("{% if x %}", "t: line 1, column 11: Unexpected end of template");
  expect_refused<FormatError>("a\n {{ x | nosuch }}", "line 2, column 9: there is no filter named 'nosuch'");
  expect_refused<FormatError>("{% nosuch %}", "line 1, column 4: unknown tag 'nosuch'");
  // Where no loop is around them, or only one that is left by another function.
  expect_refused<FormatError>("{% if x %}{% continue %}{% endif %}", "'continue' stands in no loop");
  expect_refused<FormatError>("{% for x in y %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
                              "'break' stands in");
  expect_refused<FormatError>("{% for x in y %}{% else %}{% break %}{% endfor %}", "'break' stands in no loop");
  expect_refused<FormatError>("{{ x }}\n{{ x is nosuch }}", "line 2, column 9: there is no test named 'nosuch'");
  expect_refused<FormatError>("{{ x }}\n {{ x ! y }}", "line 2, column 7: unexpected character");
  expect_refused<FormatError>("\n\n{{ x + }}", "line 3, column 8: expected an expression");
  expect_refused<FormatError>("{{ x\n <> y }}", "line 2, column 3: expected an expression");
  expect_refused<FormatError>("{{ x =\n= y }}", "line 1, column 6: ");
  expect_refused<FormatError>("{{ 'abc }}", "does not end");
  expect_refused<FormatError>("{{ (1, 2] }}", "expected ')'");
  expect_refused<FormatError>("{# abc", "Missing end of comment tag");
  expect_refused<FormatError>("{% raw %} abc", "Missing end of raw directive");
  for (const char* tag : {"include 'x'", "import 'os' as os", "extends 'x'", "from 'os' import path"}) {
    expect_refused<FormatError>("a\n{% " + std::string(tag) + " %}", "needs another template");
    expect_refused<FormatError>("a\n{% " + std::string(tag) + " %}", "line 2, column 4: '");
  }
  expect_refused<FormatError>("\xff", "is not UTF-8");
  expect_refused<FormatError>("{{ 99999999999999999999 }}", "more than 64 bits");
}

TEST(Template, WordsAreWrapped) {
  EXPECT_EQ(text("{{ 'The well-known king -- he was old--had three daughters.\n\nEnd' | wordwrap(9) }}"),
            "The well-\nknown\nking --\nhe was\nold--had\nthree dau\nghters.\n\nEnd");
  EXPECT_EQ(text("{{ 'ab-cd efghijkl' | wordwrap(4, false, '/', false) }}"), "ab-cd/efghijkl");
  EXPECT_EQ(text("{{ '  a-1-bc---x' | wordwrap(3) }}"), "  a\n-1-\nbc\n---\nx");
  expect_refused<TemplateError>("{{ 'a' | wordwrap(0) }}", "invalid width 0 (must be > 0)");
  EXPECT_EQ(text("{{ s | wordwrap(1000) | length }}", {{"s", json::Value(repeated("a-", 500000))}}), "1000999");
}

TEST(Template, OnlyKeysAreLookedForInKeys) {
  EXPECT_EQ(text("{{ 1 in {1: 2}.keys() }} {{ [1] in {1: [1]}.values() }}"), "True True");
  expect_refused<TemplateError>("{{ [1] in {1: 2}.keys() }}", "unhashable type: 'list'");
}

TEST(Template, FiltersThatAreNotOffered) {
  expect_refused<FormatError>("{{ [1] | random }}", "a prompt must be the same each time");
  expect_refused<FormatError>("{{ 'x' | urlize }}", "'urlize' of jinja2 is not offered");
  expect_refused<FormatError>("{{ 'x' | pprint }}", "'pprint' of jinja2 is not offered");
}

TEST(Template, UnknownFiltersInConditionsFailOnlyWhereTheyAreReached) {
  EXPECT_EQ(text("{% if x is defined %}{{ x | nosuch }}{% endif %}a{{ x | nosuch if x is defined else 'b' }}"), "ab");
  expect_refused<TemplateError>("{% if true %}{{ 1 | nosuch }}{% endif %}", "No filter named 'nosuch' found");
}

TEST(Template, NestingIsBounded) {
  for (const auto& [open, close] :
       {std::pair{"(", ")"}, {"[", "]"}, {"{1:", "}"}, {"a[", "]"}, {"not ", ""}, {"-", ""}}) {
    const std::string source = "{{ " + repeated(open, 100000) + "1" + repeated(close, 100000) + " }}";
    expect_refused<FormatError>(source, "deeper in one another than 256");
  }
  expect_refused<FormatError>("{{ " + repeated("(", 100000), "");
  const auto nested = [](const std::string& name, const std::string& rest, int depth) {
    return repeated("{% " + name + " " + rest + " %}", depth) + repeated("{% end" + name + " %}", depth);
  };
  for (const auto& [name, rest] : {std::pair{"if", "x"},
                                   {"for", "x in y"},
                                   {"macro", "f()"},
                                   {"call", "f()"},
                                   {"filter", "upper"},
                                   {"set", "x"},
                                   {"generation", ""}}) {
    expect_refused<FormatError>(nested(name, rest, 100000), "deeper in one another than 256");
    EXPECT_NO_THROW(CompiledTemplate(nested(name, rest, 100), "t")) << name;
  }
  expect_refused<FormatError>("{{ a" + repeated(".b", 100000) + " }}", "deeper in one another than 256");
  expect_refused<FormatError>("{{ a" + repeated("|e", 100000) + " }}", "deeper in one another than 256");
  expect_refused<FormatError>("{{ 1" + repeated(" + 1", 100000) + " }}", "deeper in one another than 256");
  EXPECT_EQ(text("{{ " + repeated("(", 250) + "1" + repeated(")", 250) + " }}"), "1");
  EXPECT_EQ(text("{{ 'a'" + repeated(" ~ 'a'", 5000) + " }}"), repeated("a", 5001));
}

TEST(Template, RecursionIsBounded) {
  expect_refused<LimitError>("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nests deeper");
  expect_refused<LimitError>("{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
                             "nests deeper");
  expect_refused<LimitError>("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "nests deeper");
  expect_refused<LimitError>("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "nests deeper");
  expect_refused<LimitError>(
      "{% set n = namespace(x=[]) %}{% for i in range(10000) %}{% set n.x = [n.x] %}{% endfor %}", "deeper");
  expect_refused<LimitError>(
      "{% set n = namespace(x=[1]) %}{% for i in range(10000) %}{% set n.x = n.x | map('string') %}{% endfor %}",
      "deep");
}

TEST(Template, WorkIsBounded) {
  expect_refused<LimitError>("{% for i in range(1000000000) %}{% endfor %}", "100000");
  expect_refused<LimitError>("{% for i in range(25000) %}{% for j in range(25000) %}{% endfor %}{% endfor %}", "steps");
  expect_refused<LimitError>("{{ 'a' * 1000000000 }}", "16 MiB");
  expect_refused<LimitError>("{{ [1] * 1000000000 }}", "items");
  expect_refused<LimitError>("{{ ('a' * 1000000) | list | join('a' * 100000) }}", "MiB");
  expect_refused<LimitError>("{{ '%1000000000d' % 1 }}", "16 MiB");
  expect_refused<LimitError>("{{ '{:1000000000}'.format(1) }}", "16 MiB");
  expect_refused<LimitError>("{{ 'a'.center(1000000000) }}", "16 MiB");
  expect_refused<LimitError>("{{ 'a' | indent(1000000000) }}", "16 MiB");
  expect_refused<LimitError>("{{ 'a\nb' | tojson(indent=1000000000) }}", "16 MiB");
  expect_refused<LimitError>("{{ ('a' * 1000000).replace('', 'b' * 1000) }}", "16 MiB");
  expect_refused<LimitError>(
      "{% set n = namespace(x='aa') %}{% for i in range(64) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}", "MiB");
  expect_refused<LimitError>("{% for i in range(100000) %}{{ 'a' * 1000 }}{% endfor %}", "MiB");
  expect_refused<LimitError>("{{ ('a' * 1000000) | wordwrap(1, wrapstring='b' * 100) }}", "16 MiB");
  expect_refused<LimitError>("{{ strftime_now('%A' * 10000) }}", "4096");
  for (const char* cut : {"split()", "rsplit()", "split(' ')", "rsplit(' ')", "splitlines()"}) {
    expect_refused<LimitError>("{{ ('a \n' * 1500000)." + std::string(cut) + " | length }}", "1000000 items");
  }
  for (const char* kept : {"{}.fromkeys(range(90000))", "dict.fromkeys(range(90000)).copy()", "range(i, i + 90000)",
                           "range(i, i + 90000)[1:]", "namespace(a=dict.fromkeys(range(90000)))"}) {
    const std::string dict = "{% set dict = {} %}{% set n = namespace(x=[]) %}";
    expect_refused<LimitError>(
        dict + "{% for i in range(1000) %}{% set n.x = n.x + [" + std::string(kept) + "] %}{% endfor %}", "MiB");
  }
}

// With a hundredth of the steps, so that it takes no time.
void expect_too_much_work(const std::string& source, const json::Object& variables = {}) {
  const std::string message =
      message_of<LimitError>([&] { (void)render(source, variables, {.steps = Limits().steps / 100}); });
  EXPECT_NE(message.find("steps"), std::string::npos)
      << source.substr(source.size() - std::min<std::size_t>(source.size(), 99)) << ": " << message;
}

TEST(Template, ReadingCounts) {
  const std::string texts = "{% set a = 'a' * 400000 %}{% set b = 'a' * 200000 ~ 'b' %}{% set c = 'b' ~ b[:-1] %}";
  const std::string many = "{% for i in range(100000) %}", end = "{% endfor %}";
  const auto as_expression = [](const std::string& text) { return "{{ " + text + " }}"; };
  const auto again = [&](const std::string& expression) { return texts + many + as_expression(expression) + end; };
  for (const char* once :
       {"a.find(b)", "a.rfind(c)", "b in a", "a.count(b)", "a.replace(b, '') | length", "a.split(b) | length",
        "a.rsplit(c) | length", "a.partition(b) | length", "a.rpartition(c) | length", "a.strip(c) | length"}) {
    EXPECT_LT(test::thread_seconds([&] { EXPECT_NO_THROW((void)render(texts + as_expression(once))); }), 2) << once;
  }
  for (const char* each : {"a.find('b')", "a.isalpha()", "a.startswith('b', -1)", "a | length", "a[0]", "a == b",
                           "a | wordcount", "a is lower", "'%.0s' % a", "'{:.0}'.format(a)", "a | int", "'b' in a"}) {
    expect_too_much_work(again(each));
  }
  // Lists that lie in lists twice over, 60 times, have 2^60 values to compare.
  const std::string twice =
      "{% set n = namespace(a=(1,), b=(1,)) %}"
      "{% for i in range(60) %}{% set n.a = (n.a, n.a) %}{% set n.b = (n.b, n.b) %}{% endfor %}";
  for (const char* compared :
       {"n.a == n.b", "n.a < n.b", "n.a in [n.b]", "[n.a].index(n.b)", "[n.a].count(n.b)", "{n.a: 1}", "{}[n.a]",
        "{}.get(n.a)", "dict([(n.a, 1)])", "{}.fromkeys([n.a])", "[n.a, n.b] | unique | list", "[n.a, n.b] | sort",
        "[n.a, n.b] | max", "[n.a, n.b] | groupby(0)", "n.a is filter", "n.a in {1: 2}"}) {
    expect_too_much_work(twice + as_expression(compared));
  }
  std::string names;
  for (int i = 0; i < 5000; ++i) names += "{% set v" + std::to_string(i) + " = 1 %}";
  expect_too_much_work(names + many + "{{ v4999 }}" + end);
  json::Object wide;
  for (int i = 0; i < 20000; ++i) wide.push_back({"k" + std::to_string(i), json::Value(std::int64_t{i})});
  EXPECT_EQ(text("{% macro m() %}{{ kwargs | length }}{% endmacro %}{{ m(**d) }}", {{"d", wide}}), "20000");
  expect_too_much_work("{{ ('{k9}' * 1000).format(**d) }}", {{"d", wide}});
}

TEST(Template, NothingOfPythonIsInReach) {
  EXPECT_EQ(text("{{ x.__class__ }}{{ ''.__class__ }}{{ {}.__init__ }}{{ [] | attr('__len__') }}", {{"x", 1}}), "");
  expect_refused<TemplateError>("{{ ''.__class__.__mro__ }}", "is unsafe");
  expect_refused<TemplateError>("{{ ''.__class__() }}", "is unsafe");
  expect_refused<TemplateError>("{{ '{0.__class__.__mro__}'.format(1) }}", "is unsafe");
  expect_refused<TemplateError>("{{ [].append(1) }}", "is unsafe");
  expect_refused<TemplateError>("{{ {}.update({}) }}", "is unsafe");
  expect_refused<TemplateError>("{{ range.__globals__.os }}", "has no attribute");
  expect_refused<TemplateError>("{% set x = namespace(_a=1) %}", "underscore");
  expect_refused<TemplateError>("{% set n = namespace() %}{% set n.__class__ = 1 %}", "underscore");
  expect_refused<TemplateError>("{% set d = {} %}{% set d.x = 1 %}", "non-namespace");
}

TEST(Template, ArithmeticIsPythons) {
  EXPECT_EQ(
      text("{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 1e16 }} {{ 1e-5 }}"),
      "3 -4 2 3.5 1024 0.5 1e+16 1e-05");
  expect_refused<TemplateError>("{{ 1 // 0 }}", "line 1: integer division or modulo by zero");
  expect_refused<TemplateError>("{{ 1 % 0 }}", "modulo by zero");
  expect_refused<TemplateError>("{{ 1 / 0 }}", "division by zero");
  expect_refused<LimitError>("{{ 9223372036854775807 + 1 }}", "64 bits");
  expect_refused<LimitError>("{{ 2 ** 64 }}", "64 bits");
  expect_refused<LimitError>("{{ (-9223372036854775807 - 1) // -1 }}", "64 bits");
  EXPECT_EQ(text("{{ (-9223372036854775807 - 1) % -1 }}{{ 'a' | int }}{{ '0x1f' | int(0, 16) }}{{ '4.7' | int }}"),
            "00314");
  EXPECT_EQ(text("{{ 'abc'[-2:] }}{{ 'abc'[9:] }}{{ [1,2,3][::-2] }}{{ 'abc'[-9:9223372036854775807] }}"),
            "bc[3, 1]abc");
  expect_refused<TemplateError>("{{ 'abc'[::0] }}", "slice step cannot be zero");
  expect_refused<TemplateError>("{{ namespace() | tojson }}", "not JSON serializable");
}

TEST(Template, TimesAreBounded) {
  EXPECT_EQ(text("{{ strftime_now('%Y') | length }} {{ strftime_now('') }}{{ strftime_now('%%') }}"), "4 %");
  expect_refused<LimitError>("{{ strftime_now('%c' * 100000) }}", "4096");
  expect_refused<TemplateError>("{{ strftime_now(1) }}", "");
}

TEST(Template, ValuesInThemselvesAreRefused) {
  const std::string knot = "{% set n = namespace(a=[]) %}{% set n.a = [n] %}";
  for (const char* use : {"n.a | string", "n.a == n.a and n.a | string", "n.a | map('string') | list"}) {
    expect_refused<Error>(knot + "{{ " + use + " }}", "");
  }
  expect_refused<TemplateError>(knot + "{{ n.a | tojson }}", "not JSON serializable");
}

TEST(Template, WhatIsRaisedIsTold) {
  try {
    (void)render("a\n{{ raise_exception('no ' ~ x) }}", {{"x", "way\n"}});
    ADD_FAILURE();
  } catch (const TemplateError& error) {
    EXPECT_EQ(error.raised(), "no way\n");
    EXPECT_STREQ(error.what(), "t: line 2: no way\\x0a");
  }
}

TEST(Template, VariablesThatAreTemplatesAreInert) {
  EXPECT_EQ(text("{{ x }}{{ x }}", {{"x", "{{ 7 * 7 }}{% raw %}"}}), "{{ 7 * 7 }}{% raw %}{{ 7 * 7 }}{% raw %}");
}

// The bytes that the caller wrote, each in brackets.
std::string marked(const Rendered& rendered) {
  std::string out;
  std::size_t at = 0;
  for (const auto& [begin, end] : rendered.text.from_caller()) {
    out += rendered.text.bytes().substr(at, begin - at) + "[" + rendered.text.bytes().substr(begin, end - begin) + "]";
    at = end;
  }
  return out + rendered.text.bytes().substr(at);
}

TEST(Template, TextKnowsWhoWroteIt) {
  const json::Object variables = {{"x", " Ab<c "}, {"d", json::Object{{"k", "v\n"}}}};
  const auto check = [&](const std::string& source, const std::string& want) {
    EXPECT_EQ(marked(render(source, variables)), want) << source;
  };
  check("<{{ x }}>{{ bos_token }}", "<[ Ab<c ]><s>");
  check("{{ x.strip() ~ '|' ~ x | upper | trim }}", "[Ab<c]|[AB<C]");
  check("{{ x | replace('b', '--') }}", "[ A]--[<c ]");
  check("{{ x.split('<') }}", "['[ Ab]', '[c ]']");
  check("{{ d | tojson }} {{ d }}", "{\"[k]\": \"[v\\n]\"} {'[k]': '[v\\n]'}");
  check("{{ '%s=%5s' % (x[1], 'y') }} {{ '{}!'.format(x[1:3]) }}", "[A]=    y [Ab]!");
  check("{{ x | e | title }}", "[ Ab&lt;c ]");
  check("{% set y %}{{ x | trim }}.{% endset %}{{ y[::-1] }}", ".[c<bA]");
  check("{% for c in x.strip() %}{{ c }},{% endfor %}", "[A],[b],[<],[c],");
  check("{{ 'a'.join(x | trim) | indent(first=true) }}", "    [A]a[b]a[<]a[c]");
}

TEST(Template, WhitespaceIsAsTransformersSetsIt) {
  EXPECT_EQ(text("a\n  {% if true %}\n  b\n  {% endif %}\nc\n"), "a\n  b\nc");
  EXPECT_EQ(text("a \n {%- if true -%} \n b \n {%- endif %}\n c"), "ab c");
  EXPECT_EQ(text("  {%+ if true %}x{% endif +%}\n y{{ 1 }}\n\n"), "  x\n y1\n");
  EXPECT_EQ(text("{% raw %}\n {{ x }} {%- endraw %}\nz{# c #}\n."), "\n {{ x }}z.");
  EXPECT_EQ(text("a\r\nb\rc"), "a\nb\nc");
}

TEST(Template, GenerationBlocksAreTracked) {
  const Rendered rendered = render("é{% generation %}ab{% endgeneration %}c{% generation %}ü{% endgeneration %}");
  EXPECT_EQ(rendered.text.bytes(), "éabcü");
  EXPECT_EQ(rendered.generated, (std::vector<TrackedText::Range>{{2, 4}, {5, 7}}));
}

TEST(Template, LimitsAreTheCallers) {
  const auto refused = [](const std::string& source, const Limits& limits) {
    return message_of<LimitError>([&] { (void)render(source, {}, limits); });
  };
  EXPECT_NE(refused("{% for i in range(9) %}{% endfor %}", {.steps = 5}).find("5 steps"), std::string::npos);
  EXPECT_NE(refused("{{ 'a' * 3000000 }}", {.text_bytes = 1 << 20}).find("1 MiB"), std::string::npos);
}

RenderedChat chat(const std::string& source, const ChatInput& input) {
  return render_chat(CompiledTemplate(source, "t"), {{"eos_token", "</s>"}}, input);
}

TEST(Chat, MessagesAreChecked) {
  const std::string all = "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}";
  EXPECT_EQ(chat(all, {.messages = R"([{"role": "user", "content": null}])"}).text, "user=;");
  EXPECT_EQ(chat(all, {.messages = R"([{"content": [{"type": "text"}]}])"}).text, "=[{'type': 'text'}];");
  for (const char* bad : {"", "[]", "{}", "[1]", "3", "null"}) {
    EXPECT_FALSE(message_of<Error>([&] { (void)chat(all, {.messages = bad}); }).empty()) << bad;
  }
  EXPECT_FALSE(message_of<FormatError>([&] { (void)chat(all, {.messages = "[{\"a\": }]"}); }).empty());
  for (const char* own : {"messages", "tools", "documents", "add_generation_prompt", "chat_template", "tokenize"}) {
    const std::string variables = std::string("{\"") + own + "\": []}";
    EXPECT_FALSE(
        message_of<OptionError>([&] { (void)chat(all, {.messages = "[{}]", .variables = variables}); }).empty());
  }
}

TEST(Chat, RolesAreTheTemplates) {
  const std::string strict =
      "{% for m in messages %}{% if m.role != 'user' %}{{ raise_exception('no ' ~ m.role) }}"
      "{% endif %}{{ m.content }}{% endfor %}";
  EXPECT_NE(
      message_of<TemplateError>([&] { (void)chat(strict, {.messages = R"([{"role": "wizard"}])"}); }).find("no wizard"),
      std::string::npos);
  EXPECT_EQ(chat("{{ messages[0].role is defined }}", {.messages = "[{}]"}).text, "False");
}

TEST(Chat, ReasoningGoesByAllItsNames) {
  EXPECT_EQ(
      chat("{{ messages[0].reasoning_content }}{{ messages[0].thinking }}", {.messages = R"([{"reasoning": "r"}])"})
          .text,
      "rr");
}

TEST(Chat, TheFinalMessageIsContinued) {
  const std::string source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}";
  const std::string trimming = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</s>{% endfor %}";
  const ChatInput input{.messages = R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "It is "}])",
                        .continue_final_message = true};
  EXPECT_EQ(chat(source, input).text, "<user>a</s><assistant>It is ");
  EXPECT_EQ(chat(trimming, input).text, "<user>a</s><assistant>It is");
  EXPECT_EQ(chat(source, input).from_caller.back(), RenderedChat::Range(22, 28));
  const auto refused = [&](const std::string& of, ChatInput with) {
    return message_of<OptionError>([&] { (void)chat(of, with); });
  };
  EXPECT_NE(refused("{{ messages[0].content }}", input).find("does not appear"), std::string::npos);
  EXPECT_NE(refused("x", input).find("does not read"), std::string::npos);
  EXPECT_NE(refused(source, {.messages = R"([{"role": "user"}])", .continue_final_message = true}).find("no 'content'"),
            std::string::npos);
  ChatInput both = input;
  both.add_generation_prompt = true;
  EXPECT_FALSE(refused(source, both).empty());
}

}  // namespace
}  // namespace skald::jinja
