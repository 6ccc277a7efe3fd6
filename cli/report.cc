#include "report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "terminal.h"

namespace skald::cli {

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string human_bytes(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fixed(bytes, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

std::string human_count(double count) {
  if (count >= 1e9) return fixed(count / 1e9, 2) + " billion";
  if (count >= 1e6) return fixed(count / 1e6, 1) + " million";
  return fixed(count, 0);
}

Table& Table::row(std::string name, std::string value) {
  rows_.emplace_back(std::move(name), std::move(value));
  return *this;
}

std::string Table::text() const {
  std::size_t width = 0;
  for (const auto& [name, value] : rows_) width = std::max(width, name.size());
  std::string out;
  for (const auto& [name, value] : rows_) {
    out += bold(name) + std::string(width - name.size() + 2, ' ') + for_output(value) + "\n";
  }
  return out;
}

}  // namespace skald::cli
