// Many prompts from a file, answered in order: a window of them runs at a time, so that files of any length do.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "completion_output.h"
#include "input.h"
#include "skald/model.h"
#include "terminal.h"

namespace skald::cli {

struct BatchSettings {
  std::string input;                  // one prompt a line; "-": standard input
  std::optional<std::string> output;  // else standard output
  bool resume = false;                // go on after what `output` has
  bool json = false;                  // JSON lines, else text for people
  bool events = false;                // and a line for each piece of text
  bool timings = false;               // in the JSON lines, and told at the end
  bool quiet = false;
};

class Batch {
 public:
  /// Opens the files, so that a wrong one is told before a model is loaded.
  explicit Batch(BatchSettings settings);

  /// Answers every line: with its completions, or with what is wrong with it, which stops no other. The exit code.
  int run(const Model& model, const GenerationConfig& config);

 private:
  // A prompt under way. `error`: why there is no `generation`.
  struct Job {
    std::int64_t index = 0;
    std::size_t bytes = 0;
    std::uint64_t end = 0;  // of its line, in the file
    std::string place;
    std::optional<Generation> generation = {};
    std::string error = {};
    std::string shown_prompt = {};  // on a terminal
  };

  void skip_answered();
  void fill_window(const Model& model, const GenerationConfig& config);
  void start(const Model& model, const GenerationConfig& config, std::string_view line, Job& job);
  void finish(const Model& model, Job& job);
  void show_progress(const Job& job);
  static std::string shown(const Model& model, const Job& job, const Completion& completion);
  void fail(const Job& job);
  void notify(const std::string& line);
  int end();

  BatchSettings settings_;
  LineReader lines_;
  std::optional<std::string_view> pending_;  // read of lines_, and not begun
  std::int64_t n_prompts_ = 0;               // read so far
  std::int64_t n_failed_ = 0;
  std::string first_failure_;
  bool ended_ = false;  // all prompts are read
  std::size_t window_bytes_ = 0;
  std::set<std::string> told_;
  std::mutex mutex_;  // of timer_ and output: the engine's thread writes events
  CallTimer timer_;
  ProgressBar bar_{"generating"};
  std::deque<Job> window_;  // goes first: its generations call back
};

}  // namespace skald::cli
