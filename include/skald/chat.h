// Conversations as a model's chat template writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "skald/error.h"
#include "skald/export.h"
#include "skald/tokenizer.h"

namespace skald {

/// A chat template refuses what it is given (`raise_exception`), or does what no template may. The place is in
/// fields().field ("line 12").
class SKALD_API TemplateError : public Error {
 public:
  TemplateError(ErrorFields fields, std::string raised) : Error(std::move(fields)), raised_(std::move(raised)) {}
  /// The template's own words, where it called raise_exception; else empty.
  [[nodiscard]] const std::string& raised() const noexcept { return raised_; }

 private:
  std::string raised_;
};

}  // namespace skald
