// What a caller should know of the options of a call: one that has no effect, or that holds in another way here.
#pragma once

#include <string>

#include "skald/export.h"

namespace skald {

/// The call goes on; what is wrong enough to stop it is an OptionError. Every notice is also told to the log.
struct Notice {
  std::string option;   // "top_p"
  std::string value;    // as JSON: "0.9"
  std::string message;  // "has no effect: nothing is sampled"
  friend bool operator==(const Notice&, const Notice&) = default;
};

/// "top_p = 0.9: has no effect: nothing is sampled"
SKALD_API std::string to_string(const Notice& notice);

}  // namespace skald
