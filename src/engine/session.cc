#include "skald/session.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "decode/session_file.h"
#include "engine/fingerprint.h"
#include "engine/model_access.h"
#include "engine/session_tree.h"
#include "kernels/kernels.h"
#include "skald/error.h"
#include "skald/system.h"

namespace skald {
namespace {

constexpr std::size_t kMostNodes = 1 << 20;
constexpr std::int64_t kMostAlternatives = 20;

void check_config(const GenerationConfig& config, const GenerationConfig& model_file) {
  const GenerationConfig all = config.over(model_file);
  const auto refuse = [](const char* option, std::string value) {
    throw OptionError(
        {.field = option, .value = std::move(value), .rule = "a session is one completion, token by token"});
  };
  if (all.num_return_sequences.value_or(1) > 1)
    refuse("num_return_sequences", std::to_string(*all.num_return_sequences));
  if (all.num_beams.value_or(1) > 1) refuse("num_beams", std::to_string(*all.num_beams));
  if (all.do_sample.value_or(true) && all.profile.value_or("").starts_with("hf")) {
    throw OptionError({.field = "profile",
                       .value = *all.profile,
                       .rule = "draws with torch's numbers, which follow on one another: a session draws by place"});
  }
  if (all.token_healing.value_or(false)) refuse("token_healing", "true");
  if (all.penalty_alpha.value_or(0) > 0 && !all.do_sample.value_or(false)) {
    refuse("penalty_alpha", std::to_string(*all.penalty_alpha));
  }
}

std::vector<TokenId> prompt_ids(const Model& model, const Prompt& prompt, const GenerationConfig& config) {
  std::vector<TokenId> ids = std::holds_alternative<std::string>(prompt)
                                 ? model.tokenizer().encode_ids(std::get<std::string>(prompt))
                                 : std::get<std::vector<TokenId>>(prompt);
  if (!ids.empty()) return ids;
  const TokenId bos = config.over(model.generation_config()).bos_token_id.value_or(-1);
  if (bos < 0) throw OptionError({.field = "prompt", .value = {}, .rule = "is empty, and the model has no BOS token"});
  return {bos};
}

// What a session file says of the model that it was made with.
decode::SessionFile identity_of(const Model& model) {
  const models::ModelShape& shape = ModelAccess::shape(model);
  return {.fingerprint = engine::model_fingerprint(model.info().path),
          .architecture = shape.model_type,
          .vocab_size = shape.vocab_size,
          .kernel_table = system_info().kernel_table,
          .weight_bits = shape.weight_bits,
          .kv_bits = kernels::bits_of(shape.kv_type)};
}

void check_identity(const decode::SessionFile& session, const Model& model, const std::string& path) {
  const decode::SessionFile now = identity_of(model);
  if (session.fingerprint != now.fingerprint || session.vocab_size != now.vocab_size) {
    throw OptionError({.file = path,
                       .field = "model",
                       .value = session.architecture + " " + session.fingerprint,
                       .rule = "is another model than " + quoted(model.info().path) + ", " + now.architecture + " " +
                               now.fingerprint + ": load the one that the session was made with"});
  }
  const auto warn = [&](const std::string& what, const std::string& before, const std::string& after) {
    if (before == after) return;
    log_notice(LogLevel::warning, path + ": was made with " + what + " " + before + ", and this is " + after +
                                      ": numbers may differ in their last bits from here on");
  };
  warn("kernel table", session.kernel_table, now.kernel_table);
  warn("weight bits", std::to_string(session.weight_bits), std::to_string(now.weight_bits));
  warn("bits of keys and values", std::to_string(session.kv_bits), std::to_string(now.kv_bits));
}

// Whole or not at all.
void write_file(const std::string& path, const std::string& text) {
  const std::string part = path + ".part";
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(part, path, error);
  if (file && !error) return;
  std::filesystem::remove(part, error);
  throw PathError(PathError::Kind::io, {.file = path, .rule = "cannot be written: is there such a folder, and room?"});
}

}  // namespace

struct Session::Impl {
  Model model;
  std::vector<TokenId> prompt;
  GenerationConfig config;
  std::uint32_t n_forks = 1;
  std::vector<SessionNode> nodes = std::vector<SessionNode>(1);
  bool warned = false;

  [[nodiscard]] const SessionNode& at(Node node) const { return nodes[static_cast<std::size_t>(node)]; }
  [[nodiscard]] SessionNode& at(Node node) { return nodes[static_cast<std::size_t>(node)]; }
  void check(Node node) const;
  [[nodiscard]] std::vector<Node> path_to(Node node) const;
  [[nodiscard]] std::vector<TokenId> tokens(Node node) const;
  Node add(Node parent, TokenId token, std::uint32_t fork, bool forced);
  Node child(Node parent, TokenId token, std::uint32_t fork);
  Completion run(const std::vector<TokenId>& given, std::int64_t most, std::uint32_t fork,
                 const GenerationConfig& options, StreamCallback stream);
  Node absorb(const Completion& completion, std::span<const Node> path, std::uint32_t fork);
};

void Session::Impl::check(Node node) const {
  if (node >= 0 && node < std::ssize(nodes)) return;
  throw UsageError("session: there is no node " + std::to_string(node) + ", the last is " +
                   std::to_string(nodes.size() - 1));
}

// Without the root.
std::vector<Session::Node> Session::Impl::path_to(Node node) const {
  std::vector<Node> path;
  for (; node != kRoot; node = at(node).parent) path.push_back(node);
  std::ranges::reverse(path);
  return path;
}

std::vector<TokenId> Session::Impl::tokens(Node node) const {
  std::vector<TokenId> tokens;
  for (const Node each : path_to(node)) tokens.push_back(at(each).token);
  return tokens;
}

Session::Node Session::Impl::add(Node parent, TokenId token, std::uint32_t fork, bool forced) {
  if (nodes.size() == kMostNodes) {
    throw LimitError({.field = "session", .rule = "holds " + std::to_string(kMostNodes) + " nodes at most"});
  }
  const auto node = static_cast<Node>(nodes.size());
  nodes.push_back({.parent = parent, .token = token, .fork = fork, .forced = forced});
  at(parent).children.push_back(node);
  return node;
}

// The one that is there, or a new one.
Session::Node Session::Impl::child(Node parent, TokenId token, std::uint32_t fork) {
  for (const Node each : at(parent).children) {
    if (at(each).token == token && at(each).fork == fork) return each;
  }
  return add(parent, token, fork, /*forced=*/false);
}

Completion Session::Impl::run(const std::vector<TokenId>& given, std::int64_t most, std::uint32_t fork,
                              const GenerationConfig& options, StreamCallback stream) {
  return ModelAccess::submit(model, {.prompts = {prompt},
                                     .config = options,
                                     .stream = std::move(stream),
                                     .resume = {.tokens = given, .most = most, .fork = fork},
                                     .again = std::exchange(warned, true)})
      .wait()[0];
}

// Puts the tokens of `completion`, which began with those of `path`, into the tree. A constraint may have taken the
// last of those back.
Session::Node Session::Impl::absorb(const Completion& completion, std::span<const Node> path, std::uint32_t fork) {
  Node last = kRoot;
  for (std::size_t i = 0; i < completion.token_ids.size(); ++i) {
    const TokenId token = completion.token_ids[i];
    const bool known = i < path.size() && at(path[i]).token == token && at(path[i]).parent == last;
    last = known ? path[i] : child(last, token, fork);
    at(last).logprob = completion.logprobs[i].logprob;
  }
  at(last).ends = completion.stopped_by != decode::kPause;
  return last;
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Session::Session(Model model, const Prompt& prompt, const GenerationConfig& config) {
  check_config(config, model.generation_config());
  std::vector<TokenId> ids = prompt_ids(model, prompt, config);
  impl_ = std::make_unique<Impl>(Impl{.model = std::move(model), .prompt = std::move(ids), .config = config});
  if (!impl_->config.seed) impl_->config.seed = random_seed();
}

Session Session::load(const std::string& path, Model model) {
  decode::SessionFile file = decode::read_session(json::parse_file(path, decode::kSessionLimits), path);
  check_identity(file, model, path);
  check_config(file.config, model.generation_config());
  if (file.nodes.size() >= kMostNodes) {
    throw LimitError({.file = path, .field = "nodes", .rule = "may be " + std::to_string(kMostNodes) + " at most"});
  }
  auto impl = std::make_unique<Impl>(Impl{.model = std::move(model),
                                          .prompt = std::move(file.prompt),
                                          .config = std::move(file.config),
                                          .n_forks = file.n_forks});
  for (const decode::SessionToken& node : file.nodes) impl->add(node.parent, node.token, node.fork, node.forced);
  return Session(std::move(impl));
}

void Session::save(const std::string& path) const {
  decode::SessionFile file = identity_of(impl_->model);
  file.config = impl_->config;
  file.prompt = impl_->prompt;
  file.n_forks = impl_->n_forks;
  for (const SessionNode& node : std::span(impl_->nodes).subspan(1)) {
    file.nodes.push_back({.parent = node.parent, .token = node.token, .fork = node.fork, .forced = node.forced});
  }
  write_file(path, decode::dump_session(file) + "\n");
}

const std::vector<SessionNode>& Session::nodes() const { return impl_->nodes; }
const Model& Session::model() const { return impl_->model; }
const std::vector<TokenId>& Session::prompt() const { return impl_->prompt; }
const GenerationConfig& Session::config() const { return impl_->config; }

std::vector<TokenId> Session::tokens(Node node) const {
  impl_->check(node);
  return impl_->tokens(node);
}

std::string Session::text(Node node) const {
  return impl_->model.tokenizer().decode(tokens(node), /*skip_special_tokens=*/true);
}

Session::Node Session::generate(Node node, std::int64_t n, bool fork, StreamCallback stream) {
  impl_->check(node);
  if (n < 1 || impl_->at(node).ends) return node;
  const std::vector<Node> path = impl_->path_to(node);
  const std::uint32_t number = fork ? impl_->n_forks++ : impl_->at(node).fork;
  GenerationConfig options = impl_->config;
  options.logprobs = std::max<std::int64_t>(0, options.logprobs.value_or(0));
  const Completion completion =
      impl_->run(impl_->tokens(node), std::ssize(path) + n, number, options, std::move(stream));
  return impl_->absorb(completion, path, number);
}

Session::Node Session::force(Node node, TokenId token) {
  impl_->check(node);
  const std::int64_t vocab_size = ModelAccess::shape(impl_->model).vocab_size;
  if (token < 0 || token >= vocab_size) {
    throw OptionError({.field = "token",
                       .value = std::to_string(token),
                       .rule = "must be in [0, " + std::to_string(vocab_size) + ")"});
  }
  if (impl_->at(node).ends) throw UsageError("session: the completion ended there; fork it before its last token");
  for (const Node each : impl_->at(node).children) {
    if (impl_->at(each).token == token && impl_->at(each).fork == impl_->at(node).fork) return each;
  }
  return impl_->add(node, token, impl_->at(node).fork, /*forced=*/true);
}

Session::Node Session::force(Node node, std::string_view text) {
  for (const TokenId token : impl_->model.tokenizer().encode_ids(text, {.add_special_tokens = false})) {
    node = force(node, token);
  }
  return node;
}

std::vector<Alternative> Session::alternatives(Node node, std::int64_t n) {
  impl_->check(node);
  if (n < 1 || n > kMostAlternatives) {
    throw OptionError({.field = "alternatives", .value = std::to_string(n), .rule = "must be in [1, 20]"});
  }
  if (impl_->at(node).ends) return {};
  GenerationConfig options = impl_->config;
  options.logprobs = options.processed_logprobs = kMostAlternatives;
  const std::vector<TokenId> given = impl_->tokens(node);
  const Completion completion = impl_->run(given, std::ssize(given) + 1, impl_->at(node).fork, options, {});
  if (completion.token_ids.size() <= given.size()) {  // it ended with a token that was forced
    impl_->at(node).ends = true;
    return {};
  }
  const auto& processed = completion.processed_logprobs.back().top;
  std::vector<Alternative> all;
  for (const auto& [token, logprob] : completion.logprobs.back().top) {
    if (std::ssize(all) == n) break;
    Alternative& next = all.emplace_back(Alternative{.token = token, .text = {}, .probability = std::exp(logprob)});
    if (impl_->model.has_tokenizer()) next.text = impl_->model.tokenizer().decode(std::span(&token, 1));
    const auto found = std::ranges::find(processed, token, &std::pair<TokenId, float>::first);
    if (found != processed.end()) next.processed_probability = std::exp(found->second);
  }
  return all;
}

std::vector<Session::Node> Session::expand(Node node, std::int64_t n) {
  std::vector<Node> children;
  for (const Alternative& next : alternatives(node, n)) {
    const Node child = children.emplace_back(force(node, next.token));
    impl_->at(child).logprob = static_cast<float>(std::log(next.probability));
  }
  return children;
}

Completion Session::completion(Node node) {
  impl_->check(node);
  if (node == kRoot) throw UsageError("session: the root is the end of the prompt: there is no completion yet");
  const std::vector<TokenId> given = impl_->tokens(node);
  return impl_->run(given, std::ssize(given), impl_->at(node).fork, impl_->config, {});
}

std::string Session::to_json() const { return engine::session_json(*this); }
std::string Session::to_graphviz() const { return engine::session_graphviz(*this); }
std::string Session::to_mermaid() const { return engine::session_mermaid(*this); }

}  // namespace skald
