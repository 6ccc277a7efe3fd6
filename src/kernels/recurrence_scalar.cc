#include "kernels/isa_headers.h"
#include "kernels/recurrence.h"

#define SKALD_ISA scalar
// clang-format off
#include "kernels/begin_isa.h"
#include "kernels/vec_scalar-inl.h"
#include "kernels/math-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/recurrence-inl.h"
#include "kernels/end_isa.h"
// clang-format on

namespace skald::kernels::scalar {
extern const RecurrenceTable kRecurrences;
constinit const RecurrenceTable kRecurrences{scan_channels, decaying_mean};
}  // namespace skald::kernels::scalar
