#include "decode/session_file.h"

#include "decode/options.h"
#include "json/fields.h"
#include "skald/error.h"

namespace skald::decode {
namespace {

constexpr const char* kFormat = "skald-session";
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMostTokens = std::int64_t{1} << 24;  // of a vocabulary, and of forks

json::Array ids_value(const std::vector<TokenId>& ids) {
  json::Array array;
  for (const TokenId id : ids) array.emplace_back(static_cast<std::int64_t>(id));
  return array;
}

// [parent, token, fork, forced]
SessionToken read_node(const json::Value& value, std::int64_t index, const SessionFile& session,
                       const std::string& file) {
  const std::string name = "nodes[" + std::to_string(index) + "]";
  const auto fail = [&](std::string rule) {
    throw FormatError({.file = file, .field = name, .value = value.describe(), .rule = std::move(rule)});
  };
  const auto number = [&](std::size_t at, std::int64_t below) {
    const json::Value& item = value.as_array()[at];
    if (!item.is_integer() || item.as_integer() < 0 || item.as_integer() >= below) {
      fail("number " + std::to_string(at) + " must be an integer in [0, " + std::to_string(below) + ")");
    }
    return item.as_integer();
  };
  if (!value.is_array() || value.as_array().size() != 4) fail("must be [parent, token, fork, forced]");
  return {.parent = static_cast<std::int32_t>(number(0, index + 1)),
          .token = static_cast<TokenId>(number(1, session.vocab_size)),
          .fork = static_cast<std::uint32_t>(number(2, session.n_forks)),
          .forced = number(3, 2) == 1};
}

}  // namespace

std::string dump_session(const SessionFile& session) {
  json::Array nodes;
  for (const SessionToken& node : session.nodes) {
    nodes.emplace_back(json::Array{static_cast<std::int64_t>(node.parent), static_cast<std::int64_t>(node.token),
                                   static_cast<std::int64_t>(node.fork), node.forced ? 1 : 0});
  }
  return json::dump(json::Object{{"format", kFormat},
                                 {"version", kVersion},
                                 {"model", json::Object{{"fingerprint", session.fingerprint},
                                                        {"architecture", session.architecture},
                                                        {"vocab_size", session.vocab_size},
                                                        {"kernel_table", session.kernel_table},
                                                        {"weight_bits", session.weight_bits},
                                                        {"kv_bits", session.kv_bits}}},
                                 {"options", json::parse(session.config.to_json(), "options", kSessionLimits)},
                                 {"prompt", ids_value(session.prompt)},
                                 {"forks", static_cast<std::int64_t>(session.n_forks)},
                                 {"nodes", std::move(nodes)}});
}

SessionFile read_session(const json::Value& root, const std::string& file) {
  const json::Fields fields(root, file);
  if (fields.get_string("format").value_or("") != kFormat) fields.fail("format", "must be \"skald-session\"");
  if (const auto version = fields.need_integer("version", 0, kMostTokens); version != kVersion) {
    throw UnsupportedError({.file = file,
                            .field = "version",
                            .value = std::to_string(version),
                            .rule = "this version of skald reads sessions of version 1"});
  }
  const auto model = fields.get_object("model");
  if (!model) fields.fail("model", "must be an object");
  SessionFile session{.fingerprint = model->need_string("fingerprint"),
                      .architecture = model->need_string("architecture"),
                      .vocab_size = model->need_integer("vocab_size", 1, kMostTokens),
                      .kernel_table = model->need_string("kernel_table"),
                      .weight_bits = model->need_integer("weight_bits", 0, 32),
                      .kv_bits = model->need_integer("kv_bits", 0, 32)};
  if (!fields.has("options")) fields.fail("options", "must be an object");
  session.config = read_generation_config(*fields.find("options"), file, UnknownFields::refuse);
  if (!session.config.seed) fields.fail("options", "must have a seed");
  for (const std::int64_t id : fields.get_integers("prompt", 0, session.vocab_size - 1)) {
    session.prompt.push_back(static_cast<TokenId>(id));
  }
  if (session.prompt.empty()) fields.fail("prompt", "must hold token ids");
  session.n_forks = static_cast<std::uint32_t>(fields.need_integer("forks", 1, kMostTokens));
  const json::Value* const nodes = fields.find("nodes");
  if (nodes == nullptr || !nodes->is_array()) fields.fail("nodes", "must be an array");
  for (const json::Value& node : nodes->as_array()) {
    session.nodes.push_back(read_node(node, std::ssize(session.nodes), session, file));
  }
  return session;
}

}  // namespace skald::decode
