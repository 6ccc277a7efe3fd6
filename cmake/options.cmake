# Flags that every part is compiled with.
add_library(skald_options INTERFACE)
target_compile_options(skald_options INTERFACE
  -Wall -Wextra
  -ffp-contract=off          # a*b+c is fused only where an intrinsic says so: one arithmetic in every instance
  -fno-math-errno)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(skald_options INTERFACE -Wno-restrict)  # GCC 12 warns falsely inside std::string (bug 105651)
endif()
if(SKALD_WERROR)
  target_compile_options(skald_options INTERFACE -Werror)
endif()
if(SKALD_PORTABLE)
  target_compile_definitions(skald_options INTERFACE SKALD_PORTABLE)
endif()
if(SKALD_SANITIZE)
  target_compile_options(skald_options INTERFACE
    -fsanitize=${SKALD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(skald_options INTERFACE -fsanitize=${SKALD_SANITIZE})
endif()
if(SKALD_BUILD_FUZZ)
  target_compile_options(skald_options INTERFACE -fsanitize=fuzzer-no-link)   # coverage, without libFuzzer's main()
endif()
