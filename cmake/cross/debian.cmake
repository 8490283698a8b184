# What the toolchain files beside this one have in common: `triplet`, `processor` and `emulator` say for which machine, `compiler`
# what begins the compiler's name if not the triplet. Compiler and libraries are Debian's (multiarch); what is built runs
# under qemu's user emulation, or as it is where `emulator` is empty.
if(NOT compiler)
    set(compiler ${triplet})
endif()
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${processor})
set(CMAKE_C_COMPILER ${compiler}-gcc)
set(CMAKE_CXX_COMPILER ${compiler}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_FIND_ROOT_PATH /usr/lib/${triplet} /usr/${triplet} /usr)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/${triplet}/pkgconfig:/usr/share/pkgconfig)
if(emulator)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${emulator})
endif()
