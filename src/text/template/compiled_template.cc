#include "text/template/compiled_template.h"

#include "base/utf8.h"
#include "skald/chat.h"
#include "skald/error.h"
#include "text/template/builtins.h"
#include "text/template/lexer.h"
#include "text/template/nodes.h"

namespace skald::jinja {
namespace {

constexpr std::size_t kMaxSourceBytes = 4U << 20;
constexpr std::size_t kMaxMessage = 1024;  // of what a template raises

std::string line_name(int line) { return "line " + std::to_string(line); }

[[noreturn]] void refuse(const SyntaxFailure& failure, const std::string& name) {
  throw FormatError({.file = name,
                     .field = line_name(failure.line) + ", column " + std::to_string(failure.column),
                     .rule = failure.what()});
}

[[noreturn]] void refuse(const Failure& failure, const std::string& name) {
  std::string message = failure.what();
  if (message.size() > kMaxMessage) message.resize(kMaxMessage);
  ErrorFields fields{.file = name, .field = failure.line > 0 ? line_name(failure.line) : "", .rule = message};
  if (failure.limit) throw LimitError(std::move(fields));
  throw TemplateError(std::move(fields), failure.raised ? std::string(failure.what()) : std::string());
}

std::string literals_of(const std::string& source) {
  std::string out;
  for (const Token& token : tokenize(source)) {
    if (token.kind == Token::Kind::data || token.kind == Token::Kind::string) (out += token.text) += '\0';
  }
  return out;
}

}  // namespace

CompiledTemplate::CompiledTemplate(std::string source, std::string name)
    : source_(std::move(source)), name_(std::move(name)) {
  if (source_.size() > kMaxSourceBytes) {
    throw LimitError({.file = name_, .rule = "a template has at most " + std::to_string(kMaxSourceBytes) + " bytes"});
  }
  if (const std::size_t offset = first_invalid_utf8(source_); offset != source_.size()) {
    throw FormatError({.file = name_, .offset = offset, .rule = "is not UTF-8"});
  }
  try {
    literals_ = literals_of(source_);
    template_ = std::make_unique<const Template>(parse(source_));
  } catch (const SyntaxFailure& failure) {
    refuse(failure, name_);
  }
}

CompiledTemplate::~CompiledTemplate() = default;
CompiledTemplate::CompiledTemplate(CompiledTemplate&&) noexcept = default;
CompiledTemplate& CompiledTemplate::operator=(CompiledTemplate&&) noexcept = default;

Rendered CompiledTemplate::render(const json::Object& variables, const json::Object& tokens,
                                  const Limits& limits) const {
  try {
    Machine machine(limits, template_->names);
    add_globals(machine);
    for (const json::Member& token : tokens)
      machine.set_global(token.key, from_json(token.value, Origin::from_template));
    for (const json::Member& member : variables) machine.set_global(member.key, from_json(member.value));
    Frame frame{machine, machine.top, &machine.output};
    frame.run(template_->body);
    return {.text = std::move(machine.output), .generated = std::move(machine.generated)};
  } catch (const Failure& failure) {
    refuse(failure, name_);
  }
}

}  // namespace skald::jinja
