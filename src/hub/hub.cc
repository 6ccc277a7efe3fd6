#include "skald/hub.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "hub/gguf_choice.h"
#include "hub/names.h"
#include "skald/error.h"
#include "skald/hub_store.h"

namespace skald {

namespace fs = std::filesystem;

namespace hub {

bool is_plain(std::string_view part) {
  const auto allowed = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  };
  return !part.empty() && part.size() <= 96 && part[0] != '.' && part.find("..") == std::string_view::npos &&
         std::all_of(part.begin(), part.end(), allowed);
}

bool is_plain_path(std::string_view path) {
  if (path.empty() || path.size() > 512) return false;
  const auto bad = [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '\\'; };
  if (std::any_of(path.begin(), path.end(), bad)) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

fs::path cache_folder() {
  const auto variable = [](const char* key) {
    const char* const value = std::getenv(key);
    return fs::path(value != nullptr ? value : "");
  };
  if (fs::path cache = variable("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const fs::path home = variable("HF_HOME"); !home.empty()) return home / "hub";
  if (const fs::path cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache / "huggingface/hub";
  return variable("HOME") / ".cache/huggingface/hub";
}

fs::path repository_folder(const HubName& name) {
  return cache_folder() / ("models--" + name.organisation + "--" + name.model);
}

}  // namespace hub

namespace {

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// models--ORGANISATION--MODEL holds refs/REVISION, a file with a commit, and snapshots/COMMIT, the model's folder.
std::optional<fs::path> find_snapshot(const HubName& name) {
  constexpr std::uint64_t kMaxReference = 256;
  const fs::path repository = hub::repository_folder(name);
  std::string commit = name.revision;
  if (const fs::path reference = repository / "refs" / name.revision; is_there(reference)) {
    commit = read_text_file(reference, kMaxReference);
    commit.erase(commit.find_last_not_of(" \r\n") + 1);
  }
  const fs::path snapshot = repository / "snapshots" / commit;
  if (!hub::is_plain(commit) || !is_there(snapshot)) return std::nullopt;
  return snapshot;
}

// A GGUF file where one is named, or where the snapshot holds no other weights.
std::optional<std::string> model_in(const fs::path& snapshot, const HubName& name) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(snapshot, error), end; !error && entry != end; entry.increment(error)) {
    if (is_there(entry->path())) names.push_back(entry->path().filename().native());
  }
  const bool others = std::ranges::any_of(
      names, [](const auto& n) { return n.ends_with(".safetensors") || n.ends_with(".bin") || n.ends_with(".pt"); });
  if (name.quantization.empty() && others) return snapshot.native();
  const bool named = !name.quantization.empty();
  try {
    const std::vector<std::string> chosen = hub::choose_gguf(names, name.quantization, name.id());
    if (!chosen.empty()) return (snapshot / chosen.front()).native();
  } catch (const OptionError&) {
    if (!named) throw;
  }
  return named ? std::nullopt : std::optional(snapshot.native());
}

}  // namespace

std::optional<HubName> parse_hub_name(const std::string& name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos) return std::nullopt;
  HubName out{.organisation = name.substr(0, slash), .model = name.substr(slash + 1)};
  const auto take_ending = [&out](char mark, std::string& ending) {
    const std::size_t at = out.model.find(mark);
    if (at == std::string::npos) return true;
    ending = out.model.substr(at + 1);
    out.model.resize(at);
    return hub::is_plain(ending);
  };
  // "model@revision:Q4_K_M": what stands last is taken first.
  if (!take_ending(':', out.quantization) || !take_ending('@', out.revision)) return std::nullopt;
  if (!hub::is_plain(out.organisation) || !hub::is_plain(out.model)) return std::nullopt;
  return out;
}

std::optional<std::string> find_in_cache(const HubName& name) {
  const auto snapshot = find_snapshot(name);
  return snapshot ? model_in(*snapshot, name) : std::nullopt;
}

std::string find_model(const std::string& name) {
  if (name.find('\0') != std::string::npos || is_there(name)) return name;
  const auto repository = parse_hub_name(name);
  if (!repository) return name;
  if (auto found = find_in_cache(*repository)) return std::move(*found);
  throw PathError(PathError::Kind::not_found, ErrorFields{.file = name,
                                                          .rule = "no such folder, and not in the Hugging Face cache " +
                                                                  skald::quoted(hub::cache_folder().native()) +
                                                                  ": fetch it with skald pull " + name});
}

}  // namespace skald
