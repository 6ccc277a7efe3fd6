// skald template: a conversation as a model's chat template writes it. Only the tokenizer's files are read.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "command.h"
#include "input.h"
#include "json_object.h"
#include "skald/chat.h"
#include "skald/skald.h"
#include "skald/text.h"
#include "terminal.h"

namespace skald::cli {
namespace {

class Template final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {
        .name = "template",
        .summary = "Show a conversation as a model's chat template writes it.",
        .synopsis = "MODEL --messages F [--tools F] [--template F|NAME] [--add-generation-prompt] [--ids | --json]",
        .details =
            "F is a JSON file (- is standard input). MODEL may be left out where --template names a file.\n"
            "Special tokens in the text of messages stay text; --parse-messages reads them as tokens.",
        .examples =
            "skald template path/to/model --messages chat.json --add-generation-prompt\n"
            "echo '[{\"role\": \"user\", \"content\": \"Hello\"}]' | skald template path/to/model --messages - --ids\n"
            "skald template --template my.jinja --messages chat.json --set bos_token='\"<s>\"'"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Input");
    flags.text("--messages,-m", "F", messages_, "The messages: a JSON array of {\"role\": ..., \"content\": ...}.");
    flags.text("--tools", "F", tools_, "Tools that the model may call: a JSON array of their schemas.");
    flags.text("--documents", "F", documents_, "Documents that the answer may draw on: a JSON array of objects.");
    flags.text("--template,-t", "F|NAME", template_,
               "A template in a file in place of the model's, or the name of one of the model's.");
    flags.add(
        "--set", "NAME=JSON", "A further variable of the template: --set enable_thinking=false.",
        [this](const std::string& name, const std::string& value) { set(name, value); }, /*repeatable=*/true);
    flags.group("Options");
    flags.toggle("--add-generation-prompt,-g", input_.add_generation_prompt,
                 "End with what begins the assistant's answer.");
    flags.toggle("--continue-final-message", input_.continue_final_message,
                 "End inside the last message, which is to be gone on with.");
    flags.toggle("--parse-messages", parse_messages_,
                 "Read control tokens in the text of messages as tokens, as transformers does.");
    flags.group("Output");
    flags.toggle("--ids", ids_, "Write the token ids, as `skald generate --ids` takes them.");
    flags.toggle("--json", json_,
                 "Write one JSON object: {\"text\": ..., \"template\": ..., \"from_caller\": [[a, b], ...], "
                 "\"generated\": [[a, b], ...], \"ids\": [...], \"assistant_mask\": [...]}.");
  }

  int run(const std::vector<std::string>& positional) override {
    if (positional.size() == 2 && !messages_) {
      throw OptionError(ErrorFields{.field = quoted(positional[1]),
                                    .rule = "is one argument too many: a file of messages goes after --messages"});
    }
    if (!messages_) throw OptionError("--messages is missing: skald template MODEL --messages F");
    if (json_ && ids_) throw OptionError("give one of --json and --ids, not both");
    if (positional.size() > 1) {
      throw OptionError(
          ErrorFields{.field = quoted(positional[1]), .rule = "is one argument too many after the model"});
    }
    const std::string model = positional.empty() ? "" : named_model(positional[0]);
    const ChatTemplate chat = load(model);
    input_.messages = read_text(*messages_);
    if (tools_) input_.tools = read_text(*tools_);
    if (documents_) input_.documents = read_text(*documents_);
    if (!variables_.empty()) input_.variables = "{" + variables_ + "}";
    const RenderedChat rendered = chat.render(input_);
    write(chat, rendered, model);
    return 0;
  }

 private:
  void set(const std::string& flag, const std::string& value) {
    const std::size_t end = value.find('=');
    if (end == 0 || end == std::string::npos) {
      throw OptionError(ErrorFields{.field = flag, .value = quoted(value), .rule = "takes NAME=JSON"});
    }
    const std::string json = value.substr(end + 1);
    const bool is_word = json == "true" || json == "false" || json == "null";
    if (!is_word && json.find_first_of("\"[{-0123456789 ") != 0) {
      throw OptionError(ErrorFields{.field = flag,
                                    .value = quoted(value),
                                    .rule = "takes NAME=JSON, where a text is in quotes: --set name='\"text\"'"});
    }
    variables_ += (variables_.empty() ? "" : ", ") + json_quote(value.substr(0, end)) + ": " + json;
  }

  ChatTemplate load(const std::string& model) {
    const bool is_file = template_ && (*template_ == "-" || std::filesystem::is_regular_file(*template_));
    if (is_file) return ChatTemplate::from_source(read_text(*template_), *template_, model);
    if (model.empty()) {
      throw OptionError("the model is missing: skald template MODEL --messages F (or --template F, a file)");
    }
    ChatTemplate chat = ChatTemplate::load(model);
    if (!template_) return chat;
    const std::vector<std::string> names = chat.names();
    if (std::find(names.begin(), names.end(), *template_) == names.end()) {
      std::string known;
      for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
      throw OptionError(ErrorFields{.field = "--template",
                                    .value = quoted(std::string_view(*template_)),
                                    .rule = "is no file, and the model's are: " + known});
    }
    input_.template_name = *template_;
    return chat;
  }

  void write(const ChatTemplate& chat, const RenderedChat& rendered, const std::string& model) const {
    if (!ids_ && !json_) return write_output(for_output(rendered.text));
    if (ids_ && model.empty()) throw OptionError("--ids needs a MODEL, whose tokenizer makes them");
    std::optional<ChatTokens> tokens;
    if (!model.empty()) tokens = chat.encode(rendered, Tokenizer::load(model), parse_messages_);
    if (ids_) {
      std::string line;
      for (const TokenId id : tokens->ids) line += (line.empty() ? "" : ",") + std::to_string(id);
      return write_output(line + "\n");
    }
    const auto pair = [](const auto& range) {
      return "[" + std::to_string(range.first) + ", " + std::to_string(range.second) + "]";
    };
    JsonObject out;
    out.add("text", rendered.text)
        .add("template", rendered.template_name)
        .add_raw("from_caller", json_array(rendered.from_caller, pair))
        .add_raw("generated", json_array(rendered.generated, pair));
    if (tokens) {
      out.add_raw("ids", json_integers(tokens->ids))
          .add_raw("assistant_mask", json_array(tokens->generated, [](bool in) { return in ? "1" : "0"; }));
    }
    write_output(out.line());
  }

  std::optional<std::string> messages_, tools_, documents_, template_;
  std::string variables_;
  ChatInput input_;
  bool parse_messages_ = false;
  bool ids_ = false;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_template() { return std::make_unique<Template>(); }

}  // namespace skald::cli
