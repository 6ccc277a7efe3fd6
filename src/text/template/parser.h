// Reads tokens into nodes. Reference: jinja2.parser, with the tags of jinja2.ext.loopcontrols and `generation`.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>

#include "text/template/lexer.h"
#include "text/template/statements.h"

namespace skald::jinja {

inline constexpr int kMaxNesting = 256;  // of brackets, operators and blocks in one another

class Parser {
 public:
  explicit Parser(std::string_view source);
  Template parse();

 private:
  using Names = std::initializer_list<std::string_view>;
  /// One level of brackets or blocks, while it lives.
  struct Level {
    explicit Level(Parser& of) : parser(of) {
      if (++parser.nesting_ > kMaxNesting) parser.fail_nesting();
    }
    ~Level() { --parser.nesting_; }
    Parser& parser;
  };

  // Tokens.
  [[nodiscard]] const Token& current() const { return tokens_[at_]; }
  [[nodiscard]] const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token next();
  [[nodiscard]] bool is_kind(Token::Kind kind) const { return current().kind == kind; }
  bool skip_symbol(std::string_view symbol);
  bool skip_name(std::string_view name);
  void expect_symbol(std::string_view symbol);
  void expect_name(std::string_view name);
  std::string expect_any_name();
  void expect(Token::Kind kind, const char* what);
  [[noreturn]] void fail_at(const Token& token, const std::string& message) const;
  [[noreturn]] void fail_here(const std::string& message) const { fail_at(current(), message); }
  [[noreturn]] void fail_nesting() const;
  [[nodiscard]] std::string described() const;
  NameId intern(const std::string& name);

  // Statements (parser.cc).
  Body parse_body(Names ends);
  Body parse_block(Names ends);
  [[nodiscard]] bool at_end(Names ends) const;
  [[noreturn]] void fail_unknown_tag(const Token& tag, Names ends) const;
  StatementPtr parse_statement(Names ends);
  StatementPtr parse_tag(const std::string& tag);
  StatementPtr parse_if();
  StatementPtr parse_for();
  StatementPtr parse_set();
  StatementPtr parse_with();
  StatementPtr parse_macro();
  StatementPtr parse_call_block();
  StatementPtr parse_filter_block();
  StatementPtr parse_named_block();
  StatementPtr parse_print();
  StatementPtr parse_generation();
  StatementPtr parse_autoescape();
  Signature parse_signature();
  void parse_macro_body(MacroParts& parts, std::string_view end);
  std::vector<std::unique_ptr<FilterCall>> parse_filters(bool first_is_named);
  Target parse_target(bool with_namespace, std::string_view end_name);
  Target parse_target_part(bool with_namespace, std::string_view end_name);

  // Expressions (parser_expressions.cc).
  ExpressionPtr parse_expression() { return parse_conditional(); }
  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_constant_name(const Token& token);
  ExpressionPtr parse_postfix(ExpressionPtr node);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr node);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  ExpressionPtr parse_subscribed(ExpressionPtr object);
  ExpressionPtr parse_call(ExpressionPtr function);
  CallArguments parse_arguments();
  void parse_argument(CallArguments& arguments);
  std::unique_ptr<FilterCall> parse_filter(ExpressionPtr input);
  ExpressionPtr parse_test(ExpressionPtr input);
  void note_unknown(const Token& name, const std::string& message);
  std::string parse_dotted_name();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  struct TupleRules {
    bool conditionals = true;        // `a if b else c` may stand in it
    bool parentheses = false;        // it stands in them: it may be empty
    std::string_view end_name = {};  // a name that ends it
  };
  ExpressionPtr parse_tuple(const TupleRules& rules);
  [[nodiscard]] bool is_tuple_end(std::string_view end_name) const;

  /// A node whose parts are `depth` levels deep.
  template <typename Node, typename... Args>
  std::unique_ptr<Node> make(int line, int depth, Args&&... args) {
    auto node = std::make_unique<Node>(std::forward<Args>(args)...);
    node->line = line;
    node->depth = depth + 1;
    if (node->depth > kMaxNesting) fail_nesting();
    return node;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  // What stands around a statement; macros, blocks and generations begin anew.
  struct Surroundings {
    bool lenient = false;  // inside a condition, where jinja2 looks for filters and tests only when it gets there
    bool in_loop = false;  // that break and continue can leave
  };
  Surroundings around_;
  std::optional<std::pair<Place, std::string>> unknown_;  // the first filter or test outside of conditions
  std::vector<std::string> open_tags_;
  std::vector<std::string> names_;
  std::map<std::string, NameId, std::less<>> ids_;
  std::set<NameId> read_;  // names that expressions read, since a macro's body began
};

/// The depth of a node's parts.
int depth_of(const ExpressionPtr& expression);
int depth_of(const std::vector<ExpressionPtr>& expressions);
int depth_of(const CallArguments& arguments);

}  // namespace skald::jinja
