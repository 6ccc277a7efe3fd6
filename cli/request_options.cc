#include "request_options.h"

#include "presets.h"

namespace skald::cli {

void RequestOptions::add_to(Flags& flags) {
  flags.group("Options from a file");
  flags.text("--config", "F", file_name_,
             "Take options from this generation_config.json, or the one in this folder; flags go before it.");
  flags.text("--preset", "NAME", preset_name_,
             "Take options that go together; flags and --config go before them. " + preset_list() + ".");
  generation_.add_to(flags);
}

void RequestOptions::read(bool escape) {
  flags_ = generation_.config(escape);
  if (file_name_) file_ = GenerationConfig::load(*file_name_);
  if (preset_name_) preset_ = cli::preset(*preset_name_);
}

std::vector<Notice> notices_of(const Model& model, const GenerationConfig& config) {
  return model.submit({Prompt(std::vector<TokenId>{0})}, config, {}, Door::generate_command).notices();
}

}  // namespace skald::cli
