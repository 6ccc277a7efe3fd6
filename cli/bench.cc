// skald bench: the speed of a model on this machine, against what its memory allows.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>

#include "command.h"
#include "generation_flags.h"
#include "json_object.h"
#include "report.h"
#include "row_times.h"
#include "skald/skald.h"
#include "terminal.h"

namespace skald::cli {
namespace {

using Clock = std::chrono::steady_clock;

const Clock::time_point process_start = Clock::now();  // before main(): dynamic loading is not in it

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

struct Rates {
  double prefill_seconds = 0;      // from the start of the call until every row has its first token
  double decode_tokens_per_s = 0;  // of all rows, after that
  std::vector<double> gaps = {};   // seconds between the tokens of a row; none of beams
};

// A stream of beams tells a token once all beams have it, so that it does not tell when the steps were: the timings do.
Rates rates_of_beams(const std::vector<Completion>& completions, std::int64_t beams) {
  Rates rates;
  for (const Completion& each : completions) {
    rates.prefill_seconds = std::max(rates.prefill_seconds, each.timings.queued + each.timings.prefill);
    rates.decode_tokens_per_s +=
        each.timings.tokens_per_second(std::ssize(each.token_ids)) * static_cast<double>(beams);
  }
  return rates;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// The least of `sorted` values that a share of them does not exceed; NaN of none.
double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

struct Figures {
  double prefill_tokens_per_s = 0;
  double decode_tokens_per_s = 0;
  double load_s = 0;
  double first_token_s = 0;    // from the start of the process, 8 prompt tokens
  std::size_t peak_bytes = 0;  // of loading and running, before the bandwidth is measured
  double bandwidth = 0;        // bytes a second that memory gives
  double dram_share = 0;
  std::vector<double> token_s = {};  // seconds from token to token within rows, ascending; empty with beams

  [[nodiscard]] double token_ms(double share) const { return 1e3 * percentile(token_s, share); }
};

class Bench final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {
        .name = "bench",
        .summary = "Measure how fast a model reads prompts and writes text on this machine.",
        .synopsis = "[MODEL] [--prompt-tokens N] [--gen-tokens N] [--batch N] [--beams N] [--json]",
        .details =
            "Prompts are random tokens. Tokens a second are those of all rows: of every prompt, and of every beam. The "
            "share of memory bandwidth is weight bytes x steps a second over "
            "what the same threads read from memory when they do nothing else.",
        .examples =
            "skald bench\n"
            "skald bench path/to/model --prompt-tokens 512 --gen-tokens 32 --batch 8 --threads 2\n"
            "skald bench path/to/model --beams 5 --gen-tokens 64\n"
            "skald bench path/to/model --bits 16 --json"};
  }

  void add_flags(Flags& flags) override {
    constexpr std::int64_t kMaxTokens = 1 << 20;
    flags.group("Work");
    flags.integer("--prompt-tokens", prompt_tokens_, 1, kMaxTokens, "Tokens of each prompt. Default: 512.");
    flags.integer("--gen-tokens", gen_tokens_, 1, kMaxTokens, "Tokens written after each prompt. Default: 32.");
    flags.integer("--batch", batch_, 1, 4096, "Prompts at once. Default: 1.");
    flags.integer("--beams", beams_, 1, 128, "Beams of each prompt. Default: 1.");
    flags.integer("--repeat", repeat_, 1, 1000, "Runs, of which the medians count. Default: 3.");
    flags.group("Output");
    flags.toggle("--json", json_, "Write one JSON object.");
    load_.add_to(flags);
  }

  int run(const std::vector<std::string>& positional) override {
    const std::string path = model_path(positional);
    const auto start = Clock::now();
    const Model model = load_.load(path);
    Figures figures{.load_s = seconds_between(start, Clock::now())};
    check_context(model.info());
    run_once(model, 8, {.prompts = 1}, 1);  // also warms up threads and caches
    figures.first_token_s = seconds_between(process_start, Clock::now());
    measure(model, figures);
    write_output(json_ ? as_json(model, figures) : as_table(model, figures));
    return 0;
  }

 private:
  void check_context(const ModelInfo& info) const {
    if (info.context == 0 || prompt_tokens_ + gen_tokens_ + 1 <= info.context) return;
    throw OptionError({.field = "--prompt-tokens",
                       .value = std::to_string(prompt_tokens_),
                       .rule = "with --gen-tokens " + std::to_string(gen_tokens_) +
                               " and one more is beyond the model's " + std::to_string(info.context) + " positions"});
  }

  static std::vector<Prompt> random_prompts(const ModelInfo& info, std::int64_t rows, std::int64_t tokens) {
    std::mt19937_64 random(0);  // NOLINT(cert-msc51-cpp): the same work in every run
    std::vector<Prompt> prompts;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::vector<TokenId> ids;
      for (std::int64_t i = 0; i < tokens; ++i) {
        ids.push_back(static_cast<TokenId>(random() % static_cast<std::uint64_t>(info.vocab_size)));
      }
      prompts.emplace_back(std::move(ids));
    }
    return prompts;
  }

  struct Rows {
    std::int64_t prompts = 1;
    std::int64_t beams = 1;  // of each
  };

  static Rates run_once(const Model& model, std::int64_t prompt_tokens, Rows rows, std::int64_t tokens) {
    GenerationConfig config{.max_new_tokens = tokens, .do_sample = false, .num_beams = rows.beams};
    config.prefix_cache = false;    // every run computes its prompts
    config.eos_token_id.emplace();  // none: every row runs to its end
    std::vector<Prompt> prompts = random_prompts(model.info(), rows.prompts, prompt_tokens);
    if (rows.beams > 1) return rates_of_beams(model.submit(std::move(prompts), config).wait(), rows.beams);
    RowTimes times(rows.prompts, tokens);
    model.submit(std::move(prompts), config, [&times](const StreamEvent& event) { times.count(event); }).wait();
    return {
        .prefill_seconds = times.prefill_seconds(), .decode_tokens_per_s = times.decode_rate(), .gaps = times.gaps()};
  }

  void measure(const Model& model, Figures& figures) const {
    std::vector<double> prefill;
    std::vector<double> decode;
    for (int i = 0; i < repeat_; ++i) {
      const Rates rates = run_once(model, prompt_tokens_, {.prompts = batch_, .beams = beams_}, gen_tokens_ + 1);
      prefill.push_back(static_cast<double>(prompt_tokens_ * batch_) / rates.prefill_seconds);
      decode.push_back(rates.decode_tokens_per_s);
      figures.token_s.insert(figures.token_s.end(), rates.gaps.begin(), rates.gaps.end());
    }
    std::sort(figures.token_s.begin(), figures.token_s.end());
    figures.prefill_tokens_per_s = median(prefill);
    figures.decode_tokens_per_s = median(decode);
    figures.peak_bytes = peak_memory();
    figures.bandwidth = measure_memory_bandwidth(model.threads());
    figures.dram_share = bytes_per_s(model, figures) / figures.bandwidth;
  }

  // Weights that the steps of decoding read.
  [[nodiscard]] double bytes_per_s(const Model& model, const Figures& figures) const {
    return static_cast<double>(model.weight_bytes()) * figures.decode_tokens_per_s /
           static_cast<double>(batch_ * beams_);
  }

  [[nodiscard]] std::string as_json(const Model& model, const Figures& figures) const {
    return JsonObject()
        .add("model", model.info().path)
        .add("kernel_table", system_info().kernel_table)
        .add("threads", model.threads())
        .add("prompt_tokens", prompt_tokens_)
        .add("gen_tokens", gen_tokens_)
        .add("batch", batch_)
        .add("beams", beams_)
        .add("prefill_tokens_per_s", figures.prefill_tokens_per_s)
        .add("decode_tokens_per_s", figures.decode_tokens_per_s)
        .add("token_ms_p50", figures.token_ms(0.5))
        .add("token_ms_p90", figures.token_ms(0.9))
        .add("token_ms_p99", figures.token_ms(0.99))
        .add("load_s", figures.load_s)
        .add("first_token_s", figures.first_token_s)
        .add("peak_rss_bytes", figures.peak_bytes)
        .add("weight_bytes", model.weight_bytes())
        .add("dram_bytes_per_s", figures.bandwidth)
        .add("dram_share", figures.dram_share)
        .line();
  }

  [[nodiscard]] std::string as_table(const Model& model, const Figures& figures) const {
    const std::string rows = batch_ == 1 ? "" : " x " + std::to_string(batch_) + " prompts";
    const std::string beams =
        beams_ == 1 ? ""
                    : " x " + std::to_string(beams_) + " beams; of one of them " +
                          fixed(figures.decode_tokens_per_s / static_cast<double>(batch_ * beams_), 1) + " tokens/s";
    Table table;
    table.row("model", model.info().path)
        .row("machine", system_info().kernel_table + " kernels, " + std::to_string(model.threads()) + " threads")
        .row("load", fixed(figures.load_s, 3) + " s")
        .row("first token", fixed(figures.first_token_s, 3) + " s after the start of the program")
        .row("prefill",
             fixed(figures.prefill_tokens_per_s, 1) + " tokens/s (" + std::to_string(prompt_tokens_) + rows + ")")
        .row("decode",
             fixed(figures.decode_tokens_per_s, 1) + " tokens/s (" + std::to_string(gen_tokens_) + rows + beams + ")");
    if (!figures.token_s.empty()) {
      table.row("token to token", "p50 " + fixed(figures.token_ms(0.5), 2) + ", p90 " +
                                      fixed(figures.token_ms(0.9), 2) + ", p99 " + fixed(figures.token_ms(0.99), 2) +
                                      " ms");
    }
    return table
        .row("weights read", fixed(bytes_per_s(model, figures) / 1e9, 1) + " GB/s, " +
                                 fixed(figures.dram_share * 100, 0) + " % of the " + fixed(figures.bandwidth / 1e9, 1) +
                                 " GB/s that memory gives")
        .row("peak memory", human_bytes(static_cast<double>(figures.peak_bytes)))
        .text();
  }

  std::int64_t prompt_tokens_ = 512;
  std::int64_t gen_tokens_ = 32;
  std::int64_t batch_ = 1;
  std::int64_t beams_ = 1;
  int repeat_ = 3;
  bool json_ = false;
  LoadFlags load_;
};

}  // namespace

std::unique_ptr<Command> make_bench() { return std::make_unique<Bench>(); }

}  // namespace skald::cli
