# Instruction-set levels that kernels and methods are compiled for: GRADOPT_LEVELS, and GRADOPT_FLAGS_<level> for each.
# The library chooses among them when it runs; everything else is compiled for the base level. GRADOPT_LEVEL_DEFINITIONS
# tells the sources which levels there are besides the base.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)

set(x86_64 OFF)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    set(x86_64 ON)
endif()
# Without SSE2 every number of a 32-bit x86 is rounded to the precision of its registers first, and then again.
check_c_source_compiles("#ifndef __i386__\n#error\n#endif\nint main(void) { return 0; }" GRADOPT_IS_I386)
if(GRADOPT_IS_I386)
    add_compile_options(-msse2 -mfpmath=sse)
endif()

option(GRADOPT_ISA_LEVELS "Also compile for x86-64-v3 (AVX2) and v4 (AVX-512), chosen at run time" ${x86_64})

set(GRADOPT_LEVELS base)
if(GRADOPT_ISA_LEVELS)
    check_c_compiler_flag("-march=x86-64-v4 -mprefer-vector-width=512" GRADOPT_COMPILES_LEVELS)
    if(GRADOPT_COMPILES_LEVELS)
        list(APPEND GRADOPT_LEVELS v3 v4)
        set(GRADOPT_FLAGS_v3 -march=x86-64-v3)
        set(GRADOPT_FLAGS_v4 -march=x86-64-v4 -mprefer-vector-width=512)
        set(GRADOPT_LEVEL_DEFINITIONS GRADOPT_X86_LEVELS)
    endif()
endif()
