// skald pull: a model from a hub into the Hugging Face cache.
#include "pull.h"

#include "hub_client.h"
#include "json_object.h"
#include "report.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

class Pull final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {
        .name = "pull",
        .summary = "Fetch a model from the Hugging Face hub.",
        .synopsis = "NAME",
        .details =
            "NAME is ORGANISATION/MODEL, with @REVISION and :QUANTISATION after it where wanted: of a repository of "
            "GGUF files, the one whose name ends so (default: Q4_K_M).\n"
            "What the model needs to run goes into the cache that transformers uses too ($HF_HUB_CACHE, "
            "$HF_HOME/hub, ~/.cache/huggingface/hub); what is there is not fetched again, and an interrupted "
            "download goes on where it ended. Every file's checksum is compared with the hub's.\n"
            "The other commands fetch a model of such a NAME by themselves. HF_HUB_OFFLINE=1 keeps them off the "
            "network, HF_TOKEN gives access to private models, HF_ENDPOINT names another hub.",
        .examples =
            "skald pull HuggingFaceTB/SmolLM2-135M-Instruct\n"
            "skald pull bartowski/Qwen2.5-0.5B-Instruct-GGUF:Q8_0\n"
            "skald generate HuggingFaceTB/SmolLM2-135M-Instruct --prompt \"Once upon a time\""};
  }

  void add_flags(Flags& flags) override {
    flags.group("Options");
    flags.toggle("--json", json_, "Write one JSON object.");
    flags.toggle("--quiet,-q", quiet_, "No progress on standard error.");
  }

  int run(const std::vector<std::string>& positional) override {
    if (positional.size() != 1) throw OptionError("skald pull takes one name: skald pull ORGANISATION/MODEL");
    const auto name = parse_hub_name(positional[0]);
    if (!name) {
      throw OptionError({.field = "name",
                         .value = positional[0],
                         .rule = "must be ORGANISATION/MODEL, with @REVISION and :QUANTISATION where wanted"});
    }
    if (is_offline()) {
      throw OptionError(ErrorFields{.field = "HF_HUB_OFFLINE", .rule = "is set: nothing is fetched from the network"});
    }
    const Pulled pulled = pull_model(*name, !quiet_);
    write_output(json_ ? as_json(pulled) : as_line(pulled));
    return 0;
  }

 private:
  static std::string as_json(const Pulled& pulled) {
    return JsonObject()
        .add("path", pulled.path)
        .add("commit", pulled.commit)
        .add("files", pulled.files)
        .add("bytes", pulled.bytes)
        .add("bytes_fetched", pulled.bytes_fetched)
        .line();
  }
  static std::string as_line(const Pulled& pulled) {
    return for_output(pulled.path) + ": " + std::to_string(pulled.files) +
           (pulled.files == 1 ? " file, " : " files, ") + human_bytes(static_cast<double>(pulled.bytes)) +
           ", of which " + human_bytes(static_cast<double>(pulled.bytes_fetched)) + " were fetched\n";
  }

  bool json_ = false;
  bool quiet_ = false;
};

}  // namespace

std::unique_ptr<Command> make_pull() { return std::make_unique<Pull>(); }

}  // namespace skald::cli
