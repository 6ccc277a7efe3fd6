// A generation that can be stepped, forked, forced and saved: a tree of tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skald/export.h"
#include "skald/model.h"

namespace skald {

/// One token of the tree. Node 0 is the root, the end of the prompt: it has no token.
struct SessionNode {
  std::int32_t parent = -1;  // -1: this is the root
  TokenId token = -1;
  std::uint32_t fork = 0;             // which numbers it was drawn with, and what follows will be
  bool forced = false;                // somebody chose it
  bool ends = false;                  // a completion ended with it
  std::optional<float> logprob = {};  // that the model gave it, once that was computed
  std::vector<std::int32_t> children = {};
};

/// A token that may come next.
struct Alternative {
  TokenId token = 0;
  std::string text;                  // where the model has a tokenizer
  double probability = 0;            // that the model gives it
  double processed_probability = 0;  // with all options; 0: they take it out, or it is none of the 20 best
};

/// Generates one token after the other under one configuration, from any token of the tree: the same bits as one call
/// that chose the same tokens. Greedy decoding and sampling, with every processor, constraint and draft; one
/// completion. Nothing but tokens is held between calls: each call computes its branch again. Not thread-safe.
class SKALD_API Session {
 public:
  using Node = std::int32_t;  // index in nodes()
  static constexpr Node kRoot = 0;

  /// Throws OptionError for configurations that give several completions, beams or contrastive search.
  Session(Model model, const Prompt& prompt, const GenerationConfig& config = {});
  /// Reads what save() wrote. Throws FormatError for what is no session, UnsupportedError for another version,
  /// OptionError where `model` is not the one that the session was made with. Another precision or instruction set than
  /// before is told to the log: numbers may differ in their last bits from there on.
  static Session load(const std::string& path, Model model);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// Writes tokens, options, the keys of all draws and what identifies the model. Throws PathError.
  void save(const std::string& path) const;

  [[nodiscard]] const std::vector<SessionNode>& nodes() const;
  [[nodiscard]] const Model& model() const;
  [[nodiscard]] const std::vector<TokenId>& prompt() const;
  /// With the seed, which is fixed for the whole session.
  [[nodiscard]] const GenerationConfig& config() const;
  /// Tokens from the root to `node`, and their text.
  [[nodiscard]] std::vector<TokenId> tokens(Node node) const;
  [[nodiscard]] std::string text(Node node) const;

  /// Goes on after `node` by `n` tokens, or fewer where the completion ends. Returns the last node. The text that is
  /// new goes to `stream`. A branch that was there before is followed as far as it is the same. With `fork`, the tokens
  /// are drawn with other numbers than those of any branch before: another continuation.
  Node generate(Node node, std::int64_t n, bool fork = false, StreamCallback stream = {});
  /// Puts a token, or the tokens of a text, after `node`, whatever the options say. Returns the last node.
  Node force(Node node, TokenId token);
  Node force(Node node, std::string_view text);
  /// The `n` most probable tokens after `node`, in [1, 20]; none where the completion ends there.
  [[nodiscard]] std::vector<Alternative> alternatives(Node node, std::int64_t n);
  /// Puts those into the tree. Returns their nodes.
  std::vector<Node> expand(Node node, std::int64_t n);
  /// What one call would have returned for the tokens up to `node`, with all that the configuration asks for.
  [[nodiscard]] Completion completion(Node node);

  /// The tree: {"prompt": [...], "nodes": [{"id", "parent", "token", "text", "logprob", ...}]}, and as the text of a
  /// diagram for Graphviz and Mermaid.
  [[nodiscard]] std::string to_json() const;
  [[nodiscard]] std::string to_graphviz() const;
  [[nodiscard]] std::string to_mermaid() const;

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace skald
