// Names that come from a person or a hub and become parts of paths.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "skald/hub_store.h"

namespace skald::hub {

/// Letters, digits, '-', '_' and '.', but no "..": what the Hub allows, and never a way out of a folder.
bool is_plain(std::string_view part);

/// Plain parts between slashes, spaces and signs allowed; no way out of a folder.
bool is_plain_path(std::string_view path);

/// The folder of huggingface_hub's cache.
std::filesystem::path cache_folder();

/// models--ORGANISATION--MODEL in the cache.
std::filesystem::path repository_folder(const HubName& name);

}  // namespace skald::hub
