// Any bytes as a config file whose members are read by type.
#include "json/fields.h"

#include "support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skald;
  const fuzz::MemoryFile file(fuzz::as_text(data, size));
  fuzz::expect_clean_errors([&] {
    const json::Value root = json::parse_file(file.path(), {.depth = 16, .nodes = 10000});
    const json::Fields config(root, "config.json");
    const auto read = [&](auto&& get) { fuzz::expect_clean_errors(get); };
    read([&] { return config.need_integer("hidden_size", 1, 1 << 20); });
    read([&] { return config.get_integers("eos_token_id", 0, INT32_MAX); });
    read([&] { return config.get_number("rope_theta", 1, 1e12); });
    read([&] { return config.get_numbers("factors", 0, 1e6); });
    read([&] { return config.get_bool("tie_word_embeddings"); });
    read([&] { return config.get_string("model_type"); });
    read([&] {
      if (const auto scaling = config.get_object("rope_scaling")) (void)scaling->need_number("factor", 1, 1e6);
    });
  });
  return 0;
}
