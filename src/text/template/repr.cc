// str() and repr(), as Python has them.
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/template/builtins.h"
#include "text/template/characters.h"
#include "text/template/loop.h"
#include "text/template/macro.h"

namespace skald::jinja {
namespace {

// A character as repr() writes it where it does not print.
void append_escape(TrackedText& out, char32_t code, Origin origin) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t length = code <= 0xff ? 2 : code <= 0xffff ? 4 : 8;
  std::string text = length == 2 ? "\\x" : length == 4 ? "\\u" : "\\U";
  for (std::size_t i = length; i-- > 0;) text += kDigits[code >> (4 * i) & 15];
  out.append(text, origin);
}

void append_quoted(TrackedText& out, const TrackedText& text) {
  const std::string& bytes = text.bytes();
  const bool doubled = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos;
  const char quote = doubled ? '"' : '\'';
  out.append({&quote, 1});
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = character_length(std::string_view(bytes).substr(at));
    const char32_t code = character_at(bytes, at);
    constexpr std::string_view kNamed = "\n\r\t\\", kLetters = "nrt\\";
    const std::size_t named = code < 0x80 ? kNamed.find(static_cast<char>(code)) : std::string_view::npos;
    if (named != std::string_view::npos) {
      out.append(std::string("\\") + kLetters[named], text.origin(at));
    } else if (code == static_cast<unsigned char>(quote)) {
      out.append(std::string("\\") + quote, text.origin(at));
    } else if (!is_in(code, CharClass::printable)) {
      append_escape(out, code, text.origin(at));
    } else {
      out.append(text, at, at + length);
    }
    at += length;
  }
  out.append({&quote, 1});
}

void append_repr(Frame& frame, const Value& value, TrackedText& out);

void append_items(Frame& frame, const std::vector<Value>& values, TrackedText& out) {
  bool first = true;
  for (const Value& value : values) {
    if (!std::exchange(first, false)) out.append(", ");
    append_repr(frame, value, out);
  }
}

void append_sequence(Frame& frame, const Sequence& sequence, TrackedText& out) {
  switch (sequence.kind) {
    case Sequence::Kind::list:
      out.append("[");
      append_items(frame, sequence.values, out);
      return out.append("]");
    case Sequence::Kind::tuple:
    case Sequence::Kind::group:
      out.append("(");
      append_items(frame, sequence.values, out);
      return out.append(sequence.values.size() == 1 ? ",)" : ")");
    case Sequence::Kind::range:
      out.append("range(" + std::to_string(sequence.start) + ", " + std::to_string(sequence.stop));
      if (sequence.step != 1) out.append(", " + std::to_string(sequence.step));
      return out.append(")");
    default:
      out.append(sequence.kind == Sequence::Kind::keys     ? "dict_keys(["
                 : sequence.kind == Sequence::Kind::values ? "dict_values(["
                                                           : "dict_items([");
      append_items(frame, sequence.values, out);
      return out.append("])");
  }
}

void append_dict(Frame& frame, const Dict& dict, TrackedText& out) {
  out.append("{");
  bool first = true;
  for (const auto& [key, value] : dict.items()) {
    if (!std::exchange(first, false)) out.append(", ");
    append_repr(frame, key, out);
    out.append(": ");
    append_repr(frame, value, out);
  }
  out.append("}");
}

void append_object(Frame& frame, const Value& value, TrackedText& out) {
  if (const auto* const space = value.as<Namespace>()) {
    out.append("<Namespace ");
    append_dict(frame, space->attributes, out);
    out.append(">");
  } else if (const auto* const macro = value.as<Macro>()) {
    out.append("<Macro " + quoted_name(macro->name()) + ">");
  } else if (auto* const loop = value.as<Loop>()) {
    out.append("<LoopContext " + std::to_string(loop->index()) + "/" + std::to_string(loop->length(frame)) + ">");
  } else {
    out.append("<" + value.type_name() + " object>");
  }
}

void append_repr(Frame& frame, const Value& value, TrackedText& out) {
  const Deeper deeper(frame.machine);
  frame.machine.step();
  if (value.is_string()) {
    if (value.string().markup) out.append("Markup(");
    append_quoted(out, value.text());
    if (value.string().markup) out.append(")");
  } else if (value.is_sequence()) {
    append_sequence(frame, value.sequence(), out);
  } else if (value.is_dict()) {
    append_dict(frame, value.dict(), out);
  } else if (value.is_undefined()) {
    out.append("Undefined");
  } else {
    out.append(to_text(frame, value));
  }
  frame.machine.make_room(out.size());
}

}  // namespace

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = text.find('e');
  int exponent = 0;
  const char* const digits_begin = text.data() + mark + (text[mark + 1] == '+' ? 2 : 1);
  std::from_chars(digits_begin, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 16) return std::string(text);  // 1e+16: the exponent has two digits at least
  std::string digits;
  for (const char c : text.substr(0, mark)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const std::string sign = value < 0 || std::signbit(value) ? "-" : "";
  if (exponent < 0) return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < whole) digits.append(whole - digits.size(), '0');
  const std::string fraction = digits.substr(whole);
  return sign + digits.substr(0, whole) + "." + (fraction.empty() ? "0" : fraction);
}

TrackedText to_text(Frame& frame, const Value& value) {
  if (value.is_string()) return value.text();
  if (value.is_undefined()) return {};
  if (value.is_none()) return TrackedText("None");
  if (value.is_bool()) return TrackedText(value.as_bool() ? "True" : "False");
  if (value.is_integer()) return TrackedText(std::to_string(value.as_integer()));
  if (value.is_float()) return TrackedText(float_repr(value.as_float()));
  TrackedText out;
  if (value.is_object()) {
    const Deeper deeper(frame.machine);
    append_object(frame, value, out);
  } else {
    append_repr(frame, value, out);
  }
  return out;
}

TrackedText repr(Frame& frame, const Value& value) {
  TrackedText out;
  append_repr(frame, value, out);
  return out;
}

std::string quoted_name(std::string_view name) {
  TrackedText out;
  append_quoted(out, TrackedText(std::string(name.substr(0, 256))));
  return out.bytes();
}

TrackedText escaped(const TrackedText& text) {
  constexpr std::string_view kSpecial = "&<>'\"";
  constexpr std::string_view kEntities[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  TrackedText out;
  std::size_t at = 0;
  for (std::size_t next = 0; (next = text.bytes().find_first_of(kSpecial, at)) != std::string::npos; at = next + 1) {
    out.append(text, at, next);
    out.append(kEntities[kSpecial.find(text.bytes()[next])], text.origin(next));
  }
  out.append(text, at, text.size());
  return out;
}

}  // namespace skald::jinja
