// Turns between a person and a model, and the commands over them: what generate --interactive and chat share.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skald/chat.h"
#include "skald/model.h"
#include "slash_commands.h"

namespace skald::cli {

class Dialogue {
 public:
  struct Setup {
    Model model;
    GenerationConfig config;  // what flags and files say
    std::function<Model(const std::string& path)> load;
    std::optional<std::string> system = {};     // what the model is told before the first turn
    std::optional<std::string> save_file = {};  // written after every turn
  };

  explicit Dialogue(Setup setup);
  virtual ~Dialogue() = default;
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  /// Until the end of standard input, or /quit.
  void run(const std::string& invitation);
  /// Takes messages and options from a file of its kind.
  void load(const std::string& path);

 protected:
  /// Of its files: "chat", "prompts".
  [[nodiscard]] virtual std::string kind() const = 0;
  /// What `messages` are to the model: it goes on with the last one where that is its own, else it answers.
  [[nodiscard]] virtual Prompt prompt_for(const std::vector<ChatMessage>& messages) const = 0;
  /// The options with which `prompt` is answered.
  [[nodiscard]] virtual GenerationConfig config_for(const Prompt& prompt, const GenerationConfig& config) const = 0;
  /// What a terminal shows before the answer.
  [[nodiscard]] virtual std::string before(std::string_view said) const = 0;
  virtual void answered(const Completion& completion) = 0;
  /// The model is about to be replaced by the one at `path`.
  virtual void changes_model(const std::string& path) = 0;

  void forget() { turns_.clear(); }
  [[nodiscard]] const Model& model() const { return model_; }
  SlashCommands commands_;
  std::optional<std::string> system_;

 private:
  struct Turn {
    std::string said, answer;
  };

  void add_turn_commands();
  void add_option_commands();
  void add_file_commands();
  void answer(const std::string& said, const GenerationConfig& config);
  [[nodiscard]] std::vector<ChatMessage> messages() const;
  void retry();
  void undo();
  void show_history() const;
  void show_probabilities(std::string_view text) const;
  void show_status() const;
  void set(std::string_view setting);
  void set_seed(std::string_view seed);
  void save(const std::string& path) const;
  void check_one(const GenerationConfig& config) const;

  Model model_;
  GenerationConfig start_, config_;
  std::function<Model(const std::string&)> load_model_;
  std::optional<std::string> save_file_;
  std::vector<Turn> turns_;
  std::optional<std::uint64_t> last_seed_;
};

}  // namespace skald::cli
