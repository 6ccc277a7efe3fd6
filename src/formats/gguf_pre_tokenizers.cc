#include "formats/gguf_pre_tokenizers.h"

#include <algorithm>

namespace skald {
namespace {

// clang-format off: patterns are one line each
constexpr std::string_view kGpt2 = R"~('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kLlama3 =
    R"~((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kQwen2 =
    R"~((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kQwen35 =
    R"~((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kMiniCpm =
    R"~((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kTurkish =
    R"~([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kJais2 =
    R"~((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})~";
constexpr std::string_view kO200k =
    R"~([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kO200kDigits =
    R"~([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kTekken =
    R"~([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kKimi =
    R"~([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kBailing =
    R"~('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)~";
constexpr std::string_view kSeedCoder =
    R"~((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kExaoneMoe =
    R"~((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)~";
constexpr std::string_view kDeepSeek3 =
    R"~([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)~";
constexpr std::string_view kSpark =
    R"~([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)~";
constexpr std::string_view kJapanese = R"~([一-龥぀-ゟ゠-ヿ]+)~";
constexpr std::string_view kAsian =
    R"~([一-鿿㐀-䶿豈-\x{faff}\x{3040}-ゟ゠-ヿ･-ﾟ⼀-\x{2fdf}เ-\x{0e7f}\x{0e80}-\x{0eff}ក-\x{17ff}က-႟ꩠ-ꩿꧠ-\x{a9ff}가-\x{d7af}ᄀ-ᇿ]+)~";
constexpr std::string_view kYoutuScripts =
    R"~([가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+)~";
constexpr std::string_view kDeepSeekLetters =
    R"~(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)~";
constexpr std::string_view kDeepSeekPunctuation = R"~(\s?[!-/:-~！-／：-～‘-‟　-。]+)~";
constexpr std::string_view kDeepSeekHan = R"~([一-龥ࠀ-一가-\x{d7ff}]+)~";
constexpr std::string_view kBloom = R"~( ?[^(\s|.,!?…。，、।۔،)]+)~";
constexpr std::string_view kDigit = R"~(\p{N})~";
constexpr std::string_view kDigits = R"~(\p{N}+)~";
constexpr std::string_view kDigits3 = R"~(\p{N}{1,3})~";
constexpr std::string_view kThousands = R"~(\d{1,3}(?=(?:\d{3})*\b))~";
constexpr std::string_view kNumberThousands = R"~(\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N})))~";
constexpr std::string_view kBeforeThousands = R"~((?=(\d{3})+(?!\d)))~";
constexpr std::string_view kLine = R"~([\r\n])~";
constexpr std::string_view kLines = R"~([^\n]+|[\n]+)~";
// clang-format on

// Reference for the names: llama.cpp, llama-vocab.cpp.
constexpr GgufPreTokenizer kPreTokenizers[] = {
    {.name = "default", .cuts = {R"~([\p{P}\$\+<=>\^~\|]+)~", kGpt2, kDigits, R"~([0-9][0-9][0-9])~"}},
    {.name = "gpt-2", .cuts = {kGpt2}},
    {.name = "phi-2", .cuts = {kGpt2}},
    {.name = "jina-es", .cuts = {kGpt2}},
    {.name = "jina-de", .cuts = {kGpt2}},
    {.name = "gigachat", .cuts = {kGpt2}},
    {.name = "jina-v2-es", .cuts = {kGpt2}},
    {.name = "jina-v2-de", .cuts = {kGpt2}},
    {.name = "a.x-4.0", .cuts = {kGpt2}},
    {.name = "mellum", .cuts = {kGpt2}},
    {.name = "modern-bert", .cuts = {kGpt2}},
    {.name = "exaone4", .cuts = {kGpt2}},
    {.name = "jais", .cuts = {kGpt2}},
    {.name = "trillion", .cuts = {kGpt2}},
    {.name = "granite-docling", .cuts = {kGpt2}},
    {.name = "mpt", .cuts = {kGpt2}, .compose = true},
    {.name = "olmo", .cuts = {kGpt2}, .compose = true},
    {.name = "jina-v1-en", .cuts = {kGpt2}, .frames = true},
    {.name = "jina-v2-code", .cuts = {kGpt2}, .frames = true},
    {.name = "roberta-bpe", .cuts = {kGpt2}, .frames = true},
    {.name = "llama3", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "llama-v3", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "llama-bpe", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "falcon3", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "falcon-h1", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "pixtral", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "midm-2.0", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "lfm2", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "jina-v5-nano", .cuts = {kLlama3}, .whole_words = true, .begins = true},
    {.name = "dbrx", .cuts = {kLlama3}},
    {.name = "smaug-bpe", .cuts = {kLlama3}},
    {.name = "chatglm-bpe", .cuts = {kLlama3}},
    {.name = "glm4", .cuts = {kLlama3}, .whole_words = true},
    {.name = "glm5", .cuts = {kLlama3}, .whole_words = true},
    {.name = "minicpm5", .cuts = {kDigits3, kMiniCpm}, .whole_words = true},
    {.name = "jais-2", .cuts = {kJais2}},
    {.name = "qwen2", .cuts = {kQwen2}, .compose = true},
    {.name = "deepseek-r1-qwen", .cuts = {kQwen2}, .compose = true},
    {.name = "kormo", .cuts = {kQwen2}, .compose = true},
    {.name = "f2llmv2", .cuts = {kQwen2}, .compose = true},
    {.name = "megrez", .cuts = {kQwen2}, .compose = true},
    {.name = "stablelm2", .cuts = {kQwen2}},
    {.name = "hunyuan", .cuts = {kQwen2}},
    {.name = "solar-open", .cuts = {kQwen2}},
    {.name = "grok-2", .cuts = {kQwen2}},
    {.name = "qwen35", .cuts = {kQwen35}},
    {.name = "ufakzeka", .cuts = {kTurkish}},
    {.name = "laguna", .cuts = {kLines, kQwen2}},
    {.name = "gpt-4o", .cuts = {kO200k}},
    {.name = "llama4", .cuts = {kO200k}},
    {.name = "kanana2", .cuts = {kO200k}},
    {.name = "talkie", .cuts = {kO200k}},
    {.name = "minimax-m2", .cuts = {kO200k}},
    {.name = "granite-embed-multi-97m", .cuts = {kO200k}, .whole_words = true},
    {.name = "tiny_aya", .cuts = {kThousands, kO200k}, .compose = true},
    {.name = "cohere2moe", .cuts = {kThousands, kO200k}, .compose = true},
    {.name = "kimi-k2", .cuts = {kKimi}},
    {.name = "tekken", .cuts = {kTekken}, .whole_words = true, .begins = true},
    {.name = "youtu", .cuts = {kYoutuScripts, kO200kDigits}, .whole_words = true},
    {.name = "deepseek-llm",
     .cuts = {kLine, kDeepSeekLetters, kDeepSeekPunctuation, R"~(\s+$)~", kDeepSeekHan, kDigits}},
    {.name = "deepseek-coder", .cuts = {kLine, R"~(\s?\p{L}+)~", R"~(\s?\p{P}+)~", kDeepSeekHan, kDigit}},
    {.name = "deepseek-v3", .cuts = {kDigits3, kJapanese, kDeepSeek3}},
    {.name = "hunyuan-dense", .cuts = {kDigits3, kJapanese, kDeepSeek3}},
    {.name = "joyai-llm", .cuts = {kDigits3, kJapanese, kDeepSeek3}},
    {.name = "hy_v4", .cuts = {kDigits3, kJapanese, kDeepSeek3}},
    {.name = "spark2_5", .cuts = {kDigits3, kJapanese, kSpark, kDigit}},
    {.name = "afmoe", .cuts = {kNumberThousands, kAsian, kDeepSeek3}},
    {.name = "falcon", .cuts = {R"~([\p{P}\$\+<=>\^~\|`]+)~", kGpt2, R"~([0-9][0-9][0-9])~"}},
    {.name = "starcoder", .cuts = {kDigit, kGpt2}},
    {.name = "refact", .cuts = {kDigit, kGpt2}},
    {.name = "smollm", .cuts = {kDigit, kGpt2}},
    {.name = "codeshell", .cuts = {kDigit, kGpt2}},
    {.name = "exaone", .cuts = {kDigit, kGpt2}},
    {.name = "minerva-7b", .cuts = {kDigit, kGpt2}},
    {.name = "mellum2", .cuts = {kDigit, kGpt2}},
    {.name = "command-r", .cuts = {kDigit, kGpt2}, .compose = true},
    {.name = "chameleon",
     .cuts = {R"~(<sentinel:[0-9]+>)~", R"~((IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z)~", R"~(([\t\n]|    |  ))~", kDigit,
              R"~([\p{P}!-/:-@\[-`{-~])~", kGpt2},
     .begins = true},
    {.name = "bloom", .cuts = {kBloom}},
    {.name = "gpt3-finnish", .cuts = {kBloom}},
    {.name = "poro-chat", .cuts = {kBloom}},
    {.name = "viking", .cuts = {kBloom, kDigit}},
    {.name = "superbpe", .cuts = {kDigits, kBeforeThousands}},
    {.name = "bailingmoe", .cuts = {kBailing}},
    {.name = "bailingmoe2", .cuts = {kBailing}},
    {.name = "llada-moe", .cuts = {kBailing}},
    {.name = "seed-coder", .cuts = {kSeedCoder}},
    {.name = "exaone-moe", .cuts = {kExaoneMoe}},
    {.name = "gemma4", .cuts = {kLines}, .begins = true, .raw = true},
    {.name = "granite-embed-multi-311m", .cuts = {kLines}, .begins = true, .raw = true},
    {.name = "sarvam-moe", .cuts = {kLines}, .raw = true},
};

}  // namespace

const GgufPreTokenizer* find_gguf_pre_tokenizer(std::string_view name) {
  const auto* const row = std::ranges::find(kPreTokenizers, name, &GgufPreTokenizer::name);
  return row != std::end(kPreTokenizers) ? row : nullptr;
}

std::string known_gguf_pre_tokenizers() {
  std::string names;
  for (const GgufPreTokenizer& row : kPreTokenizers) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

}  // namespace skald
