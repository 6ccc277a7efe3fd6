// The library of attributes that a text can be guided to: share/attributes.json.
#include "decode/options.h"
#include "json/value.h"

namespace skald {
namespace {

constexpr char kLibrary[] = {
#include <attributes.inc>  // share/attributes.json as numbers, made by cmake/embed.cmake
};

}  // namespace

std::span<const Attribute> attribute_library() {
  static const std::vector<Attribute> library = [] {
    GenerationConfig config;
    decode::assign(config, *decode::find_option("attributes"),
                   json::parse({kLibrary, sizeof kLibrary}, "attributes.json"), "attributes.json", "attributes");
    return *config.attributes;
  }();
  return library;
}

}  // namespace skald
