// What a session is saved as: one JSON object. The state of the model is not in it; it is computed again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "json/value.h"
#include "skald/generation_config.h"

namespace skald::decode {

/// One token of a session's tree.
struct SessionToken {
  std::int32_t parent = 0;  // number of the node before it; 0: the end of the prompt
  TokenId token = 0;
  std::uint32_t fork = 0;  // DrawKey::fork of the draws that made it
  bool forced = false;     // not drawn: somebody chose it
  friend bool operator==(const SessionToken&, const SessionToken&) = default;
};

struct SessionFile {
  std::string fingerprint = {};      // of the model's files
  std::string architecture;          // model_type
  std::int64_t vocab_size = 0;       // of the model
  std::string kernel_table;          // in use when it was saved
  std::int64_t weight_bits = 0;      // of most weights, as they were held
  std::int64_t kv_bits = 0;          // of keys and values
  GenerationConfig config = {};      // with its seed
  std::vector<TokenId> prompt = {};  // not empty
  std::uint32_t n_forks = 1;
  std::vector<SessionToken> nodes = {};  // node i + 1 of the tree: parents before children
};

std::string dump_session(const SessionFile& session);

/// Throws FormatError naming the field for what is no session (a parent after its child, a token out of range, ...),
/// UnsupportedError for another version of the format.
SessionFile read_session(const json::Value& root, const std::string& file);

/// What a session file may hold at most.
inline constexpr json::Limits kSessionLimits{
    .bytes = std::uint64_t{256} << 20, .depth = 16, .nodes = 12U << 20, .infinity = true};

}  // namespace skald::decode
