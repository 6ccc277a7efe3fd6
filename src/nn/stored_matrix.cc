#include "nn/stored_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "skald/error.h"

namespace skald::nn {
namespace {

// Of `numbers` neighbours, the last of which may end within a block.
std::size_t run_bytes(const TensorInfo& tensor, std::size_t numbers) {
  const StoredUnit unit = stored_unit(tensor);
  return (numbers + unit.numbers - 1) / unit.numbers * unit.bytes;
}

// One stored row after the other, spread over the matrix's rows.
void read_transposed(const TensorSource& source, const StoredMatrix& m, std::size_t first, std::size_t count,
                     float* rows) {
  const std::size_t element = stored_unit(*m.tensor).bytes;
  const std::size_t outputs = m.part.stored_outputs(m.n);
  const std::size_t origin = m.part.origin(m.n, m.k);
  const std::size_t low = m.part.stored_output(first);  // stored outputs ascend with the matrix's
  const std::size_t width = m.part.stored_output(first + count - 1) - low + 1;
  std::vector<std::byte> stored(width * element);
  std::vector<float> values(width);
  for (std::size_t j = 0; j < m.k; ++j) {
    source.read(*m.tensor, (origin + (m.part.first_input + j) * outputs + low) * element, stored);
    convert_to_float(m.tensor->dtype, stored, values);
    for (std::size_t i = 0; i < count; ++i) rows[i * m.k + j] = values[m.part.stored_output(first + i) - low];
  }
}

}  // namespace

std::size_t StoredMatrix::row_bytes() const { return run_bytes(*tensor, k); }

bool StoredMatrix::whole_blocks() const {
  const std::size_t numbers = stored_unit(*tensor).numbers;
  return numbers == 1 || (!part.transposed && part.whole_blocks(k, numbers));
}

// Neighbours in the file are read at once; so are short rows with a few others among them, which are left out.
void read_stored_rows(const TensorSource& source, const StoredMatrix& m, std::size_t first, std::size_t count,
                      std::byte* rows) {
  constexpr std::size_t kShortBytes = std::size_t{16} << 10;
  constexpr std::size_t kFewOthers = 4;                                        // times what is wanted
  const std::size_t stride = run_bytes(*m.tensor, m.part.stored_inputs(m.k));  // from a stored output to the next
  const std::size_t origin =
      m.part.plane * m.part.stored_outputs(m.n) * stride + run_bytes(*m.tensor, m.part.first_input);
  const std::size_t bytes = m.row_bytes();
  const auto place = [&](std::size_t row) { return origin + m.part.stored_output(first + row) * stride; };
  const std::size_t span = place(count - 1) + bytes - place(0);
  if (std::max<std::size_t>(m.part.run, 1) * bytes < kShortBytes && span > count * bytes &&
      span <= kFewOthers * count * bytes) {
    std::vector<std::byte> stored(span);
    source.read(*m.tensor, place(0), stored);
    for (std::size_t i = 0; i < count; ++i) std::memcpy(rows + i * bytes, &stored[place(i) - place(0)], bytes);
    return;
  }
  for (std::size_t begin = 0, end = 1; begin < count; begin = end++) {
    while (end < count && place(end) == place(begin) + (end - begin) * bytes) ++end;
    source.read(*m.tensor, place(begin), {rows + begin * bytes, (end - begin) * bytes});
  }
}

void read_matrix_rows(const TensorSource& source, const StoredMatrix& m, std::size_t first, std::size_t count,
                      float* rows) {
  if (m.part.transposed) return read_transposed(source, m, first, count, rows);
  const std::size_t bytes = m.row_bytes();
  std::vector<std::byte> stored(count * bytes);
  read_stored_rows(source, m, first, count, stored.data());
  const StoredUnit unit = stored_unit(*m.tensor);
  if (m.k % unit.numbers == 0) return read_floats(*m.tensor, stored, {rows, count * m.k});
  std::vector<float> row(bytes / unit.bytes * unit.numbers);  // its last block reaches beyond k
  for (std::size_t i = 0; i < count; ++i) {
    read_floats(*m.tensor, std::span(stored).subspan(i * bytes, bytes), row);
    std::copy_n(row.begin(), m.k, rows + i * m.k);
  }
}

void check_fits_blocks(const TensorSource& source, const StoredMatrix& matrix, std::span<const float> rows) {
  constexpr float kLargest = 1e6F;
  if (std::ranges::all_of(rows, [](float v) { return std::fabs(v) < kLargest; })) return;
  throw FormatError(
      ErrorFields{.file = source.file_of(*matrix.tensor),
                  .field = "tensor '" + matrix.tensor->name + "'",
                  .rule = "has NaN, Inf or numbers beyond 1e6: 8 or 4 bits cannot hold it, --bits 16 or 32 can"});
}

}  // namespace skald::nn
