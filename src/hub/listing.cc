// What a repository on a hub holds, and what of it a model needs.
#include <algorithm>
#include <array>

#include "hub/gguf_choice.h"
#include "hub/names.h"
#include "json/fields.h"
#include "skald/error.h"
#include "skald/hub_store.h"

namespace skald {
namespace {

constexpr double kMaxBytes = 0x1p50;

bool is_sum(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

HubFile read_file(const json::Fields& fields) {
  HubFile file{.name = fields.need_string("rfilename"), .bytes = 0, .sum = {}};
  if (!hub::is_plain_path(file.name)) fields.fail("rfilename", "must be the path of a file in the repository");
  file.bytes = static_cast<std::uint64_t>(fields.get_number("size", 0, kMaxBytes).value_or(0));
  const auto large = fields.get_object("lfs");
  file.sum = large ? large->need_string("sha256") : fields.get_string("blobId").value_or("");
  if (!is_sum(file.sum, large ? 64 : 40)) fields.fail(large ? "lfs.sha256" : "blobId", "must be a hexadecimal sum");
  return file;
}

// The first of these that is there, or whose index is: its files.
constexpr std::array<std::string_view, 3> kShardable = {"model.safetensors", "pytorch_model.bin",
                                                        "adapter_model.safetensors"};
constexpr std::array<std::string_view, 2> kSingle = {"final_model.pt", "best.pt"};
constexpr std::array<std::string_view, 6> kSmall = {".json", ".jinja", ".txt", ".model", ".yaml", ".yml"};

class Chooser {
 public:
  Chooser(const HubListing& listing, const HubName& name) : listing_(listing), name_(name) {
    for (const HubFile& file : listing.files) names_.push_back(file.name);
  }

  std::vector<HubFile> choose() const {
    const std::vector<std::string> weights = weight_files();
    std::vector<HubFile> files;
    for (const HubFile& file : listing_.files) {
      const bool is_weight = std::ranges::count(weights, file.name) > 0;
      if (is_weight || is_small(file.name)) files.push_back(file);
    }
    return files;
  }

 private:
  [[nodiscard]] bool has(std::string_view name) const { return std::ranges::count(names_, name) > 0; }

  [[nodiscard]] std::vector<std::string> weight_files() const {
    if (name_.quantization.empty()) {
      for (const std::string_view single : kShardable) {
        if (has(single)) return {std::string(single)};
        if (has(std::string(single) + ".index.json")) return with_shards(std::string(single));
      }
      for (const std::string_view single : kSingle) {
        if (has(single)) return {std::string(single)};
      }
    }
    std::vector<std::string> gguf = hub::choose_gguf(names_, name_.quantization, name_.id());
    if (!gguf.empty()) return gguf;
    throw UnsupportedError({.file = name_.id(),
                            .rule = name_.quantization.empty()
                                        ? "has no weights that Skald reads (safetensors, pytorch_model.bin, GGUF)"
                                        : "has no GGUF files"});
  }

  // The index and NAME-*.ENDING.
  [[nodiscard]] std::vector<std::string> with_shards(const std::string& single) const {
    const std::size_t dot = single.rfind('.');
    std::vector<std::string> files = {single + ".index.json"};
    for (const std::string& name : names_) {
      const bool in_folder = name.find('/') != std::string::npos;
      if (!in_folder && name.starts_with(single.substr(0, dot) + "-") && name.ends_with(single.substr(dot))) {
        files.push_back(name);
      }
    }
    return files;
  }

  static bool is_small(std::string_view name) {
    if (name.starts_with("additional_chat_templates/") && name.ends_with(".jinja")) return true;
    if (name.find('/') != std::string_view::npos || name.ends_with(".index.json")) return false;
    const bool licence = name.starts_with("LICENSE") || name.starts_with("NOTICE") || name.starts_with("USE_POLICY");
    return licence || std::ranges::any_of(kSmall, [&](std::string_view kind) { return name.ends_with(kind); });
  }

  const HubListing& listing_;
  const HubName& name_;
  std::vector<std::string> names_;
};

}  // namespace

HubListing read_hub_listing(std::string_view json, const std::string& source) {
  const json::Value root = json::parse(json, source);
  const json::Fields fields(root, source);
  HubListing listing{.commit = fields.need_string("sha"), .files = {}};
  if (!hub::is_plain(listing.commit)) fields.fail("sha", "must be a commit");
  const json::Value* const files = fields.find("siblings");
  if (files == nullptr || !files->is_array()) fields.fail("siblings", "must be the list of the repository's files");
  for (std::size_t i = 0; i < files->as_array().size(); ++i) {
    listing.files.push_back(
        read_file(json::Fields(files->as_array()[i], source, "siblings[" + std::to_string(i) + "]")));
  }
  return listing;
}

std::vector<HubFile> files_to_fetch(const HubListing& listing, const HubName& name) {
  return Chooser(listing, name).choose();
}

}  // namespace skald
