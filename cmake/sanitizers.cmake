# GRADOPT_SANITIZE=address (with undefined behaviour) or thread (clang with libomp, whose archer tool tells the sanitizer
# how OpenMP orders things); empty for none. GRADOPT_FUZZ=ON also counts edges for libFuzzer (clang alone), whose main
# function the programs of tests/fuzz then have.
set(GRADOPT_SANITIZE "" CACHE STRING "address, thread or nothing")
set_property(CACHE GRADOPT_SANITIZE PROPERTY STRINGS "" address thread)
option(GRADOPT_FUZZ "Build the targets of tests/fuzz for libFuzzer (needs clang)" OFF)

if(GRADOPT_SANITIZE STREQUAL "address")
    set(sanitize -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all)
elseif(GRADOPT_SANITIZE STREQUAL "thread")
    set(sanitize -fsanitize=thread)
elseif(GRADOPT_SANITIZE)
    message(FATAL_ERROR "GRADOPT_SANITIZE is \"${GRADOPT_SANITIZE}\"; it can be address, thread or empty")
endif()
if(GRADOPT_SANITIZE)
    # Instrumented loops need not vectorize, whatever `omp simd` asks for.
    add_compile_options(${sanitize} -fno-omit-frame-pointer $<$<C_COMPILER_ID:Clang>:-Wno-pass-failed>)
    add_link_options(${sanitize})
endif()
if(GRADOPT_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
