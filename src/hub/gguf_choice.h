// Which of the GGUF files of a repository is meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skald::hub {

/// The files of one model, in the order of its parts: those whose name ends in `quantization` ("Q4_K_M", in any case);
/// unnamed the only model there is, else Q4_K_M. Empty where `names` holds no GGUF file. Throws OptionError that lists
/// what there is where none is found, naming `model`.
std::vector<std::string> choose_gguf(const std::vector<std::string>& names, std::string_view quantization,
                                     const std::string& model);

}  // namespace skald::hub
