// `format % values`, str.format and format specs. Reference: Python's library reference, "Format String Syntax" and
// "printf-style String Formatting".
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/template/builtins.h"
#include "text/template/characters.h"

namespace skald::jinja {
namespace {

constexpr std::int64_t kMaxPrecision = 1000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// How a value is written: [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = '\0';
  char sign = '-';
  bool alternate = false;
  std::int64_t width = 0;
  char grouping = '\0';
  std::optional<std::int64_t> precision = {};
  char type = '\0';
};

std::int64_t take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) fail("Too many decimal digits in format string");
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

Spec parse_spec(std::string_view text) {
  constexpr std::string_view kAligns = "<>=^";
  Spec spec;
  const std::size_t first = text.empty() ? 0 : character_length(text);
  if (first < text.size() && kAligns.find(text[first]) != std::string_view::npos) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    text.remove_prefix(first + 1);
  } else if (!text.empty() && kAligns.find(text[0]) != std::string_view::npos) {
    spec.align = text[0];
    text.remove_prefix(1);
  }
  if (!text.empty() && std::string_view("+- ").find(text[0]) != std::string_view::npos) {
    spec.sign = text[0];
    text.remove_prefix(1);
  }
  spec.alternate = take(text, '#');
  if (take(text, '0')) {
    if (spec.align == '\0') {
      spec.fill = "0";
      spec.align = '=';
    }
  }
  if (!text.empty() && is_digit(text[0])) spec.width = take_number(text);
  if (!text.empty() && (text[0] == ',' || text[0] == '_')) {
    spec.grouping = text[0];
    text.remove_prefix(1);
  }
  if (take(text, '.')) {
    if (text.empty() || !is_digit(text[0])) fail("Format specifier missing precision");
    spec.precision = take_number(text);
  }
  if (text.size() > 1) fail("Invalid format specifier");
  if (!text.empty()) spec.type = text[0];
  return spec;
}

// `head` (a sign, 0x) stays before the padding of '='.
TrackedText padded(Frame& frame, const Spec& spec, const std::string& head, const TrackedText& body, char align) {
  const std::size_t size = head.size() + count_characters(body.bytes());
  const std::size_t missing =
      spec.width > static_cast<std::int64_t>(size) ? static_cast<std::size_t>(spec.width) - size : 0;
  frame.machine.make_room(body.size() + missing);
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  TrackedText out;
  const auto pad = [&](std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) out.append(spec.fill);
  };
  if (align == '=') out.append(head);
  pad(left);
  if (align != '=') out.append(head);
  out.append(body);
  pad(missing - left);
  return out;
}

// Digits in groups of three, counted from the right.
std::string grouped(const std::string& digits, char separator, std::size_t group) {
  if (separator == '\0') return digits;
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % group == 0) out += separator;
    out += digits[i];
  }
  return out;
}

// A finite or infinite number, not negative, as %e, %f, %g write it.
std::string float_digits(double value, char type, std::int64_t precision) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return "inf";
  if (precision > kMaxPrecision) fail_limit("a precision is over " + std::to_string(kMaxPrecision));
  const auto format = type == 'e'   ? std::chars_format::scientific
                      : type == 'f' ? std::chars_format::fixed
                                    : std::chars_format::general;
  std::string out(400 + static_cast<std::size_t>(precision), '\0');
  const int digits = type == 'g' ? std::max(static_cast<int>(precision), 1) : static_cast<int>(precision);
  out.resize(static_cast<std::size_t>(std::to_chars(out.data(), out.data() + out.size(), value, format, digits).ptr -
                                      out.data()));
  return out;
}

// Without a type, with a precision: as %g, but never without a point, and with an exponent one digit earlier.
std::string untyped_digits(double value, std::int64_t precision) {
  std::string general = float_digits(value, 'g', precision);
  if (!std::isfinite(value)) return general;
  const std::string scientific = float_digits(value, 'e', std::max<std::int64_t>(precision - 1, 0));
  int exponent = 0;
  const std::size_t mark = scientific.find('e');
  std::from_chars(scientific.data() + mark + (scientific[mark + 1] == '+' ? 2 : 1),
                  scientific.data() + scientific.size(), exponent);
  if (exponent >= precision - 1 && general.find('e') == std::string::npos) {
    std::string digits = scientific.substr(0, mark);
    if (digits.find('.') != std::string::npos) digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
    return digits + scientific.substr(mark);
  }
  return general.find_first_of(".e") == std::string::npos ? general + ".0" : general;
}

std::string sign_of(bool negative, char sign) { return negative ? "-" : sign == '-' ? "" : std::string(1, sign); }

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

TrackedText format_float(Frame& frame, double value, const Spec& spec) {
  constexpr std::string_view kTypes = "eEfFgGn%";
  if (spec.type != '\0' && kTypes.find(spec.type) == std::string_view::npos) {
    fail(std::string("Unknown format code '") + spec.type + "' for object of type 'float'");
  }
  const bool negative = std::signbit(value) && !std::isnan(value);
  const double size = std::abs(value) * (spec.type == '%' ? 100 : 1);
  std::string digits;
  if (spec.type == '\0') {
    digits = spec.precision ? untyped_digits(size, *spec.precision) : float_repr(size);
  } else {
    const char type = spec.type == '%' ? 'f' : spec.type == 'n' ? 'g' : static_cast<char>(spec.type | 0x20);
    digits = float_digits(size, type, spec.precision.value_or(6));
  }
  const std::size_t whole = std::min(digits.find_first_of(".e"), digits.size());
  if (std::isfinite(value)) digits = grouped(digits.substr(0, whole), spec.grouping, 3) + digits.substr(whole);
  if (spec.type == 'E' || spec.type == 'F' || spec.type == 'G') digits = upper(digits);
  if (spec.type == '%') digits += '%';
  return padded(frame, spec, sign_of(negative, spec.sign), TrackedText(digits), spec.align != '\0' ? spec.align : '>');
}

std::string integer_digits(std::int64_t value, int base) {
  char buffer[72];
  const auto size = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), size, base).ptr};
}

TrackedText format_integer(Frame& frame, std::int64_t value, const Spec& spec) {
  if (std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos && spec.type != '\0') {
    return format_float(frame, static_cast<double>(value), spec);
  }
  if (spec.precision) fail("Precision not allowed in integer format specifier");
  const char align = spec.align != '\0' ? spec.align : '>';
  if (spec.type == 'c') {
    if (value < 0 || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) fail("%c arg not in range(0x110000)");
    std::string character;
    append_utf8(character, static_cast<char32_t>(value));
    return padded(frame, spec, "", TrackedText(character), align == '>' && spec.align == '\0' ? '<' : align);
  }
  const int base = spec.type == 'x' || spec.type == 'X' ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10;
  if (base == 10 && std::string_view("dn").find(spec.type) == std::string_view::npos && spec.type != '\0') {
    fail(std::string("Unknown format code '") + spec.type + "' for object of type 'int'");
  }
  std::string digits = grouped(integer_digits(value, base), spec.grouping, base == 10 ? 3 : 4);
  std::string head = sign_of(value < 0, spec.sign);
  if (spec.alternate && base != 10) head += std::string("0") + static_cast<char>(spec.type);
  if (spec.type == 'X') digits = upper(digits);
  return padded(frame, spec, head, TrackedText(digits), align);
}

// The first `precision` characters.
TrackedText cut(const TrackedText& text, std::optional<std::int64_t> precision) {
  std::size_t end = 0;
  for (std::int64_t n = precision.value_or(0); n > 0 && end < text.size(); --n) {
    end += character_length(std::string_view(text.bytes()).substr(end));
  }
  return precision ? text.slice(0, end) : text;
}

TrackedText format_string(Frame& frame, const TrackedText& text, const Spec& spec) {
  if (spec.type != '\0' && spec.type != 's') {
    fail(std::string("Unknown format code '") + spec.type + "' for object of type 'str'");
  }
  if (spec.align == '=' && spec.fill != "0") fail("'=' alignment not allowed in string format specifier");
  if (spec.sign != '-') fail("Sign not allowed in string format specifier");
  if (spec.grouping != '\0') fail(std::string("Cannot specify '") + spec.grouping + "' with 's'.");
  const char align = spec.align == '\0' || spec.align == '=' ? '<' : spec.align;
  return padded(frame, spec, "", cut(text, spec.precision), align);
}

// `format % values`, piece by piece.
class PercentFormat {
 public:
  PercentFormat(Frame& frame, const Value& format, const Value& values)
      : frame_(frame), format_(format.text()), markup_(format.string().markup), values_(values) {
    if (values.is_sequence() && values.sequence().is_tuple())
      arguments_ = values.sequence().values;
    else
      arguments_ = {values};
  }

  Value run() {
    const std::string& bytes = format_.bytes();
    while (at_ < bytes.size()) {
      const std::size_t next = std::min(bytes.find('%', at_), bytes.size());
      out_.append(format_, at_, next);
      at_ = next + 1;
      if (next < bytes.size()) directive();
      frame_.machine.make_room(out_.size());
    }
    const bool is_mapping = values_.is_dict() || values_.is_undefined() ||
                            (values_.is_sequence() && !values_.sequence().is_tuple() && !values_.sequence().is_view());
    if (used_ < arguments_.size() && !is_mapping && !by_name_) {
      fail("not all arguments converted during string formatting");
    }
    return frame_.machine.text(std::move(out_), markup_);
  }

 private:
  char peek() const {
    if (at_ >= format_.size()) fail("incomplete format");
    return format_.bytes()[at_];
  }

  const Value& argument() {
    if (by_name_) return named_;
    if (used_ >= arguments_.size()) fail("not enough arguments for format string");
    return arguments_[used_++];
  }

  void name() {
    if (peek() != '(') return;
    if (!values_.is_dict()) fail("format requires a mapping");
    const std::size_t end = format_.bytes().find(')', at_);
    if (end == std::string::npos) fail("incomplete format key");
    const std::string key = format_.bytes().substr(at_ + 1, end - at_ - 1);
    const Value* const found = values_.dict().find(key);
    if (found == nullptr) fail("there is no key " + quoted_name(key));
    named_ = *found;
    by_name_ = true;
    at_ = end + 1;
  }

  std::int64_t number() {
    if (peek() == '*') {
      ++at_;
      return need_integer(argument(), "*");
    }
    std::string_view rest = std::string_view(format_.bytes()).substr(at_);
    const std::size_t before = rest.size();
    const std::int64_t value = is_digit(peek()) ? take_number(rest) : 0;
    at_ += before - rest.size();
    return value;
  }

  void directive() {
    name();
    Spec spec;
    bool left = false, zero = false;
    for (;; ++at_) {
      const char c = peek();
      if (c == '-')
        left = true;
      else if (c == '0')
        zero = true;
      else if (c == '+')
        spec.sign = '+';
      else if (c == ' ')
        spec.sign = spec.sign == '+' ? '+' : ' ';
      else if (c == '#')
        spec.alternate = true;
      else
        break;
    }
    spec.width = number();
    if (spec.width < 0) {
      left = true;
      spec.width = -spec.width;
    }
    if (peek() == '.') {
      ++at_;
      spec.precision = std::max<std::int64_t>(number(), 0);
    }
    while (std::string_view("hlL").find(peek()) != std::string_view::npos) ++at_;
    spec.type = peek();
    ++at_;
    spec.align = left ? '<' : '>';
    if (spec.type == '%') return out_.append("%");
    write(spec, zero && !left);
  }

  void write(Spec spec, bool zero) {
    const Value& value = argument();
    const char type = spec.type;
    if (type == 's' || type == 'r' || type == 'a') {
      spec.type = 's';
      spec.sign = '-';
      frame_.machine.read(value);
      TrackedText text = type == 's' ? to_text(frame_, value) : repr(frame_, value);
      if (markup_ && !(value.is_string() && value.string().markup)) text = escaped(text);
      return out_.append(format_string(frame_, text, spec));
    }
    if (type == 'c' && value.is_string()) {
      frame_.machine.read(value);
      if (count_characters(value.bytes()) != 1) fail("%c requires int or char");
      spec.type = 's';
      return out_.append(format_string(frame_, value.text(), spec));
    }
    if (std::string_view("diuoxXcfFeEgG").find(type) == std::string_view::npos) {
      fail("unsupported format character '" + std::string(1, type) + "'");
    }
    if (value.is_undefined()) fail(value.as_undefined().message);
    if (!value.is_number()) {
      const bool needs_float = std::string_view("fFeEgG").find(type) != std::string_view::npos;
      fail(needs_float ? "must be real number, not " + value.type_name()
                       : std::string("%") + type + " format: a real number is required, not " + value.type_name());
    }
    if (zero) {
      spec.fill = "0";
      spec.align = '=';
    }
    write_number(spec, value);
  }

  void write_number(Spec spec, const Value& value) {
    if (std::string_view("fFeEgG").find(spec.type) != std::string_view::npos) {
      return out_.append(format_float(frame_, value.as_float(), spec));
    }
    if (value.is_float() && std::string_view("oxXc").find(spec.type) != std::string_view::npos) {
      fail(std::string("%") + spec.type + " format: an integer is required, not float");
    }
    if (value.is_float() && !(std::abs(value.as_float()) < 0x1p63)) fail_limit("an integer gets more than 64 bits");
    const std::int64_t number = value.is_float() ? static_cast<std::int64_t>(value.as_float()) : value.as_integer();
    if (spec.type == 'd' || spec.type == 'i' || spec.type == 'u') spec.type = 'd';
    const std::int64_t least = spec.precision.value_or(0);
    spec.precision.reset();
    if (least == 0) return out_.append(format_integer(frame_, number, spec));
    if (least > kMaxPrecision) fail_limit("a precision is over " + std::to_string(kMaxPrecision));
    const int base = spec.type == 'd' ? 10 : spec.type == 'o' ? 8 : 16;
    std::string digits = integer_digits(number, base);
    if (digits.size() < static_cast<std::size_t>(least))
      digits.insert(0, static_cast<std::size_t>(least) - digits.size(), '0');
    std::string head = sign_of(number < 0, spec.sign);
    if (spec.alternate && base != 10) head += std::string("0") + spec.type;
    if (spec.type == 'X') digits = upper(digits);
    out_.append(padded(frame_, spec, head, TrackedText(digits), spec.align));
  }

  Frame& frame_;
  TrackedText format_;
  bool markup_;
  Value values_;
  std::vector<Value> arguments_;
  std::size_t used_ = 0;
  bool by_name_ = false;
  Value named_;
  std::size_t at_ = 0;
  TrackedText out_;
};

// format.format(...): {}, {0}, {name.attribute[item]!r:spec}
class BraceFormat {
 public:
  BraceFormat(Frame& frame, const Arguments& arguments, bool markup)
      : frame_(frame), arguments_(arguments), markup_(markup) {}

  TrackedText run(const TrackedText& format, int depth) {
    if (depth > 2) fail("Max string recursion exceeded");
    const std::string& bytes = format.bytes();
    TrackedText out;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
      out.append(format, at, brace);
      at = brace;
      if (brace == bytes.size()) break;
      if (brace + 1 < bytes.size() && bytes[brace + 1] == bytes[brace]) {
        out.append(format, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      if (bytes[brace] == '}') fail("Single '}' encountered in format string");
      const std::size_t end = field_end(bytes, brace + 1);
      out.append(field(format.slice(brace + 1, end), depth));
      frame_.machine.make_room(out.size());
      at = end + 1;
    }
    return out;
  }

 private:
  static std::size_t field_end(const std::string& bytes, std::size_t at) {
    if (at == bytes.size()) fail("Single '{' encountered in format string");
    for (int open = 1; at < bytes.size(); ++at) {
      if (bytes[at] == '{') ++open;
      if (bytes[at] == '}' && --open == 0) return at;
    }
    fail("expected '}' before end of string");
  }

  TrackedText field(const TrackedText& field, int depth) {
    const std::string& bytes = field.bytes();
    std::size_t name_end = 0;
    for (bool inside = false; name_end < bytes.size(); ++name_end) {
      const char c = bytes[name_end];
      if (c == '[') inside = true;
      if (c == ']') inside = false;
      if (!inside && (c == ':' || c == '!')) break;
    }
    Value value = find(std::string_view(bytes).substr(0, name_end));
    frame_.machine.read(value);
    std::size_t at = name_end;
    if (at < bytes.size() && bytes[at] == '!') {
      const char conversion = at + 1 < bytes.size() ? bytes[at + 1] : '\0';
      if (conversion != 'r' && conversion != 's' && conversion != 'a')
        fail("Unknown conversion specifier in format string");
      value = frame_.machine.text(conversion == 's' ? to_text(frame_, value) : repr(frame_, value));
      at += 2;
      if (at < bytes.size() && bytes[at] != ':') fail("expected ':' after conversion specifier");
    }
    const TrackedText spec = at < bytes.size() ? run(field.slice(at + 1, bytes.size()), depth + 1) : TrackedText();
    const bool safe = !markup_ || (value.is_string() && value.string().markup);
    const TrackedText text = format_value(frame_, value, spec.bytes());
    return safe ? text : escaped(text);
  }

  Value first(std::string_view name) {
    const bool is_number = !name.empty() && std::ranges::all_of(name, is_digit);
    frame_.machine.read_bytes(arguments_.named.size());
    if (!name.empty() && !is_number) {
      const auto found = std::ranges::find(arguments_.named, name, &std::pair<std::string, Value>::first);
      if (found == arguments_.named.end()) fail("there is no argument named " + quoted_name(name));
      return found->second;
    }
    if (is_number ? automatic_ : manual_) {
      fail("cannot switch between automatic field numbering and manual field specification");
    }
    (is_number ? manual_ : automatic_) = true;
    std::string_view digits = name;
    const auto index = static_cast<std::size_t>(is_number ? take_number(digits) : next_++);
    if (index >= arguments_.positional.size()) {
      fail("Replacement index " + std::to_string(index) + " out of range for positional args tuple");
    }
    return arguments_.positional[index];
  }

  Value find(std::string_view path) {
    const std::size_t end = std::min(path.find_first_of(".["), path.size());
    Value value = first(path.substr(0, end));
    path.remove_prefix(end);
    while (!path.empty()) {
      if (path[0] == '.') {
        const std::size_t last = std::min(path.find_first_of(".[", 1), path.size());
        if (last == 1) fail("Empty attribute in format string");
        value = get_attribute(frame_, value, path.substr(1, last - 1));
        path.remove_prefix(last);
        continue;
      }
      const std::size_t last = path.find(']');
      if (path[0] != '[' || last == std::string_view::npos) fail("Missing ']' in format string");
      const std::string_view key = path.substr(1, last - 1);
      if (key.empty()) fail("Empty attribute in format string");
      std::string_view digits = key;
      const bool is_number = std::ranges::all_of(key, is_digit);
      value = get_item(frame_, value, is_number ? Value(take_number(digits)) : make_string(std::string(key)));
      path.remove_prefix(last + 1);
    }
    return value;
  }

  Frame& frame_;
  const Arguments& arguments_;
  bool markup_;
  std::int64_t next_ = 0;
  bool automatic_ = false, manual_ = false;
};

}  // namespace

TrackedText format_value(Frame& frame, const Value& value, std::string_view spec) {
  if (spec.empty()) return to_text(frame, value);
  if (value.is_string()) return format_string(frame, value.text(), parse_spec(spec));
  if (value.is_integral()) return format_integer(frame, value.as_integer(), parse_spec(spec));
  if (value.is_float()) return format_float(frame, value.as_float(), parse_spec(spec));
  fail("unsupported format string passed to " + value.type_name() + ".__format__");
}

Value percent_format(Frame& frame, const Value& format, const Value& values) {
  return PercentFormat(frame, format, values).run();
}

Value brace_format(Frame& frame, const Value& format, const Arguments& arguments) {
  const bool markup = format.string().markup;
  return frame.machine.text(BraceFormat(frame, arguments, markup).run(format.text(), 1), markup);
}

}  // namespace skald::jinja
