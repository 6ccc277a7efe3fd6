// Figures for people.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace skald::cli {

/// "12.3 GiB"
std::string human_bytes(double bytes);
/// "1.10 billion", "9.4 million", "512"
std::string human_count(double count);
/// `value` with `decimals` digits after the point.
std::string fixed(double value, int decimals);

/// A table of two columns: names, values.
class Table {
 public:
  Table& row(std::string name, std::string value);
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> rows_;
};

}  // namespace skald::cli
