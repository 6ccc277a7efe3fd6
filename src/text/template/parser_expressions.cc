#include <algorithm>
#include <charconv>

#include "text/template/parser.h"

namespace skald::jinja {

using Kind = Token::Kind;

namespace {

std::string unknown_filter(const std::string& name) {
  if (name == "random") return "the filter 'random' is not offered: a prompt must be the same each time";
  const bool absent = name == "pprint" || name == "urlize";
  return absent ? "the filter '" + name + "' of jinja2 is not offered"
                : "there is no filter named '" + name.substr(0, 64) + "'";
}

}  // namespace

int depth_of(const ExpressionPtr& expression) { return expression ? expression->depth : 0; }

int depth_of(const std::vector<ExpressionPtr>& expressions) {
  int depth = 0;
  for (const ExpressionPtr& expression : expressions) depth = std::max(depth, depth_of(expression));
  return depth;
}

int depth_of(const CallArguments& arguments) {
  int depth = std::max({depth_of(arguments.positional), depth_of(arguments.rest), depth_of(arguments.named_rest)});
  for (const auto& [name, value] : arguments.named) depth = std::max(depth, depth_of(value));
  return depth;
}

ExpressionPtr Parser::parse_conditional() {
  const Level level(*this);
  const Surroundings outer = around_;
  const auto unknown = unknown_;
  int line = current().place.line;
  ExpressionPtr value = parse_or();
  while (skip_name("if")) {
    unknown_ = unknown;  // what stands before the `if` is in the condition too
    around_.lenient = true;
    ExpressionPtr test = parse_or();
    ExpressionPtr otherwise = skip_name("else") ? parse_conditional() : nullptr;
    const int depth = std::max({depth_of(value), depth_of(test), depth_of(otherwise)});
    value = make<Conditional>(line, depth, std::move(test), std::move(value), std::move(otherwise));
    line = current().place.line;
  }
  around_ = outer;
  return value;
}

void Parser::note_unknown(const Token& name, const std::string& message) {
  if (!around_.lenient && !unknown_) unknown_.emplace(name.place, message);
}

ExpressionPtr Parser::parse_or() {
  ExpressionPtr left = parse_and();
  while (is_kind(Kind::name) && current().text == "or") {
    const int line = next().place.line;
    ExpressionPtr right = parse_and();
    const int depth = std::max(depth_of(left), depth_of(right));
    left = make<Logical>(line, depth, false, std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_and() {
  ExpressionPtr left = parse_not();
  while (is_kind(Kind::name) && current().text == "and") {
    const int line = next().place.line;
    ExpressionPtr right = parse_not();
    const int depth = std::max(depth_of(left), depth_of(right));
    left = make<Logical>(line, depth, true, std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_not() {
  if (!current().is_name("not")) return parse_compare();
  const Level level(*this);
  const int line = next().place.line;
  ExpressionPtr operand = parse_not();
  const int depth = depth_of(operand);
  return make<Unary>(line, depth, '!', std::move(operand));
}

ExpressionPtr Parser::parse_compare() {
  static constexpr std::pair<std::string_view, Comparison> kSymbols[] = {
      {"==", Comparison::equal},      {"!=", Comparison::not_equal}, {"<", Comparison::less},
      {"<=", Comparison::less_equal}, {">", Comparison::greater},    {">=", Comparison::greater_equal}};
  const int line = current().place.line;
  ExpressionPtr first = parse_sum();
  std::vector<Compare::Operand> operands;
  int depth = depth_of(first);
  while (true) {
    const auto* const symbol =
        std::ranges::find_if(kSymbols, [&](const auto& s) { return current().is_symbol(s.first); });
    Comparison comparison = Comparison::in;
    if (symbol != std::end(kSymbols)) {
      comparison = symbol->second;
    } else if (current().is_name("not") && ahead().is_name("in")) {
      next();
      comparison = Comparison::not_in;
    } else if (!current().is_name("in")) {
      break;
    }
    next();
    operands.emplace_back(comparison, parse_sum());
    depth = std::max(depth, depth_of(operands.back().second));
  }
  if (operands.empty()) return first;
  return make<Compare>(line, depth, std::move(first), std::move(operands));
}

ExpressionPtr Parser::parse_sum() {
  ExpressionPtr left = parse_concat();
  while (current().is_symbol("+") || current().is_symbol("-")) {
    const Token token = next();
    ExpressionPtr right = parse_concat();
    const int depth = std::max(depth_of(left), depth_of(right));
    left = make<Binary>(token.place.line, depth, token.text == "+" ? Operator::add : Operator::subtract,
                        std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_concat() {
  const int line = current().place.line;
  std::vector<ExpressionPtr> parts;
  parts.push_back(parse_product());
  while (skip_symbol("~")) parts.push_back(parse_product());
  if (parts.size() == 1) return std::move(parts.front());
  const int depth = depth_of(parts);
  return make<Concat>(line, depth, std::move(parts));
}

ExpressionPtr Parser::parse_product() {
  static constexpr std::pair<std::string_view, Operator> kSymbols[] = {
      {"*", Operator::multiply}, {"/", Operator::divide}, {"//", Operator::floor_divide}, {"%", Operator::modulo}};
  ExpressionPtr left = parse_power();
  while (true) {
    const auto* const symbol =
        std::ranges::find_if(kSymbols, [&](const auto& s) { return current().is_symbol(s.first); });
    if (symbol == std::end(kSymbols)) return left;
    const int line = next().place.line;
    ExpressionPtr right = parse_power();
    const int depth = std::max(depth_of(left), depth_of(right));
    left = make<Binary>(line, depth, symbol->second, std::move(left), std::move(right));
  }
}

ExpressionPtr Parser::parse_power() {
  ExpressionPtr left = parse_unary(true);
  while (current().is_symbol("**")) {
    const int line = next().place.line;
    ExpressionPtr right = parse_unary(true);
    const int depth = std::max(depth_of(left), depth_of(right));
    left = make<Binary>(line, depth, Operator::power, std::move(left), std::move(right));
  }
  return left;
}

ExpressionPtr Parser::parse_unary(bool with_filters) {
  ExpressionPtr node;
  if (current().is_symbol("-") || current().is_symbol("+")) {
    const Level level(*this);
    const Token token = next();
    ExpressionPtr operand = parse_unary(false);
    const int depth = depth_of(operand);
    node = make<Unary>(token.place.line, depth, token.text[0], std::move(operand));
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filters ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPtr Parser::parse_constant_name(const Token& token) {
  const int line = token.place.line;
  if (token.text == "true" || token.text == "True") return make<Constant>(line, 0, Value(true));
  if (token.text == "false" || token.text == "False") return make<Constant>(line, 0, Value(false));
  if (token.text == "none" || token.text == "None") return make<Constant>(line, 0, Value());
  const NameId name = intern(token.text);
  read_.insert(name);
  return make<Name>(line, 0, name);
}

ExpressionPtr Parser::parse_primary() {
  if (current().is_symbol("[")) return parse_list();
  if (current().is_symbol("{")) return parse_dict();
  if (skip_symbol("(")) {
    ExpressionPtr node = parse_tuple({.parentheses = true});
    expect_symbol(")");
    return node;
  }
  const int line = current().place.line;
  if (is_kind(Kind::name)) return parse_constant_name(next());
  if (is_kind(Kind::string)) {
    std::string text;
    while (is_kind(Kind::string)) text += next().text;
    return make<Constant>(line, 0, make_string(std::move(text)));
  }
  if (is_kind(Kind::integer)) {
    const std::string digits = next().text;
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return make<Constant>(line, 0, Value(value));
  }
  if (is_kind(Kind::real)) {
    const std::string digits = next().text;
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc()) fail_here("a number is out of range");
    return make<Constant>(line, 0, Value(value));
  }
  fail_here("expected an expression, got " + described());
}

bool Parser::is_tuple_end(std::string_view end_name) const {
  return is_kind(Kind::variable_end) || is_kind(Kind::block_end) || current().is_symbol(")") ||
         (!end_name.empty() && current().is_name(end_name));
}

ExpressionPtr Parser::parse_tuple(const TupleRules& rules) {
  const int line = current().place.line;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (!is_tuple_end(rules.end_name)) {
    items.push_back(rules.conditionals ? parse_expression() : parse_or());
    if (!skip_symbol(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !items.empty()) return std::move(items.front());
  if (!is_tuple && !rules.parentheses) fail_here("expected an expression, got " + described());
  const int depth = depth_of(items);
  return make<Row>(line, depth, std::move(items), Sequence::Kind::tuple);
}

ExpressionPtr Parser::parse_list() {
  const int line = next().place.line;
  std::vector<ExpressionPtr> items;
  while (!current().is_symbol("]")) {
    if (!items.empty()) expect_symbol(",");
    if (current().is_symbol("]")) break;
    items.push_back(parse_expression());
  }
  next();
  const int depth = depth_of(items);
  return make<Row>(line, depth, std::move(items), Sequence::Kind::list);
}

ExpressionPtr Parser::parse_dict() {
  const int line = next().place.line;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
  int depth = 0;
  while (!current().is_symbol("}")) {
    if (!items.empty()) expect_symbol(",");
    if (current().is_symbol("}")) break;
    ExpressionPtr key = parse_expression();
    expect_symbol(":");
    ExpressionPtr value = parse_expression();
    depth = std::max({depth, depth_of(key), depth_of(value)});
    items.emplace_back(std::move(key), std::move(value));
  }
  next();
  return make<DictDisplay>(line, depth, std::move(items));
}

ExpressionPtr Parser::parse_postfix(ExpressionPtr node) {
  while (true) {
    if (current().is_symbol(".") || current().is_symbol("[")) {
      node = parse_subscript(std::move(node));
    } else if (current().is_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr Parser::parse_filters_and_tests(ExpressionPtr node) {
  while (true) {
    if (skip_symbol("|")) {
      node = parse_filter(std::move(node));
    } else if (skip_name("is")) {
      node = parse_test(std::move(node));
    } else if (current().is_symbol("(")) {
      node = parse_call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr Parser::parse_subscript(ExpressionPtr object) {
  const Token begin = next();
  const int depth = depth_of(object);
  if (begin.text == "[") return parse_subscribed(std::move(object));
  if (is_kind(Kind::name)) return make<GetAttribute>(begin.place.line, depth, std::move(object), next().text);
  if (!is_kind(Kind::integer)) fail_here("expected a name or number behind the dot, got " + described());
  ExpressionPtr key = parse_primary();
  return make<GetItem>(begin.place.line, depth, std::move(object), std::move(key));
}

// [key], [a, b], [start:stop:step]
ExpressionPtr Parser::parse_subscribed(ExpressionPtr object) {
  const int line = current().place.line;
  const auto ends = [this] { return current().is_symbol("]") || current().is_symbol(","); };
  std::vector<ExpressionPtr> keys;
  GetSlice::Bounds bounds;
  bool is_slice = false;
  while (!current().is_symbol("]")) {
    if (!keys.empty()) expect_symbol(",");
    ExpressionPtr key = current().is_symbol(":") ? nullptr : parse_expression();
    if (skip_symbol(":")) {
      is_slice = true;
      bounds.start = std::move(key);
      if (!current().is_symbol(":") && !ends()) bounds.stop = parse_expression();
      if (skip_symbol(":") && !ends()) bounds.step = parse_expression();
      if (!current().is_symbol("]")) fail_here("a slice has no part beside it: expected ']', got " + described());
      break;
    }
    keys.push_back(std::move(key));
  }
  next();
  if (is_slice && !keys.empty()) fail_here("a slice has no part beside it");
  if (is_slice) {
    const int depth =
        std::max({depth_of(object), depth_of(bounds.start), depth_of(bounds.stop), depth_of(bounds.step)});
    return make<GetSlice>(line, depth, std::move(object), std::move(bounds));
  }
  const int depth = std::max(depth_of(object), depth_of(keys));
  ExpressionPtr key = keys.size() == 1 ? std::move(keys.front())
                                       : make<Row>(line, depth_of(keys), std::move(keys), Sequence::Kind::tuple);
  return make<GetItem>(line, depth + 1, std::move(object), std::move(key));
}

ExpressionPtr Parser::parse_call(ExpressionPtr function) {
  const int line = current().place.line;
  CallArguments arguments = parse_arguments();
  const int depth = std::max(depth_of(function), depth_of(arguments));
  return make<Call>(line, depth, std::move(function), std::move(arguments));
}

CallArguments Parser::parse_arguments() {
  CallArguments arguments;
  expect_symbol("(");
  bool first = true;
  while (!current().is_symbol(")")) {
    if (!std::exchange(first, false)) expect_symbol(",");
    if (current().is_symbol(")")) break;
    parse_argument(arguments);
  }
  next();
  return arguments;
}

void Parser::parse_argument(CallArguments& arguments) {
  const auto ensure = [this](bool held) {
    if (!held) fail_here("invalid syntax for function call expression");
  };
  if (current().is_symbol("*")) {
    ensure(!arguments.rest && !arguments.named_rest);
    next();
    arguments.rest = parse_expression();
  } else if (current().is_symbol("**")) {
    ensure(!arguments.named_rest);
    next();
    arguments.named_rest = parse_expression();
  } else if (is_kind(Kind::name) && ahead().is_symbol("=")) {
    ensure(!arguments.named_rest);
    std::string name = next().text;
    next();
    arguments.named.emplace_back(std::move(name), parse_expression());
  } else {
    ensure(!arguments.rest && !arguments.named_rest && arguments.named.empty());
    arguments.positional.push_back(parse_expression());
  }
}

std::string Parser::parse_dotted_name() {
  std::string name = expect_any_name();
  while (skip_symbol(".")) name += "." + expect_any_name();
  return name;
}

std::unique_ptr<FilterCall> Parser::parse_filter(ExpressionPtr input) {
  const Token begin = current();
  std::string name = parse_dotted_name();
  if (find_filter(name) == nullptr) note_unknown(begin, unknown_filter(name));
  CallArguments arguments;
  if (current().is_symbol("(")) arguments = parse_arguments();
  const int depth = std::max(depth_of(input), depth_of(arguments));
  return make<FilterCall>(begin.place.line, depth, std::move(input), std::move(name), std::move(arguments));
}

ExpressionPtr Parser::parse_test(ExpressionPtr input) {
  const bool negated = skip_name("not");
  const Token begin = current();
  std::string name = parse_dotted_name();
  if (find_test(name) == nullptr) note_unknown(begin, "there is no test named '" + name.substr(0, 64) + "'");
  CallArguments arguments;
  const bool named_argument =
      is_kind(Kind::name) && !current().is_name("else") && !current().is_name("or") && !current().is_name("and");
  if (current().is_symbol("(")) {
    arguments = parse_arguments();
  } else if (named_argument || is_kind(Kind::string) || is_kind(Kind::integer) || is_kind(Kind::real) ||
             current().is_symbol("[") || current().is_symbol("{")) {
    if (current().is_name("is")) fail_here("tests cannot be chained with 'is'");
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  const int depth = std::max(depth_of(input), depth_of(arguments));
  ExpressionPtr test = make<TestCall>(begin.place.line, depth, std::move(input), std::move(name), std::move(arguments));
  if (!negated) return test;
  return make<Unary>(begin.place.line, depth + 1, '!', std::move(test));
}

}  // namespace skald::jinja
