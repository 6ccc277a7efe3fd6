// tokenizer_time FOLDER...: how the time of a tokenizer grows with its text. Texts that are the hardest for one or the
// other kind, of 1 and of 2 MiB, are encoded in turns by one thread, until the least processor time of neither has
// fallen for some turns. Prints a row of a table for each folder and exits with 1 where a limit below is passed.
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "skald/error.h"
#include "text/tokenizer.h"

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr int kTurns = 6;                // without a shorter time, which are enough
constexpr double kMostSeconds = 1;       // of 1 MiB
constexpr double kMostGrowth = 2.3;      // from 1 MiB to 2: 2.1 where n numbers are sorted
constexpr double kLeastSeconds = 0.002;  // shorter times say nothing

struct Kind {
  std::string_view name, unit;
};
constexpr Kind kKinds[] = {
    {"one letter", "a"},
    {"two letters", "ab"},
    {"underscores", "_"},
    {"spaces", " "},
    {"lines", "\n"},
    {"digits", "7"},
    {"signs", "!?"},
    {"accents", "e\u0301\u0300"},
    {"marks alone", "\u0301\u0323"},
    {"ideographs", "\u4e00\u9f8d"},
    {"joined emoji", "\U0001f468\u200d\U0001f469\u200d"},
    {"words", "the old king had three daughters and "},
    {"words without spaces", "theoldkinghadthreedaughtersand"},
    {"bytes that are no text", "\xff\xc0\x80\xed\xa0\x80"},
    {"zeros", std::string_view("\0", 1)},
};

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

/// Least seconds of encoding 1 MiB of `unit`, and twice as much.
std::array<double, 2> seconds(const skald::text::Tokenizer& tokenizer, std::string_view unit) {
  const std::array<std::string, 2> texts = {repeated(unit, kMiB), repeated(unit, 2 * kMiB)};
  std::array<double, 2> least = {1e9, 1e9};
  for (int turn = 0; turn < kTurns; ++turn) {
    for (std::size_t i = 0; i < 2; ++i) {
      const double start = thread_seconds();
      const skald::text::Encoding encoding = tokenizer.encode(texts[i], {.offsets = false});
      const double taken = thread_seconds() - start;
      if (taken < 0.99 * least[i]) turn = -1;
      least[i] = std::min(least[i], taken);
    }
  }
  return least;
}

struct Row {
  double slowest = 0, growth = 0;
  std::string_view slowest_kind, growth_kind;
};

Row measure(const std::string& folder) {
  const skald::text::Tokenizer tokenizer = skald::text::Tokenizer::load(folder);
  Row row;
  for (const Kind& kind : kKinds) {
    std::array<double, 2> times{};
    try {
      times = seconds(tokenizer, kind.unit);
    } catch (const skald::Error&) {
      continue;  // a text that this vocabulary cannot spell
    }
    if (times[0] > row.slowest) {
      row.slowest = times[0];
      row.slowest_kind = kind.name;
    }
    const double growth = times[0] < kLeastSeconds ? 0 : times[1] / times[0];
    if (growth > row.growth) {
      row.growth = growth;
      row.growth_kind = kind.name;
    }
  }
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  bool held = true;
  std::printf("| tokenizer | slowest 1 MiB, s | of | t(2n) / t(n), at most | of |\n|---|---:|---|---:|---|\n");
  for (int i = 1; i < argc; ++i) {
    const Row row = measure(argv[i]);
    std::printf("| %s | %.3f | %.*s | %.2f | %.*s |\n", std::filesystem::canonical(argv[i]).filename().c_str(),
                row.slowest, static_cast<int>(row.slowest_kind.size()), row.slowest_kind.data(), row.growth,
                static_cast<int>(row.growth_kind.size()), row.growth_kind.data());
    std::fflush(stdout);
    held = held && row.slowest <= kMostSeconds && row.growth <= kMostGrowth;
  }
  return held ? 0 : 1;
}
