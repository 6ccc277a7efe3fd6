// Flags that several subcommands share: how a model is loaded, and one flag for each row of the option table.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "flags.h"
#include "skald/error.h"
#include "skald/model.h"

namespace skald::cli {

/// --threads, --bits and the others of LoadOptions.
class LoadFlags {
 public:
  void add_to(Flags& flags);
  /// Loads with a progress bar on a terminal.
  [[nodiscard]] Model load(const std::string& path) const;
  [[nodiscard]] const LoadOptions& options() const { return options_; }

 private:
  LoadOptions options_;
  std::int64_t kv_mib_ = 0;
};

/// `error` in the words of the command: an option's name becomes its flag.
OptionError with_flag_name(const OptionError& error);

/// Every row of generation_options() as a flag.
class GenerationFlags {
 public:
  void add_to(Flags& flags);
  /// The options that were given. `escape`: \n and others in texts are read as in C. Throws OptionError.
  [[nodiscard]] GenerationConfig config(bool escape) const;
  /// Whether a text (a stop string) is among them.
  [[nodiscard]] bool has_texts() const { return !texts_.empty(); }

 private:
  // A text, kept until it is known whether escapes in it are read.
  struct Text {
    const OptionInfo* option;
    std::string flag;
    std::string value;
  };
  void add_option(Flags& flags, const OptionInfo& option);
  void add_switch(Flags& flags, const OptionInfo& option);
  void set_switch(const OptionInfo& option, const std::string& flag, const std::string& value);

  GenerationConfig config_;
  std::vector<Text> texts_;
  std::map<std::string_view, std::string> switches_;  // by option: the flag that was given
};

}  // namespace skald::cli
