// The options of a request, by where they were given: flags, a file, a preset.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "flags.h"
#include "generation_flags.h"
#include "skald/generation_config.h"
#include "skald/model.h"

namespace skald::cli {

class RequestOptions {
 public:
  void add_to(Flags& flags);

  /// Reads what was named, once all flags are known. `escape`: as GenerationFlags::config. Throws Error.
  void read(bool escape);

  /// A flag goes before the file, the file before the preset.
  [[nodiscard]] GenerationConfig request() const { return flags_.over(file_).over(preset_); }
  [[nodiscard]] const GenerationConfig& flags() const { return flags_; }
  [[nodiscard]] const GenerationConfig& file() const { return file_; }
  [[nodiscard]] const GenerationConfig& preset() const { return preset_; }
  [[nodiscard]] bool has_texts() const { return generation_.has_texts(); }

 private:
  std::optional<std::string> file_name_, preset_name_;
  GenerationFlags generation_;
  GenerationConfig flags_, file_, preset_;
};

/// What the engine says of options, whatever the prompt: one of a single token is dropped before it runs. Throws
/// OptionError.
std::vector<Notice> notices_of(const Model& model, const GenerationConfig& config);

}  // namespace skald::cli
