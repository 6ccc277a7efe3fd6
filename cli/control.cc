// skald control: makes a control vector of texts that differ in one respect.
#include <algorithm>
#include <cmath>
#include <optional>

#include "command.h"
#include "generation_flags.h"
#include "input.h"
#include "json_object.h"
#include "report.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

class Control final : public Command {
 public:
  [[nodiscard]] Words words() const override;
  void add_flags(Flags& flags) override;
  int run(const std::vector<std::string>& positional) override;

 private:
  [[nodiscard]] std::vector<std::string> lines_of(const std::string& flag, const std::string& path) const;
  [[nodiscard]] std::vector<TextPair> read_pairs() const;
  [[nodiscard]] std::vector<TextPair> pairs_by_line() const;
  [[nodiscard]] ControlVectorOptions options() const;
  void tell(const ControlVector& vector, std::size_t n_pairs, std::size_t n_openings) const;

  std::optional<std::string> positive_, negative_, pairs_, attribute_, openings_, method_, output_;
  bool escape_ = false;
  bool json_ = false;
  bool quiet_ = false;
  LoadFlags load_;
};

Command::Words Control::words() const {
  return {
      .name = "control",
      .summary = "Make a control vector: a direction that generate can steer along.",
      .synopsis = "[MODEL] --attribute NAME | --pairs F | --positive F --negative F --output F.gguf",
      .details =
          "The vector is made of the model's hidden states at the end of texts that carry something and of texts that "
          "oppose it: of the differences, layer by layer, the mean or the first principal component.\n"
          "With --openings every opening stands behind every text, and the states at its end are compared: what the "
          "text leaves behind in a story that goes on, not its own last word.",
      .examples =
          "skald control --attribute cheerful --openings openings.txt --output cheerful.gguf\n"
          "skald control path/to/model --positive calm.txt --negative wild.txt --method pca --output calm.gguf\n"
          "skald generate -p \"The old king\" --control-vector cheerful=cheerful.gguf --control-vectors cheerful=1.5"};
}

void Control::add_flags(Flags& flags) {
  flags.group("Texts (one of these)");
  flags.text("--attribute", "NAME", attribute_,
             "The two texts of an attribute that comes with Skald: cheerful, formal, ...");
  flags.text("--pairs", "F", pairs_,
             "A JSON file of pairs: {\"name\": {\"positive\": text, \"negative\": text}, ...}.");
  flags.text("--positive", "F", positive_,
             "One text a line; the line of --negative with the same number belongs to it.");
  flags.text("--negative", "F", negative_, "One text a line.");
  flags.group("Making");
  flags.text("--openings", "F", openings_, "One opening a line: each stands behind every text.");
  flags.toggle("--escape,-e", escape_, "Read \\n, \\t, \\\\ and \\xNN in the lines as in C.");
  flags.text("--method", "NAME", method_, "mean or pca. Default: mean.");
  flags.group("Output");
  flags.text("--output,-o", "F", output_, "The GGUF file to write.");
  flags.toggle("--json", json_, "Tell what was made as one JSON object.");
  flags.toggle("--quiet,-q", quiet_, "No warnings and notices on standard error.");
  load_.add_to(flags);
}

std::vector<std::string> Control::lines_of(const std::string& flag, const std::string& path) const {
  std::vector<std::string> lines;
  read_lines(path, [&](std::string_view line, const std::string& source) {
    if (is_blank(line)) return;
    require_utf8(line, source);
    lines.push_back(escape_ ? unescape(flag, line) : std::string(line));
  });
  if (lines.empty()) throw FormatError({.file = path, .rule = "holds no text: one a line is needed"});
  return lines;
}

std::vector<TextPair> Control::pairs_by_line() const {
  if (!positive_ || !negative_) throw OptionError("--positive and --negative belong together: one text a line in each");
  const std::vector<std::string> positive = lines_of("--positive", *positive_);
  const std::vector<std::string> negative = lines_of("--negative", *negative_);
  if (positive.size() != negative.size()) {
    throw OptionError({.field = "--negative",
                       .value = std::to_string(negative.size()) + " lines",
                       .rule = "must be as many as in --positive, " + std::to_string(positive.size())});
  }
  std::vector<TextPair> pairs;
  for (std::size_t i = 0; i < positive.size(); ++i) pairs.push_back({positive[i], negative[i]});
  return pairs;
}

std::vector<TextPair> Control::read_pairs() const {
  const bool by_line = positive_ || negative_;
  if ((by_line ? 1 : 0) + (pairs_ ? 1 : 0) + (attribute_ ? 1 : 0) != 1) {
    throw OptionError("give one of --attribute, --pairs, and --positive with --negative");
  }
  if (by_line) return pairs_by_line();
  std::vector<TextPair> pairs;
  if (attribute_) {
    std::string known;
    for (const Attribute& attribute : attribute_library()) {
      if (attribute.name == *attribute_) pairs.push_back({attribute.positive, attribute.negative});
      known += (known.empty() ? "" : ", ") + attribute.name;
    }
    if (!pairs.empty()) return pairs;
    throw OptionError(
        {.field = "--attribute", .value = quoted(*attribute_), .rule = "is not known; known are " + known});
  }
  GenerationConfig config;
  try {
    config.set("attributes", read_text(*pairs_));
  } catch (const OptionError& error) {
    ErrorFields fields = error.fields();
    fields.file = *pairs_;
    fields.field.clear();
    throw OptionError(std::move(fields));
  }
  for (const Attribute& attribute : *config.attributes) pairs.push_back({attribute.positive, attribute.negative});
  return pairs;
}

ControlVectorOptions Control::options() const {
  ControlVectorOptions options;
  const std::string method = method_.value_or("mean");
  if (method != "mean" && method != "pca") {
    throw OptionError({.field = "--method", .value = quoted(method), .rule = "must be mean or pca"});
  }
  if (method == "pca") options.method = ControlVectorOptions::Method::pca;
  if (openings_) options.openings = lines_of("--openings", *openings_);
  return options;
}

double length_of(const std::vector<float>& direction) {
  double sum = 0;
  for (const float v : direction) sum += static_cast<double>(v) * static_cast<double>(v);
  return std::sqrt(sum);
}

void Control::tell(const ControlVector& vector, std::size_t n_pairs, std::size_t n_openings) const {
  JsonObject lengths;
  Table table;
  table.row("pairs", std::to_string(n_pairs)).row("openings", std::to_string(n_openings));
  for (std::size_t layer = 0; layer < vector.directions.size(); ++layer) {
    if (vector.directions[layer].empty()) continue;
    const double length = length_of(vector.directions[layer]);
    lengths.add(std::to_string(layer), length);
    table.row("layer " + std::to_string(layer), "length " + fixed(length, 3));
  }
  if (!json_) return write_output(table.row("written", *output_).text());
  write_output(JsonObject()
                   .add("output", *output_)
                   .add("pairs", n_pairs)
                   .add("openings", n_openings)
                   .add_raw("lengths", lengths.text())
                   .line());
}

int Control::run(const std::vector<std::string>& positional) {
  show_log(quiet_);
  if (!output_) throw OptionError("--output is missing: the GGUF file to write");
  const std::vector<TextPair> pairs = read_pairs();
  ControlVectorOptions options = this->options();
  const std::string path = model_path(positional);
  const Model model = load_.load(path);
  ProgressBar bar("computing");
  options.progress = [&bar](double fraction) { bar.update(fraction); };
  const ControlVector vector = make_control_vector(model, pairs, options);
  vector.save(*output_);
  tell(vector, pairs.size(), options.openings.size());
  return 0;
}

}  // namespace

std::unique_ptr<Command> make_control() { return std::make_unique<Control>(); }

}  // namespace skald::cli
