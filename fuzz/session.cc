// Any bytes as a saved session. One that is accepted is a tree, and is written as it was read.
#include "decode/session_file.h"
#include "support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skald;
  fuzz::expect_clean_errors([&] {
    const json::Value root = json::parse(fuzz::as_text(data, size), "session", {.depth = 16, .nodes = 10000});
    const decode::SessionFile session = decode::read_session(root, "session");
    for (std::size_t i = 0; i < session.nodes.size(); ++i) {
      fuzz::require(session.nodes[i].parent >= 0 && session.nodes[i].parent <= static_cast<std::int32_t>(i));
      fuzz::require(session.nodes[i].token >= 0 && session.nodes[i].token < session.vocab_size);
    }
    const decode::SessionFile again =
        decode::read_session(json::parse(decode::dump_session(session), "session"), "session");
    fuzz::require(again.nodes == session.nodes && again.prompt == session.prompt);
  });
  return 0;
}
