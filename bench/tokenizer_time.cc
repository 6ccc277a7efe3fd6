// tokenizer_time TEXTS FOLDER...: how the time of a tokenizer grows with its text. The texts of
// bench/hostile_texts.txt, the hardest for one or the other kind, of 1 and of 2 MiB, are encoded in turns by one
// thread, whose processor time is taken. Prints a row of a table for each folder and exits with 1 where a limit below
// is passed.
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "skald/error.h"
#include "text/tokenizer.h"

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr int kTurns = 9;
constexpr double kMostSeconds = 1;       // of 1 MiB
constexpr double kMostGrowth = 2.3;      // from 1 MiB to 2: 2.1 where n numbers are sorted
constexpr double kLeastSeconds = 0.002;  // shorter times say nothing

struct Kind {
  std::string name, unit;
};

char unescaped(std::string_view code) {  // n or xHH
  return code == "n" ? '\n' : static_cast<char>(std::stoi(std::string(code.substr(1)), nullptr, 16));
}

// Lines "name: text", with \n and \xHH, of texts that are repeated.
std::vector<Kind> read_kinds(const char* path) {
  std::ifstream file(path);
  std::vector<Kind> kinds;
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) throw std::runtime_error(std::string(path) + ": a line is no \"name: text\"");
    Kind kind{line.substr(0, colon), {}};
    for (std::size_t at = colon + 2; at < line.size(); ++at) {
      if (line[at] != '\\') {
        kind.unit += line[at];
        continue;
      }
      const std::size_t length = line.substr(at + 1).starts_with('x') ? 3 : 1;
      kind.unit += unescaped(std::string_view(line).substr(at + 1, length));
      at += length;
    }
    kinds.push_back(std::move(kind));
  }
  if (kinds.empty()) throw std::runtime_error(std::string(path) + ": has no texts");
  return kinds;
}

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string repeated(std::string_view unit, std::size_t bytes) {
  std::string text;
  text.reserve(bytes);
  while (text.size() + unit.size() <= bytes) text += unit;
  return text;
}

struct Times {
  double seconds = 1e9;  // of 1 MiB, the least
  double growth = 0;     // to 2 MiB: the median, as what else the machine does slows down one turn or the other
};

Times measure(const skald::text::Tokenizer& tokenizer, std::string_view unit) {
  const std::array<std::string, 2> texts = {repeated(unit, kMiB), repeated(unit, 2 * kMiB)};
  Times times;
  std::vector<double> growths;
  for (int turn = 0; turn <= kTurns; ++turn) {
    std::array<double, 2> taken{};
    for (std::size_t i = 0; i < 2; ++i) {
      const double start = thread_seconds();
      const skald::text::Encoding encoding = tokenizer.encode(texts[i], {.offsets = false});
      taken[i] = thread_seconds() - start;
    }
    times.seconds = std::min(times.seconds, taken[0]);
    if (turn > 0) growths.push_back(taken[1] / taken[0]);  // the first one finds no buffers
  }
  const auto median = growths.begin() + kTurns / 2;
  std::nth_element(growths.begin(), median, growths.end());
  if (times.seconds >= kLeastSeconds) times.growth = *median;
  return times;
}

struct Row {
  double slowest = 0, growth = 0;
  std::string_view slowest_kind, growth_kind;
};

Row measure(const std::string& folder, const std::vector<Kind>& kinds) {
  const skald::text::Tokenizer tokenizer = skald::text::Tokenizer::load(folder);
  Row row;
  for (const Kind& kind : kinds) {
    Times times;
    try {
      times = measure(tokenizer, kind.unit);
    } catch (const skald::Error&) {
      continue;  // a text that this vocabulary cannot spell
    }
    if (times.seconds > row.slowest) {
      row.slowest = times.seconds;
      row.slowest_kind = kind.name;
    }
    if (times.growth > row.growth) {
      row.growth = times.growth;
      row.growth_kind = kind.name;
    }
  }
  return row;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fprintf(stderr, "usage: tokenizer_time bench/hostile_texts.txt FOLDER...\n");
    return 2;
  }
  const std::vector<Kind> kinds = read_kinds(argv[1]);
  bool held = true;
  std::printf("| tokenizer | slowest 1 MiB, s | of | t(2n) / t(n), at most | of |\n|---|---:|---|---:|---|\n");
  for (int i = 2; i < argc; ++i) {
    const Row row = measure(argv[i], kinds);
    std::printf("| %s | %.3f | %.*s | %.2f | %.*s |\n", std::filesystem::canonical(argv[i]).filename().c_str(),
                row.slowest, static_cast<int>(row.slowest_kind.size()), row.slowest_kind.data(), row.growth,
                static_cast<int>(row.growth_kind.size()), row.growth_kind.data());
    std::fflush(stdout);
    held = held && row.slowest <= kMostSeconds && row.growth <= kMostGrowth;
  }
  return held ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tokenizer_time: %s\n", error.what());
  return 2;
}
