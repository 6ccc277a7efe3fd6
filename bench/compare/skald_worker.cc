// skald_worker model PATH THREADS BITS | tokenizers: Skald's side of bench/compare. It loads once, tells so in a line
// of JSON, and answers each line of its input by one, as the workers in Python do:
//   generate PROMPT NEW ROWS BEAMS   {"first_s": until all rows have a token, "step_s": of each step after that}
//   encode FOLDER FILE whole|lines   {"seconds": of one thread, "bytes": of the text}
//   peak                             {"bytes": of memory so far}
//   bandwidth                        {"bytes_per_s": that the same threads read from memory}
#include <charconv>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "row_times.h"
#include "skald/skald.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Times {
  double first_s = 0;  // from the call until every row has a token
  double step_s = 0;   // of a step after that; 0 where there is none
};

struct Work {
  std::int64_t prompt = 0, tokens = 0, rows = 1, beams = 1;
};

// Others in each call, since a program may keep what it computed of a prompt.
std::vector<skald::Prompt> random_prompts(const Work& work, std::int64_t vocabulary) {
  static std::mt19937_64 random(0);
  std::vector<skald::Prompt> prompts;
  for (std::int64_t row = 0; row < work.rows; ++row) {
    std::vector<skald::TokenId> ids;  // [prompt]; the first few ids are special tokens of most models
    for (std::int64_t i = 0; i < work.prompt; ++i) {
      ids.push_back(static_cast<skald::TokenId>(10 + random() % static_cast<std::uint64_t>(vocabulary - 10)));
    }
    prompts.emplace_back(std::move(ids));
  }
  return prompts;
}

// A stream of beams tells tokens late: the timings tell when the steps were.
Times times_of_beams(const std::vector<skald::Completion>& completions) {
  Times times;
  for (const skald::Completion& each : completions) {
    times.first_s = std::max(times.first_s, each.timings.queued + each.timings.prefill);
    const double rate = each.timings.tokens_per_second(std::ssize(each.token_ids));
    if (rate > 0) times.step_s = std::max(times.step_s, 1 / rate);
  }
  return times;
}

Times run(const skald::Model& model, const Work& work) {
  skald::GenerationConfig config{.max_new_tokens = work.tokens, .do_sample = false, .num_beams = work.beams};
  config.eos_token_id.emplace();  // none: every row runs to its end
  config.prefix_cache = false;    // every run computes its prompts
  std::vector<skald::Prompt> prompts = random_prompts(work, model.info().vocab_size);
  if (work.beams > 1) return times_of_beams(model.submit(std::move(prompts), config).wait());
  skald::cli::RowTimes times(work.rows, work.tokens);
  model.submit(std::move(prompts), config, [&times](const skald::StreamEvent& event) { times.count(event); }).wait();
  const double rate = times.decode_rate();
  return {.first_s = times.prefill_seconds(), .step_s = rate > 0 ? static_cast<double>(work.rows) / rate : 0};
}

std::string generate(const skald::Model& model, std::istream& words) {
  Work work;
  words >> work.prompt >> work.tokens >> work.rows >> work.beams;
  run(model, {work.prompt, std::min<std::int64_t>(work.tokens, 2), work.rows, work.beams});  // grows what has to grow
  const Times times = run(model, work);
  std::ostringstream out;
  out << R"({"first_s": )" << times.first_s << R"(, "step_s": )" << times.step_s << "}";
  return out.str();
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string_view> pieces(std::string_view text, bool by_line) {
  std::vector<std::string_view> out;
  while (by_line && !text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!by_line) out.push_back(text);
  return out;
}

std::string encode(std::istream& words) {
  static std::map<std::string, skald::Tokenizer> tokenizers;  // by folder
  std::string folder, file, how;
  words >> folder >> file >> how;
  if (!tokenizers.contains(folder)) tokenizers.emplace(folder, skald::Tokenizer::load(folder));
  const skald::Tokenizer& tokenizer = tokenizers.at(folder);
  const std::string text = read_text(file);
  const std::vector<std::string_view> parts = pieces(text, how == "lines");
  const auto start = Clock::now();
  std::size_t tokens = 0;
  for (const std::string_view part : parts) tokens += tokenizer.encode_ids(part).size();
  std::ostringstream out;
  out << R"({"seconds": )" << seconds_since(start) << R"(, "bytes": )" << text.size() << R"(, "tokens": )" << tokens
      << "}";
  return out.str();
}

// A line of JSON that says why something was not run. Errors of Skald are one line, in printable characters.
std::string refusal(const std::exception& error) {
  std::string text;
  for (const char* c = error.what(); *c != '\0'; ++c) {
    if (*c == '"' || *c == '\\') text += '\\';
    text += static_cast<unsigned char>(*c) < ' ' ? ' ' : *c;
  }
  return R"({"not_run": ")" + text + "\"}";
}

using Answer = std::function<std::string(const std::string& what, std::istream& words)>;

void serve(const Answer& answer) {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    try {
      std::cout << answer(what, words) << std::endl;
    } catch (const std::exception& error) {
      std::cout << refusal(error) << std::endl;
    }
  }
}

void serve_model(const std::string& path, int threads, int bits) {
  const auto start = Clock::now();
  const skald::Model model = skald::Model::load(path, {.bits = bits, .threads = threads});
  run(model, {.prompt = 8, .tokens = 1});
  std::cout << R"({"load_s": )" << seconds_since(start) << R"(, "peak_bytes": )" << skald::peak_memory()
            << R"(, "weight_bytes": )" << model.weight_bytes() << "}" << std::endl;
  serve([&](const std::string& what, std::istream& words) -> std::string {
    if (what == "generate") return generate(model, words);
    if (what == "peak") return R"({"bytes": )" + std::to_string(skald::peak_memory()) + "}";
    if (what == "bandwidth") {
      return R"({"bytes_per_s": )" + std::to_string(skald::measure_memory_bandwidth(model.threads())) + "}";
    }
    throw std::invalid_argument("no work '" + what + "'");
  });
}

void serve_tokenizers() {
  std::cout << R"({"load_s": 0})" << std::endl;
  serve([](const std::string&, std::istream& words) { return encode(words); });
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 4 && words[0] == "model") {
      serve_model(words[1], std::stoi(words[2]), std::stoi(words[3]));
    } else if (words.size() == 1 && words[0] == "tokenizers") {
      serve_tokenizers();
    } else {
      std::cerr << "usage: skald_worker model PATH THREADS BITS | tokenizers\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cout << refusal(error) << std::endl;
    return 1;
  }
  return 0;
}
