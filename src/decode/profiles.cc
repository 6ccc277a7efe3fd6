#include "decode/profiles.h"

#include <algorithm>
#include <array>

namespace skald::decode {
namespace {

using std::string_view;

// Samplers of ours that an engine does not have keep the place that fits them.
constexpr std::array<string_view, 14> kLlamaOrder = {"encoder_repetition_penalty",
                                                     "penalties",
                                                     "dry",
                                                     "top_n_sigma",
                                                     "top_k",
                                                     "typical_p",
                                                     "top_p",
                                                     "min_p",
                                                     "top_h",
                                                     "epsilon_cutoff",
                                                     "eta_cutoff",
                                                     "xtc",
                                                     "temperature",
                                                     "mirostat"};
constexpr std::array<string_view, 14> kVllmOrder = {"encoder_repetition_penalty",
                                                    "penalties",
                                                    "dry",
                                                    "temperature",
                                                    "min_p",
                                                    "top_k",
                                                    "top_p",
                                                    "top_n_sigma",
                                                    "top_h",
                                                    "typical_p",
                                                    "epsilon_cutoff",
                                                    "eta_cutoff",
                                                    "xtc",
                                                    "mirostat"};
constexpr std::array<string_view, 14> kCt2Order = {"encoder_repetition_penalty",
                                                   "penalties",
                                                   "dry",
                                                   "top_k",
                                                   "temperature",
                                                   "top_p",
                                                   "top_n_sigma",
                                                   "top_h",
                                                   "min_p",
                                                   "typical_p",
                                                   "epsilon_cutoff",
                                                   "eta_cutoff",
                                                   "xtc",
                                                   "mirostat"};

const std::array<Profile, 6> kProfiles = {
    Profile{.name = "hf", .defaults = {.do_sample = false, .temperature = 1, .top_k = 50, .top_p = 1}},
    Profile{.name = "hf4",
            .penalties_see_pads = true,
            .defaults = {.do_sample = false, .temperature = 1, .top_k = 50, .top_p = 1}},
    Profile{
        .name = "llamacpp",
        .order = kLlamaOrder,
        .top_k_ties_stay = false,
        .counts_see_prompt = true,
        .defaults =
            {.do_sample = true, .temperature = 0.8, .top_k = 40, .top_p = 0.95, .min_p = 0.05, .repeat_last_n = 64}},
    Profile{
        .name = "vllm", .order = kVllmOrder, .defaults = {.do_sample = true, .temperature = 1, .top_k = 0, .top_p = 1}},
    Profile{.name = "ct2",
            .order = kCt2Order,
            .top_k_ties_stay = false,
            .defaults = {.do_sample = true, .temperature = 1, .top_k = 1, .top_p = 1}},
    Profile{.name = "fllm",
            .top_k_ties_stay = false,
            .top_p_crossing_stays = false,
            .repetition_sees_prompt = false,
            .defaults = {.do_sample = true, .temperature = 1, .top_k = 0, .top_p = 1}}};

}  // namespace

std::span<const Profile> profiles() { return kProfiles; }

const Profile& profile_of(const GenerationConfig& config) {
  const auto named = std::ranges::find(kProfiles, string_view(config.profile ? *config.profile : "hf"), &Profile::name);
  return named == kProfiles.end() ? kProfiles[0] : *named;
}

}  // namespace skald::decode
