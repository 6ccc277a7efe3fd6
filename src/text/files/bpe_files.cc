// vocab.json and merges.txt: byte-level BPE as GPT-2 stored it. References: the tokenizer classes of transformers.
#include <algorithm>
#include <array>

#include "base/file.h"
#include "json/fields.h"
#include "skald/error.h"
#include "text/files/vocabulary_files.h"
#include "text/scanners/known.h"

namespace skald::text {
namespace {

constexpr std::uint64_t kMaxMergesBytes = 128U << 20;

enum class Form { gpt2, roberta, blenderbot, qwen2 };

struct ClassForm {
  std::string_view name;
  Form form;
};
constexpr ClassForm kClasses[] = {
    {"", Form::gpt2},
    {"GPT2Tokenizer", Form::gpt2},
    {"CodeGenTokenizer", Form::gpt2},
    {"GPTNeoXTokenizer", Form::gpt2},
    {"PreTrainedTokenizer", Form::gpt2},
    {"RobertaTokenizer", Form::roberta},
    {"BartTokenizer", Form::roberta},
    {"LEDTokenizer", Form::roberta},
    {"LongformerTokenizer", Form::roberta},
    {"BlenderbotTokenizer", Form::blenderbot},
    {"Qwen2Tokenizer", Form::qwen2},
};

Form form_of(const FolderSettings& settings, const std::string& vocab) {
  const std::string name = settings.tokenizer_class();
  const auto* const found = std::ranges::find(kClasses, std::string_view(name), &ClassForm::name);
  if (found != std::end(kClasses)) return found->form;
  std::string known;
  for (const ClassForm& row : kClasses) {
    if (!row.name.empty()) known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw UnsupportedError({.file = vocab,
                          .field = "tokenizer_class",
                          .value = quoted(name),
                          .rule = "how it cuts words is not known without a tokenizer.json; known are " + known});
}

json::Array read_merges(const std::string& path) {
  const std::string text = read_text_file(path, kMaxMergesBytes);
  json::Array merges;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !(at == 0 && line.starts_with("#version"))) merges.emplace_back(std::string(line));
    at = end + 1;
  }
  return merges;
}

json::Value byte_level(bool add_prefix_space, bool use_regex) {
  return json::Object{
      {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

json::Value pre_tokenizer(Form form, bool add_prefix_space) {
  if (form != Form::qwen2) return byte_level(add_prefix_space, /*use_regex=*/true);
  json::Value split = json::Object{{"type", "Split"},
                                   {"pattern", json::Object{{"Regex", std::string(kQwen2Pattern)}}},
                                   {"behavior", "Isolated"},
                                   {"invert", false}};
  return json::Object{{"type", "Sequence"},
                      {"pretokenizers", json::Array{std::move(split), byte_level(add_prefix_space, false)}}};
}

FrameToken need_token(const json::Value& vocabulary, const std::string& path, const std::string& token) {
  const json::Value* const id = vocabulary.find(token);
  if (id != nullptr && id->is_integer()) return {token, id->as_integer()};
  throw FormatError({.file = path, .field = quoted(token), .rule = "a text ends with it, but it is no token"});
}

}  // namespace

VocabularyFile read_bpe_files(const std::string& vocab, const std::string& merges, const FolderSettings& settings) {
  const Form form = form_of(settings, vocab);
  json::Value vocabulary = json::parse_file(vocab);
  static_cast<void>(json::Fields(vocabulary, vocab));  // an object
  const bool spaced = settings.flag("add_prefix_space").value_or(false);
  const auto named = [&](const char* role, const char* usual) {
    return need_token(vocabulary, vocab, settings.token(role).value_or(usual));
  };
  json::Object out;
  if (form == Form::roberta) {
    const FrameToken cls = named("cls_token", "<s>"), sep = named("sep_token", "</s>");
    out.push_back({"post_processor", json::Object{{"type", "RobertaProcessing"},
                                                  {"cls", json::Array{json::Value(cls.token), json::Value(cls.id)}},
                                                  {"sep", json::Array{json::Value(sep.token), json::Value(sep.id)}},
                                                  {"trim_offsets", true},
                                                  {"add_prefix_space", spaced}}});
  } else if (form == Form::blenderbot) {
    out.push_back({"post_processor", frame({}, {named("eos_token", "</s>")})});
  }
  if (form == Form::qwen2) out.push_back({"normalizer", json::Object{{"type", "NFC"}}});
  out.push_back({"pre_tokenizer", pre_tokenizer(form, spaced)});
  out.push_back({"decoder", byte_level(true, true)});
  out.push_back(
      {"model", json::Object{{"type", "BPE"}, {"vocab", std::move(vocabulary)}, {"merges", read_merges(merges)}}});
  json::Object roles;
  if (form == Form::roberta || form == Form::blenderbot) {
    for (const auto& [role, token] :
         {std::pair("bos_token", "<s>"), {"eos_token", "</s>"}, {"pad_token", "<pad>"}, {"unk_token", "<unk>"}}) {
      roles.push_back({role, token});
    }
    roles.push_back({"mask_token", json::Object{{"content", "<mask>"}, {"lstrip", true}, {"normalized", false}}});
  } else {
    roles.push_back({"eos_token", "<|endoftext|>"});
    if (form == Form::gpt2) roles.push_back({"bos_token", "<|endoftext|>"});
  }
  return {.path = vocab, .tokenizer = std::move(out), .roles = std::move(roles)};
}

}  // namespace skald::text
