// What the state of a row depends on beside the tokens up to it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "decode/language_model.h"
#include "nn/batch.h"

namespace skald::engine {

/// Of all rows of a request. Adapter and control vectors are those of the main model: the others have none.
struct Conditions {
  std::int32_t adapter = 0;  // 0: none
  float adapter_scale = 1;
  std::shared_ptr<const nn::ControlVectors> controls = {};  // null: none
  bool shares = true;                                       // state is taken from other requests, and left for them
  std::string salt = {};                                    // only with requests that have the same one
};

/// Whether rows of `model` with equal tokens have equal state in two requests, which may share it.
inline bool may_share(const Conditions& a, const Conditions& b, decode::ModelIndex model) {
  if (!a.shares || !b.shares || a.salt != b.salt) return false;
  if (model != 0) return true;
  if (a.adapter != b.adapter || (a.adapter != 0 && a.adapter_scale != b.adapter_scale)) return false;
  if (a.controls == b.controls) return true;
  return a.controls && b.controls && a.controls->after_layer == b.controls->after_layer;
}

}  // namespace skald::engine
