# `cmake --install`: libraries, headers, pkg-config file and CMake package; the command-line tool, where it is built.
# Component runtime is what programs need that are linked to the shared library, development what they are built with.
# Neither library asks its users to find anything, because what the static one needs is written out as linker flags; the
# component mpi asks for MPI.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/gradopt")
set(pkgconfig "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
install(TARGETS gradopt EXPORT gradopt LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS gradopt_static EXPORT gradopt ARCHIVE COMPONENT development
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT gradopt FILE gradoptTargets.cmake NAMESPACE gradopt:: DESTINATION "${package}" COMPONENT development)
install(FILES cmake/gradoptConfig.cmake DESTINATION "${package}" COMPONENT development)
if(GRADOPT_HAS_MPI)
    install(TARGETS gradopt_mpi EXPORT gradopt_mpi LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
            INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(EXPORT gradopt_mpi FILE gradopt_mpiTargets.cmake NAMESPACE gradopt:: DESTINATION "${package}"
            COMPONENT development)
    install(FILES include/optim/comm_mpi.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/optim" COMPONENT development)
endif()
write_basic_package_version_file("${PROJECT_BINARY_DIR}/gradoptConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/gradoptConfigVersion.cmake" DESTINATION "${package}" COMPONENT development)
install(DIRECTORY include/optim DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
        FILES_MATCHING PATTERN "*.h" PATTERN comm_mpi.h EXCLUDE)
if(GRADOPT_TOOL)
    install(TARGETS gradopt_tool RUNTIME COMPONENT tool)
    install(FILES tools/gradopt.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT tool)
    install(FILES tools/gradopt.bash DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME gradopt
            COMPONENT tool)
endif()

# libgradopt.pc in the build tree is for programs that use the library from there. That of an installed tree names its
# folders from where it lies, so that the tree can be moved.
list(JOIN GRADOPT_STATIC_LIBS " " pc_static_libs)
set(pc_prefix "${PROJECT_SOURCE_DIR}")
set(pc_libdir "${PROJECT_BINARY_DIR}")
set(pc_includedir "\${prefix}/include")
set(pc_mpi_cflags "")
foreach(folder IN LISTS MPI_C_INCLUDE_DIRS)
    string(APPEND pc_mpi_cflags " -I${folder}")
endforeach()
list(JOIN MPI_C_LIBRARIES " " pc_mpi_libs)
set(pc_names libgradopt)
if(GRADOPT_HAS_MPI)
    list(APPEND pc_names libgradopt-mpi)
endif()
foreach(name IN LISTS pc_names)
    configure_file(pkgconfig/${name}.pc.in "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
endforeach()

file(RELATIVE_PATH pc_to_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
set(pc_prefix "\${pcfiledir}/${pc_to_prefix}")
foreach(folder IN ITEMS libdir includedir)
    string(TOUPPER "CMAKE_INSTALL_${folder}" place)
    set(pc_${folder} "\${prefix}")
    cmake_path(APPEND pc_${folder} "${${place}}")
endforeach()
foreach(name IN LISTS pc_names)
    configure_file(pkgconfig/${name}.pc.in "${PROJECT_BINARY_DIR}/install/${name}.pc" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/install/${name}.pc" DESTINATION "${pkgconfig}" COMPONENT development)
endforeach()
