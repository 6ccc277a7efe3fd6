// stream [MODEL]: prints a story as it is written, and stops it after two sentences.
#include <skald/skald.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

int main(int argc, char** argv) {
  try {
    const auto model = skald::Model::load(argc > 1 ? argv[1] : skald::Model::shipped_path());
    skald::GenerationConfig config{.max_new_tokens = 120, .temperature = 0.8, .top_p = 0.95, .seed = 7};
    skald::Hooks hooks;
    hooks.stopping_criteria.push_back([&](const skald::StepView& step) {
      const auto written = step.token_ids.subspan(static_cast<std::size_t>(step.prompt_length));
      const std::string text = model.tokenizer().decode(written);
      return std::ranges::count(text, '.') == 2;
    });
    const auto print = [](const skald::StreamEvent& event) {
      std::fputs(event.text.c_str(), stdout);
      std::fflush(stdout);
    };
    std::fputs("Once upon a time", stdout);
    auto generation = model.submit({"Once upon a time"}, config, print, skald::Door::library, std::move(hooks));
    const auto completion = generation.wait().front();
    std::printf("\n[%s by %s, seed %llu]\n", skald::to_string(completion.finish_reason), completion.stopped_by.c_str(),
                static_cast<unsigned long long>(completion.seed));
  } catch (const skald::Error& error) {
    std::fprintf(stderr, "stream: %s\n", error.what());
    return 1;
  }
}
