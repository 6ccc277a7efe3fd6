// The filters, by what they work on. Reference: jinja2.filters; `tojson` is that of transformers.
#pragma once

#include <span>

#include "text/template/builtins.h"

namespace skald::jinja {

struct FilterRow {
  std::string_view name;
  Filter filter;
};
std::span<const FilterRow> text_filters();
std::span<const FilterRow> sequence_filters();
std::span<const FilterRow> value_filters();
std::span<const FilterRow> wrap_filters();

/// The value's text: a string as it is, else str(value).
String soft_text(Frame& frame, const Value& value);
/// An argument; `otherwise` where it was not given.
std::int64_t integer_or(const Value* value, std::int64_t otherwise, std::string_view what);
bool truth_or(const Value* value, bool otherwise);
/// nullptr where it was not given, or is None.
const Value* not_none(const Value* value);

}  // namespace skald::jinja
