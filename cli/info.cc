// skald info: the program and the machine.
#include "command.h"
#include "json_object.h"
#include "report.h"
#include "skald/skald.h"
#include "skald/text.h"
#include "terminal.h"

namespace skald::cli {
namespace {

class Info final : public Command {
 public:
  [[nodiscard]] Words words() const override {
    return {.name = "info",
            .summary = "Show the version, the processor, the instruction sets in use, threads and memory.",
            .synopsis = "[--bandwidth] [--json]",
            .details = "SKALD_ISA=NAME in the environment forces one of the kernel tables that the machine can run.",
            .examples = "skald info\nskald info --bandwidth --json\nSKALD_ISA=avx2 skald info"};
  }

  void add_flags(Flags& flags) override {
    flags.group("Options");
    flags.toggle("--bandwidth", bandwidth_, "Also measure how many bytes a second the threads read from memory.");
    flags.toggle("--json", json_, "Write one JSON object.");
  }

  int run(const std::vector<std::string>& positional) override {
    if (!positional.empty())
      throw OptionError(
          {.field = quoted(positional[0]),
           .rule = "skald info is about this machine and takes no argument; skald inspect is about a model"});
    const SystemInfo info = system_info();
    const double bandwidth = bandwidth_ ? measure_memory_bandwidth(info.threads) : 0;
    write_output(json_ ? as_json(info, bandwidth) : as_table(info, bandwidth));
    return 0;
  }

 private:
  [[nodiscard]] std::string as_json(const SystemInfo& info, double bandwidth) const {
    JsonObject object;
    object.add("version", version())
        .add("cpu", info.cpu)
        .add("cpu_features", info.cpu_features)
        .add_raw("kernel_tables", json_array(info.kernel_tables, [](const auto& name) { return json_quote(name); }))
        .add("kernel_table", info.kernel_table)
        .add("threads", info.threads)
        .add("memory_available_bytes", info.memory_available);
    if (bandwidth_) object.add("memory_bytes_per_s", bandwidth);
    return object.line();
  }

  [[nodiscard]] std::string as_table(const SystemInfo& info, double bandwidth) const {
    std::string tables;
    for (const std::string& name : info.kernel_tables) {
      tables += (tables.empty() ? "" : ", ") + name + (name == info.kernel_table ? " (in use)" : "");
    }
    Table table;
    table.row("version", version())
        .row("processor", info.cpu)
        .row("features", info.cpu_features)
        .row("kernels", tables)
        .row("threads", std::to_string(info.threads))
        .row("free memory", human_bytes(static_cast<double>(info.memory_available)));
    if (bandwidth_) table.row("memory reads", fixed(bandwidth / 1e9, 1) + " GB/s");
    return table.text();
  }

  bool json_ = false;
  bool bandwidth_ = false;
};

}  // namespace

std::unique_ptr<Command> make_info() { return std::make_unique<Info>(); }

}  // namespace skald::cli
