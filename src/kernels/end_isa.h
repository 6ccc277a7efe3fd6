// Closes the region that begin_isa.h opened.
#if defined(SKALD_ISA_TARGET) && defined(__clang__)
#pragma clang attribute pop
#elif defined(SKALD_ISA_TARGET)
#pragma GCC diagnostic pop
#pragma GCC pop_options
#endif

#undef SKALD_UNROLL
#undef SKALD_INLINE
#undef SKALD_ISA_PRAGMA
#undef SKALD_ISA_STRING
