#include "skald/hub.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/file.h"
#include "skald/error.h"

namespace skald {
namespace {

namespace fs = std::filesystem;

// "organisation/model@revision" in its parts.
struct RepositoryName {
  std::string organisation, model, revision;
};

// Letters, digits, '-', '_' and '.', but no "..": what the Hub allows, and never a way out of a folder.
bool is_plain(std::string_view part) {
  const auto allowed = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  };
  return !part.empty() && part.size() <= 96 && part[0] != '.' && part.find("..") == std::string_view::npos &&
         std::all_of(part.begin(), part.end(), allowed);
}

std::optional<RepositoryName> parse_repository_name(const std::string& name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const std::size_t at = std::min(name.find('@', slash), name.size());
  RepositoryName out{
      .organisation = name.substr(0, slash), .model = name.substr(slash + 1, at - slash - 1), .revision = "main"};
  if (at < name.size()) out.revision = name.substr(at + 1);
  if (!is_plain(out.organisation) || !is_plain(out.model) || !is_plain(out.revision)) return std::nullopt;
  return out;
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

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// models--ORGANISATION--MODEL holds refs/REVISION, a file with a commit, and snapshots/COMMIT, the model's folder.
std::optional<fs::path> find_snapshot(const fs::path& cache, const RepositoryName& name) {
  constexpr std::uint64_t kMaxReference = 256;
  const fs::path repository = cache / ("models--" + name.organisation + "--" + name.model);
  std::string commit = name.revision;
  if (const fs::path reference = repository / "refs" / name.revision; is_there(reference)) {
    commit = read_text_file(reference, kMaxReference);
    commit.erase(commit.find_last_not_of(" \r\n") + 1);
  }
  const fs::path snapshot = repository / "snapshots" / commit;
  if (!is_plain(commit) || !is_there(snapshot)) return std::nullopt;
  return snapshot;
}

}  // namespace

std::string find_model(const std::string& name) {
  if (name.find('\0') != std::string::npos || is_there(name)) return name;
  const auto repository = parse_repository_name(name);
  if (!repository) return name;
  const fs::path cache = cache_folder();
  if (const auto snapshot = find_snapshot(cache, *repository)) return snapshot->native();
  throw PathError(PathError::Kind::not_found,
                  ErrorFields{.file = name,
                              .rule = "no such folder, and not in the Hugging Face cache " + quoted(cache.native()) +
                                      ": download it first (hf download " + repository->organisation + "/" +
                                      repository->model + ")"});
}

}  // namespace skald
