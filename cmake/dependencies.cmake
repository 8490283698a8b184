# gradopt_dependencies: OpenMP, a BLAS with <cblas.h>, Jansson (JSON of checkpoints), xxHash (their checksums, a header
# alone), threads, and m.
# GRADOPT_STATIC_LIBS: the same as linker flags, for those who link the installed libgradopt.a.
if(NOT DEFINED BLA_VENDOR AND NOT DEFINED ENV{BLA_VENDOR})
    set(BLA_VENDOR OpenBLAS)
endif()
find_package(BLAS REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_path(CBLAS_INCLUDE_DIR cblas.h PATH_SUFFIXES openblas openblas-pthread REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_library(JANSSON_LIBRARY jansson REQUIRED)
find_path(JANSSON_INCLUDE_DIR jansson.h REQUIRED)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)

add_library(gradopt_dependencies INTERFACE)
target_include_directories(gradopt_dependencies SYSTEM INTERFACE
                           "${CBLAS_INCLUDE_DIR}" "${JANSSON_INCLUDE_DIR}" "${XXHASH_INCLUDE_DIR}")
target_link_libraries(gradopt_dependencies INTERFACE OpenMP::OpenMP_C BLAS::BLAS "${JANSSON_LIBRARY}" Threads::Threads
                                                     m)

set(GRADOPT_STATIC_LIBS -fopenmp)
foreach(library IN LISTS BLAS_LIBRARIES JANSSON_LIBRARY)
    if(IS_ABSOLUTE "${library}")
        cmake_path(GET library PARENT_PATH folder)
        cmake_path(GET library STEM name)
        string(REGEX REPLACE "^lib" "-l" library "${name}")
        if(NOT folder IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
            list(APPEND GRADOPT_STATIC_LIBS "-L${folder}")
        endif()
    endif()
    list(APPEND GRADOPT_STATIC_LIBS "${library}")
endforeach()
list(APPEND GRADOPT_STATIC_LIBS -lm)
list(REMOVE_DUPLICATES GRADOPT_STATIC_LIBS)
