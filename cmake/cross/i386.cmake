set(triplet i386-linux-gnu)
set(compiler i686-linux-gnu)
set(processor i686)
set(emulator "") # an x86-64 runs it
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
