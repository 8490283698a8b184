# Makes one object of the members of an archive, in which hidden names are local: they are the library's own business, and
# a program may have functions of these names. Where that does not work the archive stays as it is.
# Usage: cmake -DARCHIVE=FILE -DCOMPILER=FILE "-DFLAGS=FLAG ..." -DOBJCOPY=FILE -DAR=FILE -P one_object.cmake
set(object "${ARCHIVE}.o")
set(archive "${ARCHIVE}.new")
separate_arguments(flags UNIX_COMMAND "${FLAGS}")
file(REMOVE "${archive}")
execute_process(COMMAND "${COMPILER}" ${flags} -r -nostdlib -o "${object}"
                        -Wl,--whole-archive "${ARCHIVE}" -Wl,--no-whole-archive
                RESULT_VARIABLE failed ERROR_VARIABLE why)
if(NOT failed)
    execute_process(COMMAND "${OBJCOPY}" --localize-hidden "${object}"
                    RESULT_VARIABLE failed ERROR_VARIABLE why)
endif()
if(NOT failed)
    execute_process(COMMAND "${AR}" qcs "${archive}" "${object}" RESULT_VARIABLE failed ERROR_VARIABLE why)
endif()
file(REMOVE "${object}")
if(failed)
    message(WARNING "${ARCHIVE} keeps the names of all its functions: ${why}")
else()
    file(RENAME "${archive}" "${ARCHIVE}")
endif()
