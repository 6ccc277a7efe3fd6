// The flags of one subcommand: one table that parses, explains (--help), suggests and completes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skald::cli {

struct Flag {
  std::vector<std::string> names;  // "--max-new-tokens", then its aliases
  std::string placeholder;         // "N"; empty: the flag takes no value
  std::string help;
  std::string group;
  bool repeatable = false;
  bool many = false;  // takes the arguments up to the next flag: --stop-tokens . ! ?
  /// Receives the name that was typed and the value. Throws OptionError.
  std::function<void(const std::string& name, const std::string& value)> set;
};

class Flags {
 public:
  /// Heading of --help under which the flags that follow stand.
  void group(std::string heading) { heading_ = std::move(heading); }

  /// `names` is comma-separated, the main name first.
  void add(std::string_view names, std::string placeholder, std::string help,
           std::function<void(const std::string&, const std::string&)> set, bool repeatable = false);
  /// As add(), for a flag that takes the arguments up to the next flag; `set` receives them one by one.
  void many(std::string_view names, std::string placeholder, std::string help,
            std::function<void(const std::string&, const std::string&)> set);
  void text(std::string_view names, std::string placeholder, std::optional<std::string>& target, std::string help);
  void toggle(std::string_view names, bool& target, std::string help);
  /// An integer in [low, high]; `Int` is any integer type that holds both.
  template <class Int>
  void integer(std::string_view names, Int& target, std::int64_t low, std::int64_t high, const std::string& help) {
    add(names, "N", help, [&target, low, high](const std::string& name, const std::string& value) {
      target = static_cast<Int>(parse_integer(name, value, low, high));
    });
  }

  /// Reads `arguments`; what is no flag comes back, in order. "--name=value" and "--name value" are one; after "--"
  /// nothing is a flag; "-" never is. Throws OptionError. `command` names the subcommand in hints.
  std::vector<std::string> parse(std::span<const std::string> arguments, std::string_view command) const;

  [[nodiscard]] const std::vector<Flag>& all() const { return flags_; }
  /// The flags as --help shows them, wrapped to `width` columns.
  [[nodiscard]] std::string help(std::size_t width) const;

  /// `value` as an integer in [low, high]. Throws OptionError naming `name`, the value and the range.
  static std::int64_t parse_integer(const std::string& name, std::string_view value, std::int64_t low,
                                    std::int64_t high);

 private:
  struct Cursor;
  [[nodiscard]] const Flag* find(std::string_view name) const;
  void apply(const Flag& flag, const std::string& name, Cursor& cursor) const;
  [[noreturn]] void refuse_unknown(const std::string& name, std::string_view command) const;

  std::vector<Flag> flags_;
  std::string heading_;
};

/// The one of `candidates` that `word` is most likely a misspelling of; empty where none is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// `text` broken at spaces into lines of at most `width` characters, all but the first indented by `indent`.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace skald::cli
