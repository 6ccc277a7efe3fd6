#include "decode/stop_strings.h"

namespace skald::decode {

StopStrings::StopStrings(std::span<const std::string> strings) : nodes_(1) {
  for (const std::string& string : strings) insert(string);
  link();
}

StopStrings::State StopStrings::child(State state, unsigned char byte) const {
  if (state == 0) return from_root_[byte];
  State c = nodes_[state].first_child;
  while (c != 0 && nodes_[c].byte != byte) c = nodes_[c].next_sibling;
  return c;
}

StopStrings::State StopStrings::next(State state, unsigned char byte) const {
  for (;;) {
    const State c = child(state, byte);
    if (c != 0 || state == 0) return c;
    state = nodes_[state].fail;
  }
}

void StopStrings::insert(std::string_view string) {
  State state = 0;
  for (const char c : string) {
    const auto byte = static_cast<unsigned char>(c);
    State to = child(state, byte);
    if (to == 0) {
      to = static_cast<State>(nodes_.size());
      nodes_.push_back({.next_sibling = nodes_[state].first_child, .depth = nodes_[state].depth + 1, .byte = byte});
      nodes_[state].first_child = to;
      if (state == 0) from_root_[byte] = to;
    }
    state = to;
  }
  nodes_[state].match = nodes_[state].depth;
}

void StopStrings::link() {
  std::vector<State> queue{0};  // breadth first: a node's fail is nearer to the root
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const State parent = queue[i];
    for (State c = nodes_[parent].first_child; c != 0; c = nodes_[c].next_sibling) {
      Node& node = nodes_[c];
      node.fail = parent == 0 ? 0 : next(nodes_[parent].fail, node.byte);
      if (node.match == 0) node.match = nodes_[node.fail].match;
      queue.push_back(c);
    }
  }
}

bool StopMatcher::push(std::string_view piece, std::string& out) {
  if (!strings_) {
    out += piece;
    return false;
  }
  if (!found_.empty()) return true;
  held_ += piece;
  for (std::size_t i = held_.size() - piece.size(); i < held_.size(); ++i) {
    state_ = strings_->next(state_, static_cast<unsigned char>(held_[i]));
    const std::size_t length = strings_->match(state_);
    if (length == 0) continue;
    const std::size_t end = i + 1;
    found_ = held_.substr(end - length, length);
    behind_ = held_.size() - end;
    out.append(held_, 0, keep_ ? end : end - length);
    held_.clear();
    return true;
  }
  const std::size_t final_bytes = held_.size() - strings_->depth(state_);
  out.append(held_, 0, final_bytes);
  held_.erase(0, final_bytes);
  return false;
}

void StopMatcher::finish(std::string& out) {
  out += held_;
  held_.clear();
  state_ = 0;
}

}  // namespace skald::decode
