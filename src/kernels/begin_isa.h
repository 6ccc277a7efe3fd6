// Opens the region in which code is compiled for one instruction set. A table's source defines SKALD_ISA (namespace)
// and SKALD_ISA_TARGET (the compiler's target string; undefined for the baseline) and includes the standard headers
// first, so that no inline function of theirs is compiled for a wide ISA and picked by the linker for everyone. No
// include guard: included once by each table, closed by end_isa.h.
//
// Inside the region: members and free functions only. GCC 12 gives in-class friends no target.
#if !defined(SKALD_ISA)
#error "define SKALD_ISA before including begin_isa.h"
#endif

#define SKALD_ISA_STRING(x) #x
#define SKALD_ISA_PRAGMA(x) _Pragma(SKALD_ISA_STRING(x))
#define SKALD_INLINE inline __attribute__((always_inline))

#if defined(__clang__)
#define SKALD_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SKALD_UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(SKALD_ISA_TARGET) && defined(__clang__)
SKALD_ISA_PRAGMA(clang attribute push(__attribute__((target(SKALD_ISA_TARGET))), apply_to = function))
#elif defined(SKALD_ISA_TARGET)
#pragma GCC push_options
SKALD_ISA_PRAGMA(GCC target(SKALD_ISA_TARGET))
#pragma GCC diagnostic push
// False alarms of GCC 12 inside its own intrinsics headers (__Y = __Y) and for vector types as template arguments.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif
