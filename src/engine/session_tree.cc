#include "engine/session_tree.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "json/value.h"
#include "skald/error.h"  // quoted

namespace skald::engine {
namespace {

std::string text_of(const Session& session, TokenId token) {
  if (!session.model().has_tokenizer()) return std::to_string(token);
  return session.model().tokenizer().decode(std::span(&token, 1));
}

// What a node is called in a diagram: 'text' and the probability.
std::string label_of(const Session& session, const SessionNode& node) {
  if (node.parent < 0) return "prompt, " + std::to_string(session.prompt().size()) + " tokens";
  std::string label = quoted(text_of(session, node.token));
  if (!node.logprob) return label;
  std::array<char, 16> percent{};
  std::snprintf(percent.data(), percent.size(), " %.1f%%", 100 * std::exp(static_cast<double>(*node.logprob)));
  return label + percent.data();
}

std::string escaped_for_graphviz(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// Mermaid takes characters by their numbers.
std::string escaped_for_mermaid(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\"#<>&`[]{}|\\").find(c) == std::string_view::npos) {
      out += c;
    } else {
      out += "#" + std::to_string(static_cast<int>(c)) + ";";
    }
  }
  return out;
}

}  // namespace

std::string session_json(const Session& session) {
  json::Array prompt, nodes;
  for (const TokenId token : session.prompt()) prompt.emplace_back(static_cast<std::int64_t>(token));
  for (std::size_t i = 1; i < session.nodes().size(); ++i) {
    const SessionNode& node = session.nodes()[i];
    json::Object object{{"id", static_cast<std::int64_t>(i)},
                        {"parent", static_cast<std::int64_t>(node.parent)},
                        {"token", static_cast<std::int64_t>(node.token)},
                        {"text", text_of(session, node.token)},
                        {"fork", static_cast<std::int64_t>(node.fork)},
                        {"forced", node.forced},
                        {"ends", node.ends}};
    if (node.logprob) object.push_back({"logprob", static_cast<double>(*node.logprob)});
    nodes.emplace_back(std::move(object));
  }
  return json::dump(json::Object{{"seed", static_cast<std::int64_t>(*session.config().seed)},
                                 {"prompt", std::move(prompt)},
                                 {"nodes", std::move(nodes)}});
}

std::string session_graphviz(const Session& session) {
  std::string out = "digraph session {\n  node [shape=box];\n";
  for (std::size_t i = 0; i < session.nodes().size(); ++i) {
    const SessionNode& node = session.nodes()[i];
    const std::string name = "n" + std::to_string(i);
    out += "  " + name + " [label=\"" + escaped_for_graphviz(label_of(session, node)) + "\"" +
           (node.forced ? ", style=bold" : "") + "];\n";
    if (node.parent >= 0) out += "  n" + std::to_string(node.parent) + " -> " + name + ";\n";
  }
  return out + "}\n";
}

std::string session_mermaid(const Session& session) {
  std::string out = "graph TD\n";
  for (std::size_t i = 0; i < session.nodes().size(); ++i) {
    const SessionNode& node = session.nodes()[i];
    const std::string name = "n" + std::to_string(i);
    out += "  ";
    if (node.parent >= 0) out.append("n").append(std::to_string(node.parent)).append(" --> ");
    out.append(name).append("[\"").append(escaped_for_mermaid(label_of(session, node))).append("\"]\n");
  }
  return out;
}

}  // namespace skald::engine
