// What a hub holds, and how it comes into the Hugging Face cache. Nothing here uses the network: `skald pull` does, and
// puts what it fetches into the cache by HubStore.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skald/export.h"

namespace skald {

/// What a model is called on a hub: "organisation/model", "organisation/model@revision", "organisation/model:Q4_K_M".
struct HubName {
  std::string organisation, model;
  std::string revision = "main";
  std::string quantization = {};  // which of the GGUF files; empty: the folder's weights, or Q4_K_M

  [[nodiscard]] std::string id() const { return organisation + "/" + model; }
};

/// Nothing where `name` cannot be the name of a model on a hub.
SKALD_API std::optional<HubName> parse_hub_name(const std::string& name);

/// As find_model(), of the cache alone; nothing where it is not there.
SKALD_API std::optional<std::string> find_in_cache(const HubName& name);

/// A file of a repository.
struct HubFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string sum;  // hexadecimal: SHA-256 of a large file, SHA-1 of a small one as a git blob
};

/// A revision of a repository.
struct HubListing {
  std::string commit;
  std::vector<HubFile> files;
};

/// Reads the answer of GET api/models/ID/revision/REVISION?blobs=true. Throws FormatError that names `source`.
SKALD_API HubListing read_hub_listing(std::string_view json, const std::string& source);

/// What is needed to run the model: one set of weights (model.safetensors, else pytorch_model.bin, a FundamentaLLM
/// checkpoint, an adapter, or a GGUF file; a named quantisation: that GGUF file), its settings, tokenizer, templates
/// and licence. Throws UnsupportedError where there are no weights, OptionError where it is open which GGUF file is
/// meant.
SKALD_API std::vector<HubFile> files_to_fetch(const HubListing& listing, const HubName& name);

/// One revision of a repository while it is put into the cache, in the layout of huggingface_hub:
/// models--ORG--MODEL/{blobs/SUM, snapshots/COMMIT/FILE -> blobs/SUM, refs/REVISION}.
class SKALD_API HubStore {
 public:
  HubStore(HubName name, std::string commit);

  /// Whether the file is there, whole.
  [[nodiscard]] bool has(const HubFile& file) const;
  /// Where its bytes are to be written, after what an earlier try left there. Makes the folder. Throws PathError.
  [[nodiscard]] std::string partial_path(const HubFile& file) const;
  /// Takes the partial file in. Throws FormatError, and removes it, where its size or sum is wrong.
  void keep(const HubFile& file) const;
  /// Makes the snapshot of `files`, all of them kept, and notes that the revision is it. Throws PathError.
  void finish(const std::vector<HubFile>& files) const;

 private:
  HubName name_;
  std::string commit_;
  std::string folder_;
};

}  // namespace skald
