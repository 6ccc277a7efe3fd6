#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/template/filters.h"
#include "text/template/string_operations.h"

namespace skald::jinja {
namespace {

// Python's number syntax: whitespace around it, single underscores between digits.
std::optional<std::string> without_underscores(const TrackedText& text) {
  const std::string bytes = stripped(text, nullptr, true, true).bytes();
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != '_') {
      out += bytes[i];
      continue;
    }
    const auto is_digit = [&](std::size_t at) {
      return at < bytes.size() && std::isalnum(static_cast<unsigned char>(bytes[at])) != 0;
    };
    if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) return std::nullopt;
  }
  return out.empty() ? std::nullopt : std::optional(out);
}

std::optional<double> parse_float(const TrackedText& text) {
  auto digits = without_underscores(text);
  if (!digits) return std::nullopt;
  std::string_view rest = *digits;
  const bool negative = rest[0] == '-';
  if (rest[0] == '-' || rest[0] == '+') rest.remove_prefix(1);
  if (rest.empty() || rest[0] == '-' || rest[0] == '+') return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (end != rest.data() + rest.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    const std::size_t mark = rest.find_first_of("eE");  // too small or too large
    value = mark != std::string_view::npos && rest.substr(mark + 1).starts_with('-') ? 0 : INFINITY;
  }
  return negative ? -value : value;
}

std::optional<std::int64_t> parse_integer(const TrackedText& text, std::int64_t base) {
  auto digits = without_underscores(text);
  if (!digits) return std::nullopt;
  std::string_view rest = *digits;
  const bool negative = rest[0] == '-';
  if (rest[0] == '-' || rest[0] == '+') rest.remove_prefix(1);
  constexpr std::pair<char, int> kPrefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
  for (const auto& [letter, of] : kPrefixes) {
    const bool prefixed = rest.size() > 2 && rest[0] == '0' && (rest[1] | 0x20) == letter;
    if (!prefixed || (base != 0 && base != of)) continue;
    rest.remove_prefix(2);
    base = of;
  }
  if (base == 0) {
    const bool zeros = rest.find_first_not_of('0') == std::string_view::npos;
    if (rest.size() > 1 && rest[0] == '0' && !zeros) return std::nullopt;
    base = 10;
  }
  if (base < 2 || base > 36) fail("int() base must be >= 2 and <= 36, or 0");
  if (rest.empty() || rest[0] == '-' || rest[0] == '+') return std::nullopt;
  const std::string signed_digits = (negative ? "-" : "") + std::string(rest);
  std::int64_t value = 0;
  const char* const last = signed_digits.data() + signed_digits.size();
  const auto [end, error] = std::from_chars(signed_digits.data(), last, value, static_cast<int>(base));
  if (end != last || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) fail_limit("an integer gets more than 64 bits");
  return value;
}

Value truncated(double value) {
  if (std::isinf(value)) fail("cannot convert float infinity to integer");
  if (!(std::abs(value) < 0x1p63)) fail_limit("an integer gets more than 64 bits");
  return static_cast<std::int64_t>(value);
}

Value to_int(Frame&, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("int", {"default", "base"});
  Value otherwise = bound[0] != nullptr ? *bound[0] : Value(0);
  if (input.is_undefined()) fail(input.as_undefined().message);
  if (input.is_integral()) return input.as_integer();
  if (input.is_float()) return std::isnan(input.as_float()) ? otherwise : truncated(input.as_float());
  if (!input.is_string()) return otherwise;
  if (const auto value = parse_integer(input.text(), integer_or(bound[1], 10, "base"))) return *value;
  const auto value = parse_float(input.text());
  return value && std::isfinite(*value) ? truncated(*value) : otherwise;
}

Value to_float(Frame&, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("float", {"default"});
  Value otherwise = bound[0] != nullptr ? *bound[0] : Value(0.0);
  if (input.is_undefined()) fail(input.as_undefined().message);
  if (input.is_number()) return input.as_float();
  const auto value = input.is_string() ? parse_float(input.text()) : std::nullopt;
  return value ? Value(*value) : otherwise;
}

Value abs(Frame&, const Value& input, const Arguments& arguments) {
  arguments.expect_none("abs");
  if (input.is_float()) return std::abs(input.as_float());
  if (!input.is_integral()) fail("bad operand type for abs(): '" + input.type_name() + "'");
  return input.as_integer() < 0 ? negated(input) : Value(input.as_integer());
}

// round(value, digits): to even where the exact value lies halfway.
Value rounded(const Value& value, std::int64_t digits) {
  if (value.is_integral() && digits >= 0) return value.as_integer();
  if (!value.is_number()) fail("type " + value.type_name() + " doesn't define __round__ method");
  const double number = value.as_float();
  if (!std::isfinite(number) || digits > 22) return number;
  if (digits >= 0) {
    std::string text(400, '\0');
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed,
                                   static_cast<int>(digits))
                         .ptr;
    double out = 0;
    std::from_chars(text.data(), end, out);
    return out;
  }
  const double scale = std::pow(10.0, static_cast<double>(-std::max<std::int64_t>(digits, -400)));
  const double quotient = std::isinf(scale) ? 0 : number / scale;
  const double nearest = std::nearbyint(quotient) == 0 ? std::copysign(0.0, number) : std::nearbyint(quotient) * scale;
  return value.is_integral() ? Value(static_cast<std::int64_t>(nearest)) : Value(nearest);
}

Value round(Frame&, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("round", {"precision", "method"});
  const std::int64_t digits = integer_or(bound[0], 0, "precision");
  const std::string method = bound[1] != nullptr ? need_text(*bound[1], "method").bytes() : "common";
  if (input.is_undefined()) fail(input.as_undefined().message);
  if (method == "common") return rounded(input, digits);
  if (method != "ceil" && method != "floor") fail("method must be common, ceil or floor");
  if (!input.is_number()) fail("must be real number, not " + input.type_name());
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = input.as_float() * scale;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

Value default_value(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("default", {"default_value", "boolean"});
  if (!input.is_undefined() && !(truth_or(bound[1], false) && !input.truth())) return input;
  return bound[0] != nullptr ? *bound[0] : frame.machine.text(std::string());
}

Value attr(Frame& frame, const Value& input, const Arguments& arguments) {
  const std::string& name = need_text(*arguments.bind("attr", {"name"}, 1)[0], "attribute name").bytes();
  if (input.is_undefined()) fail(input.as_undefined().message);
  if (auto found = python_attribute(frame, input, name)) return *found;
  return Value::undefined("'" + input.type_name() + " object' has no attribute " + quoted_name(name));
}

TrackedText indent_of(Frame& frame, const Value& value) {
  if (value.is_string()) return value.text();
  const std::int64_t width = std::max<std::int64_t>(need_integer(value, "indent"), 0);
  frame.machine.make_room(static_cast<std::size_t>(width));
  return TrackedText(std::string(static_cast<std::size_t>(width), ' '));
}

Value tojson(Frame& frame, const Value& input, const Arguments& arguments) {
  const auto bound = arguments.bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style{.ascii = truth_or(bound[0], false), .sort_keys = truth_or(bound[3], false)};
  if (const Value* const indent = not_none(bound[1])) style.indent = indent_of(frame, *indent);
  if (const Value* const separators = not_none(bound[2])) {
    const std::vector<Value> parts = iterate(frame, *separators);
    if (parts.size() != 2) fail("separators must be two strings");
    style.separators = {need_text(parts[0], "a separator"), need_text(parts[1], "a separator")};
  }
  return to_json(frame, input, style);
}

Value filesizeformat(Frame& frame, const Value& input, const Arguments& arguments) {
  const bool binary = truth_or(arguments.bind("filesizeformat", {"binary"})[0], false);
  const auto given = input.is_string()   ? parse_float(input.text())
                     : input.is_number() ? std::optional(input.as_float())
                                         : std::nullopt;
  if (!given) fail("could not convert to a number of bytes");
  const double base = binary ? 1024 : 1000;
  if (*given == 1) return frame.machine.text("1 Byte");
  if (*given < base) return frame.machine.text(std::to_string(static_cast<std::int64_t>(*given)) + " Bytes");
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  for (std::size_t i = 0;; ++i) {
    unit *= base;
    if (*given >= unit && i + 1 < kPrefixes.size()) continue;
    TrackedText out = format_value(frame, base * *given / unit, ".1f");
    const char prefix = binary && i == 0 ? 'K' : kPrefixes[i];
    out.append(std::string(" ") + prefix + (binary ? "iB" : "B"));
    return frame.machine.text(std::move(out));
  }
}

constexpr FilterRow kFilters[] = {{"abs", abs},
                                  {"attr", attr},
                                  {"d", default_value},
                                  {"default", default_value},
                                  {"filesizeformat", filesizeformat},
                                  {"float", to_float},
                                  {"int", to_int},
                                  {"round", round},
                                  {"tojson", tojson}};

}  // namespace

std::span<const FilterRow> value_filters() { return kFilters; }

Filter find_filter(std::string_view name) {
  for (const auto& rows : {text_filters(), sequence_filters(), value_filters(), wrap_filters()}) {
    for (const FilterRow& row : rows) {
      if (row.name == name) return row.filter;
    }
  }
  return nullptr;
}

Value apply_filter(Frame& frame, Filter filter, const Value& input, const Arguments& arguments) {
  const auto read = [&frame](const Value& value) {
    if (value.is_string()) frame.machine.read(value);
  };
  read(input);
  for (const Value& value : arguments.positional) read(value);
  for (const auto& [name, value] : arguments.named) read(value);
  return filter(frame, input, arguments);
}

String soft_text(Frame& frame, const Value& value) {
  return value.is_string() ? value.string() : String{.text = to_text(frame, value)};
}

std::int64_t integer_or(const Value* value, std::int64_t otherwise, std::string_view what) {
  return value != nullptr ? need_integer(*value, what) : otherwise;
}

bool truth_or(const Value* value, bool otherwise) { return value != nullptr ? value->truth() : otherwise; }

const Value* not_none(const Value* value) { return value == nullptr || value->is_none() ? nullptr : value; }

}  // namespace skald::jinja
