#include "values.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <string>

#include "interpreter.h"
#include "skald/error.h"

namespace skald::python {
namespace {

std::string type_of(nb::handle value) { return nb::cast<std::string>(value.type().attr("__name__")); }

// Surrogates are UnicodeEncodeError.
std::string to_utf8(nb::handle text) {
  Py_ssize_t size = 0;
  const char* const bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (bytes == nullptr) throw nb::python_error();
  return {bytes, static_cast<std::size_t>(size)};
}

TokenId to_token(nb::handle value) {
  // Whatever counts as an integer does: also those of NumPy and of torch.
  const nb::object number = nb::steal(PyNumber_Index(value.ptr()));
  if (!number.is_valid()) throw nb::python_error();
  int overflow = 0;
  const long long id = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0 || id < std::numeric_limits<TokenId>::min() || id > std::numeric_limits<TokenId>::max()) {
    throw OptionError({.field = "prompt",
                       .value = nb::cast<std::string>(nb::str(number)),
                       .rule = "is no token id: one lies between 0 and the size of the vocabulary"});
  }
  return static_cast<TokenId>(id);
}

std::vector<TokenId> to_tokens(nb::handle value) {
  std::vector<TokenId> ids;
  ids.reserve(nb::len_hint(value));
  for (const nb::handle id : nb::iter(value)) ids.push_back(to_token(id));
  return ids;
}

}  // namespace

Prompt to_prompt(nb::handle value) {
  if (PyUnicode_Check(value.ptr())) return to_utf8(value);
  const bool ids = nb::hasattr(value, "__iter__") && !PyBytes_Check(value.ptr()) && !PyDict_Check(value.ptr());
  if (!ids) {
    throw nb::type_error(("a prompt is a str or a list of token ids, not " + type_of(value)).c_str());
  }
  return to_tokens(value);
}

std::vector<Prompt> to_prompts(nb::handle list) {
  const bool several = nb::hasattr(list, "__iter__") && !PyBytes_Check(list.ptr()) && !PyDict_Check(list.ptr());
  if (!several) return {to_prompt(list)};  // says what a prompt is
  std::vector<Prompt> prompts;
  for (const nb::handle prompt : nb::iter(list)) prompts.push_back(to_prompt(prompt));
  return prompts;
}

}  // namespace skald::python
