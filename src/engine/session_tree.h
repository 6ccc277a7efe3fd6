// The tree of a session as text for programs and for diagrams.
#pragma once

#include <string>

#include "skald/session.h"

namespace skald::engine {

std::string session_json(const Session& session);
std::string session_graphviz(const Session& session);
std::string session_mermaid(const Session& session);

}  // namespace skald::engine
