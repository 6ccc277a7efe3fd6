// A template's source as tokens. Reference: jinja2.lexer, with trim_blocks and lstrip_blocks as transformers sets them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skald::jinja {

/// A place in a template, both from 1; columns count characters.
struct Place {
  int line = 1;
  int column = 1;
};

struct Token {
  enum class Kind : std::uint8_t {
    data,            // text between tags
    variable_begin,  // {{
    variable_end,    // }}
    block_begin,     // {%
    block_end,       // %}
    name,
    string,  // `text` is what it means
    integer,
    real,
    symbol,  // an operator or bracket
    end,
  };
  Kind kind = Kind::end;
  std::string text;
  Place place;

  [[nodiscard]] bool is_symbol(std::string_view symbol) const { return kind == Kind::symbol && text == symbol; }
  [[nodiscard]] bool is_name(std::string_view name) const { return kind == Kind::name && text == name; }
};

/// The last token is `end`. Throws SyntaxFailure.
std::vector<Token> tokenize(std::string_view source);

}  // namespace skald::jinja
