// Errors of the library as the exceptions of skald/errors.py.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>

#include "bindings.h"
#include "skald/skald.h"

namespace skald::python {
namespace {

const char* path_error_name(PathError::Kind kind) {
  switch (kind) {
    case PathError::Kind::not_found: return "PathNotFoundError";
    case PathError::Kind::is_directory: return "PathIsDirectoryError";
    case PathError::Kind::permission: return "PathPermissionError";
    case PathError::Kind::not_regular:
    case PathError::Kind::io: break;
  }
  return "PathError";
}

// The name in skald/errors.py.
const char* class_name(const Error& error) {
  if (const auto* path = dynamic_cast<const PathError*>(&error)) return path_error_name(path->kind());
  if (dynamic_cast<const TemplateError*>(&error) != nullptr) return "TemplateError";
  if (dynamic_cast<const FormatError*>(&error) != nullptr) return "FormatError";
  if (dynamic_cast<const LimitError*>(&error) != nullptr) return "LimitError";
  if (dynamic_cast<const UnsupportedError*>(&error) != nullptr) return "UnsupportedError";
  if (dynamic_cast<const OptionError*>(&error) != nullptr) return "OptionError";
  if (dynamic_cast<const ModelError*>(&error) != nullptr) return "ModelError";
  if (dynamic_cast<const CancelledError*>(&error) != nullptr) return "CancelledError";
  if (dynamic_cast<const UsageError*>(&error) != nullptr) return "UsageError";
  return "Error";
}

void raise(const Error& error) {
  const nb::object type = nb::module_::import_("skald.errors").attr(class_name(error));
  const nb::object exception = type(error.what());
  const ErrorFields& fields = error.fields();
  exception.attr("file") = fields.file;
  exception.attr("offset") = fields.offset ? nb::cast(*fields.offset) : nb::none();
  exception.attr("field") = fields.field;
  exception.attr("value") = fields.value;
  exception.attr("rule") = fields.rule;
  PyErr_SetObject(type.ptr(), exception.ptr());
}

}  // namespace

void bind_errors(nb::module_&) {
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      raise(error);
    }
  });
}

}  // namespace skald::python
