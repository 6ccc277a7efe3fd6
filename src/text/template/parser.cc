#include "text/template/parser.h"

#include <algorithm>

namespace skald::jinja {

using Kind = Token::Kind;

Parser::Parser(std::string_view source) : tokens_(tokenize(source)) {}

Template Parser::parse() {
  Body body = parse_body({});
  return {.body = std::move(body), .names = std::move(names_)};
}

Template parse(std::string_view source) { return Parser(source).parse(); }

Token Parser::next() {
  Token token = current();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::skip_symbol(std::string_view symbol) {
  if (!current().is_symbol(symbol)) return false;
  next();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

void Parser::expect_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) fail_here("expected '" + std::string(symbol) + "', got " + described());
}

void Parser::expect_name(std::string_view name) {
  if (!skip_name(name)) fail_here("expected '" + std::string(name) + "', got " + described());
}

std::string Parser::expect_any_name() {
  if (!is_kind(Kind::name)) fail_here("expected a name, got " + described());
  return next().text;
}

void Parser::expect(Kind kind, const char* what) {
  if (!is_kind(kind)) fail_here(std::string("expected ") + what + ", got " + described());
  next();
}

void Parser::fail_at(const Token& token, const std::string& message) const {
  throw SyntaxFailure(message, token.place.line, token.place.column);
}

void Parser::fail_nesting() const {
  fail_here("brackets, operators and blocks lie deeper in one another than " + std::to_string(kMaxNesting));
}

std::string Parser::described() const {
  switch (current().kind) {
    case Kind::end: return "the end of the template";
    case Kind::block_end: return "the end of the tag, '%}'";
    case Kind::variable_end: return "the end of the tag, '}}'";
    case Kind::string: return "a string";
    case Kind::name:
    case Kind::integer:
    case Kind::real:
    case Kind::symbol: return "'" + current().text.substr(0, 64) + "'";
    default: return "text";
  }
}

NameId Parser::intern(const std::string& name) {
  const auto [it, is_new] = ids_.emplace(name, static_cast<NameId>(names_.size()));
  if (is_new) names_.push_back(name);
  return it->second;
}

bool Parser::at_end(Names ends) const {
  return is_kind(Kind::name) && std::ranges::find(ends, std::string_view(current().text)) != ends.end();
}

// Statements up to one of the tags `ends`, which is left as the current token.
Body Parser::parse_body(Names ends) {
  Body body;
  while (!is_kind(Kind::end)) {
    const Token token = next();
    if (token.kind == Kind::data) {
      body.push_back(std::make_unique<Data>(token.text));
    } else if (token.kind == Kind::variable_begin) {
      body.push_back(std::make_unique<Print>(parse_tuple({})));
      expect(Kind::variable_end, "the end of the tag, '}}'");
    } else {
      if (at_end(ends)) return body;
      body.push_back(parse_statement(ends));
      expect(Kind::block_end, "the end of the tag, '%}'");
    }
    if (unknown_) throw SyntaxFailure(unknown_->second, unknown_->first.line, unknown_->first.column);
    body.back()->line = token.place.line;
  }
  if (ends.size() != 0) {
    std::string wanted;
    for (const std::string_view end : ends) wanted += (wanted.empty() ? "'" : " or '") + std::string(end) + "'";
    fail_here("Unexpected end of template: looking for " + wanted +
              (open_tags_.empty() ? "" : " of the tag '" + open_tags_.back() + "'"));
  }
  return body;
}

// The rest of a tag, and statements up to one of the tags `ends`.
Body Parser::parse_block(Names ends) {
  skip_symbol(":");
  expect(Kind::block_end, "the end of the tag, '%}'");
  const Level level(*this);
  return parse_body(ends);
}

void Parser::fail_unknown_tag(const Token& tag, Names ends) const {
  constexpr std::string_view kOthers[] = {"extends", "include", "import", "from"};
  if (std::ranges::find(kOthers, tag.text) != std::end(kOthers)) {
    fail_at(tag, "'" + tag.text + "' needs another template, and a chat template is alone");
  }
  std::string message = "unknown tag '" + tag.text.substr(0, 64) + "'";
  if (ends.size() != 0) message += "; the tag '" + open_tags_.back() + "' is still open";
  fail_at(tag, message);
}

StatementPtr Parser::parse_statement(Names ends) {
  if (!is_kind(Kind::name)) fail_here("expected the name of a tag, got " + described());
  const Token tag = next();
  open_tags_.push_back(tag.text);
  StatementPtr statement = parse_tag(tag.text);
  open_tags_.pop_back();
  if (!statement) fail_unknown_tag(tag, ends);
  return statement;
}

StatementPtr Parser::parse_tag(const std::string& tag) {
  using Parse = StatementPtr (Parser::*)();
  static constexpr std::pair<std::string_view, Parse> kTags[] = {{"if", &Parser::parse_if},
                                                                 {"for", &Parser::parse_for},
                                                                 {"set", &Parser::parse_set},
                                                                 {"with", &Parser::parse_with},
                                                                 {"macro", &Parser::parse_macro},
                                                                 {"call", &Parser::parse_call_block},
                                                                 {"filter", &Parser::parse_filter_block},
                                                                 {"block", &Parser::parse_named_block},
                                                                 {"print", &Parser::parse_print},
                                                                 {"generation", &Parser::parse_generation},
                                                                 {"autoescape", &Parser::parse_autoescape}};
  if (tag == "break" || tag == "continue") {
    if (!around_.in_loop) fail_here("'" + tag + "' stands in no loop");
    return std::make_unique<Jump>(tag == "break" ? Flow::break_loop : Flow::continue_loop);
  }
  const auto* const found = std::ranges::find(kTags, tag, &std::pair<std::string_view, Parse>::first);
  return found == std::end(kTags) ? nullptr : (this->*found->second)();
}

StatementPtr Parser::parse_if() {
  std::vector<If::Branch> branches;
  const Surroundings outer = around_;
  for (bool more = true; more;) {
    around_.lenient = true;
    ExpressionPtr test = parse_tuple({.conditionals = false});
    Body body = parse_block({"elif", "else", "endif"});
    branches.push_back({std::move(test), std::move(body)});
    const bool is_else = current().is_name("else");
    more = current().is_name("elif");
    next();
    if (is_else) {
      branches.push_back({nullptr, parse_block({"endif"})});
      next();
    }
  }
  around_ = outer;
  return std::make_unique<If>(std::move(branches));
}

StatementPtr Parser::parse_for() {
  For::Parts parts;
  parts.loop = intern("loop");
  parts.target = parse_target(false, "in");
  expect_name("in");
  parts.values = parse_tuple({.conditionals = false, .end_name = "recursive"});
  if (skip_name("if")) parts.filter = parse_expression();
  parts.recursive = skip_name("recursive");
  const Surroundings outer = std::exchange(around_, {});
  around_.in_loop = true;
  parts.body = parse_block({"endfor", "else"});
  if (next().text == "else") {
    around_.in_loop = outer.in_loop && !parts.recursive;  // behind the loop; a recursive one is a function
    parts.otherwise = parse_block({"endfor"});
    next();
  }
  around_ = outer;
  return std::make_unique<For>(std::move(parts));
}

StatementPtr Parser::parse_set() {
  Target target = parse_target(true, {});
  if (skip_symbol("=")) return std::make_unique<Set>(std::move(target), parse_tuple({}));
  auto filters = parse_filters(false);
  Body body = parse_block({"endset"});
  next();
  return std::make_unique<SetBlock>(std::move(target), std::move(filters), std::move(body));
}

StatementPtr Parser::parse_with() {
  std::vector<With::Binding> bindings;
  while (!is_kind(Kind::block_end)) {
    if (!bindings.empty()) expect_symbol(",");
    Target target = parse_target(false, {});
    expect_symbol("=");
    bindings.push_back({std::move(target), parse_expression()});
  }
  Body body = parse_block({"endwith"});
  next();
  return std::make_unique<With>(std::move(bindings), std::move(body));
}

Signature Parser::parse_signature() {
  Signature signature;
  expect_symbol("(");
  while (!current().is_symbol(")")) {
    if (!signature.names.empty()) expect_symbol(",");
    const NameId name = intern(expect_any_name());
    if (skip_symbol("=")) {
      signature.defaults.push_back(parse_expression());
    } else if (!signature.defaults.empty()) {
      fail_here("a parameter without a default follows one with a default");
    }
    signature.names.push_back(name);
  }
  next();
  return signature;
}

// The body up to the tag `end`, and which of the special names it reads.
void Parser::parse_macro_body(MacroParts& parts, std::string_view end) {
  parts.caller = intern("caller");
  parts.kwargs = intern("kwargs");
  parts.varargs = intern("varargs");
  const Surroundings outer = std::exchange(around_, {});
  const std::set<NameId> before = std::exchange(read_, {});
  parts.body = parse_block({end});
  next();
  const auto reads = [&](NameId name) {
    return read_.contains(name) && std::ranges::find(parts.signature.names, name) == parts.signature.names.end();
  };
  parts.uses_caller = reads(parts.caller);
  parts.uses_kwargs = reads(parts.kwargs);
  parts.uses_varargs = reads(parts.varargs);
  read_.insert(before.begin(), before.end());
  around_ = outer;
}

StatementPtr Parser::parse_macro() {
  MacroParts parts;
  parts.name = expect_any_name();
  const NameId name = intern(parts.name);
  parts.signature = parse_signature();
  parse_macro_body(parts, "endmacro");
  return std::make_unique<MacroStatement>(name, std::move(parts));
}

StatementPtr Parser::parse_call_block() {
  MacroParts parts;
  parts.name = "caller";
  if (current().is_symbol("(")) parts.signature = parse_signature();
  const Token begin = current();
  ExpressionPtr expression = parse_expression();
  auto* const call = dynamic_cast<Call*>(expression.get());
  if (call == nullptr) fail_at(begin, "expected a call");
  (void)expression.release();  // NOLINT(bugprone-unused-return-value): `call` owns it now
  std::unique_ptr<Call> owned(call);
  parse_macro_body(parts, "endcall");
  return std::make_unique<CallBlock>(std::move(owned), std::move(parts));
}

// {% filter a | b %}: `a` is named without a bar before it.
std::vector<std::unique_ptr<FilterCall>> Parser::parse_filters(bool first_is_named) {
  std::vector<std::unique_ptr<FilterCall>> filters;
  while (first_is_named || skip_symbol("|")) {
    filters.push_back(parse_filter(nullptr));
    first_is_named = false;
  }
  return filters;
}

StatementPtr Parser::parse_filter_block() {
  auto filters = parse_filters(true);
  Body body = parse_block({"endfilter"});
  next();
  return std::make_unique<FilterBlock>(std::move(filters), std::move(body));
}

StatementPtr Parser::parse_named_block() {
  const std::string name = expect_any_name();
  const bool scoped = skip_name("scoped");
  skip_name("required");
  const Surroundings outer = std::exchange(around_, {});
  Body body = parse_block({"endblock"});
  next();
  skip_name(name);
  around_ = outer;
  return std::make_unique<Block>(scoped, std::move(body));
}

StatementPtr Parser::parse_print() {
  std::vector<ExpressionPtr> parts;
  while (!is_kind(Kind::block_end)) {
    if (!parts.empty()) expect_symbol(",");
    parts.push_back(parse_expression());
  }
  const int depth = depth_of(parts);
  return std::make_unique<Print>(make<Concat>(current().place.line, depth, std::move(parts)));
}

StatementPtr Parser::parse_generation() {
  const Surroundings outer = std::exchange(around_, {});
  Body body = parse_block({"endgeneration"});
  next();
  around_ = outer;
  return std::make_unique<Generation>(std::move(body));
}

StatementPtr Parser::parse_autoescape() {
  ExpressionPtr on = parse_expression();
  Body body = parse_block({"endautoescape"});
  next();
  return std::make_unique<Unescaped>(std::move(on), std::move(body));
}

Target Parser::parse_target_part(bool with_namespace, std::string_view end_name) {
  const Level level(*this);
  if (skip_symbol("(")) {
    Target target = parse_target(false, end_name);
    expect_symbol(")");
    return target;
  }
  const Token token = current();
  const std::string name = expect_any_name();
  constexpr std::string_view kConstants[] = {"true", "false", "none", "True", "False", "None"};
  if (std::ranges::find(kConstants, name) != std::end(kConstants)) fail_at(token, "can't assign to '" + name + "'");
  if (with_namespace && skip_symbol(".")) {
    return {.kind = Target::Kind::attribute, .name = intern(name), .attribute = expect_any_name(), .parts = {}};
  }
  return {.kind = Target::Kind::name, .name = intern(name), .attribute = {}, .parts = {}};
}

Target Parser::parse_target(bool with_namespace, std::string_view end_name) {
  std::vector<Target> parts;
  bool is_tuple = false;
  while (!(is_tuple_end(end_name) && is_tuple)) {
    parts.push_back(parse_target_part(with_namespace, end_name));
    if (!skip_symbol(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) return std::move(parts.front());
  return {.kind = Target::Kind::tuple, .name = 0, .attribute = {}, .parts = std::move(parts)};
}

}  // namespace skald::jinja
