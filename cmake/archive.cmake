# gradopt_one_object(TARGET): the archive of a static library becomes one object, in which hidden names are local, as they
# are hidden in a shared library (where there is an objcopy to do it).
include(CheckLinkerFlag)
set(GRADOPT_ONE_OBJECT "${CMAKE_CURRENT_LIST_DIR}/one_object.cmake")

function(gradopt_one_object target)
    if(NOT CMAKE_OBJCOPY)
        return()
    endif()
    # Flags that bring a library along are for programs.
    string(REGEX REPLACE "-?-coverage|-fprofile-(arcs|generate)[^ ]*" "" flags "${CMAKE_C_FLAGS}")
    if(CMAKE_C_COMPILER_TARGET)
        string(APPEND flags " ${CMAKE_C_COMPILE_OPTIONS_TARGET}${CMAKE_C_COMPILER_TARGET}")
    endif()
    if(CMAKE_SYSROOT)
        string(APPEND flags " \"${CMAKE_C_COMPILE_OPTIONS_SYSROOT}${CMAKE_SYSROOT}\"")
    endif()
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        string(APPEND flags " -flinker-output=nolto-rel") # machine code, also where -flto has put it off
    elseif(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
        string(APPEND flags " -flto")
    endif()
    check_linker_flag(C LINKER:--force-group-allocation GRADOPT_LINKS_GROUPS)
    if(GRADOPT_LINKS_GROUPS)
        string(APPEND flags " -Wl,--force-group-allocation") # functions that objects share are local too
    endif()
    add_custom_command(TARGET ${target} POST_BUILD VERBATIM
                       COMMAND "${CMAKE_COMMAND}" "-DARCHIVE=$<TARGET_FILE:${target}>"
                               "-DCOMPILER=${CMAKE_C_COMPILER}" "-DFLAGS=${flags}" "-DOBJCOPY=${CMAKE_OBJCOPY}"
                               "-DAR=${CMAKE_AR}" -P "${GRADOPT_ONE_OBJECT}")
endfunction()
