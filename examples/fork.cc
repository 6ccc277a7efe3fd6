// fork [MODEL]: writes a sentence token by token, then asks what else could have stood at its fourth token, goes on
// from each of those, and prints the tree for Graphviz.
#include <skald/skald.h>

#include <cstdio>

int main(int argc, char** argv) {
  try {
    const auto model = skald::Model::load(argc > 1 ? argv[1] : skald::Model::shipped_path());
    skald::Session session(model, "The king said", {.max_new_tokens = 12, .do_sample = false});
    const auto fourth = session.generate(skald::Session::kRoot, 3);
    for (const auto& alternative : session.alternatives(fourth, 3)) {
      std::printf("%5.1f %%  \"%s\"\n", 100 * alternative.probability, alternative.text.c_str());
    }
    for (const auto node : session.expand(fourth, 3)) {
      std::printf("The king said%s\n", session.text(session.generate(node, 8)).c_str());
    }
    std::fputs(session.to_graphviz().c_str(), stdout);
  } catch (const skald::Error& error) {
    std::fprintf(stderr, "fork: %s\n", error.what());
    return 1;
  }
}
