# `cmake --install`: libraries, headers, pkg-config file and CMake package. The package needs no template: neither library
# asks its users to find anything, because what the static one needs is written out as linker flags.
include(CMakePackageConfigHelpers)

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/gradopt")
install(TARGETS gradopt gradopt_static EXPORT gradopt)
install(TARGETS gradopt_tool)
install(FILES tools/gradopt.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
install(FILES tools/gradopt.bash DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME gradopt)
install(EXPORT gradopt FILE gradoptConfig.cmake NAMESPACE gradopt:: DESTINATION "${package}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/gradoptConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/gradoptConfigVersion.cmake" DESTINATION "${package}")
install(DIRECTORY include/optim DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")

# Paths in the pkg-config file start from where it lies, so that an installed tree can be moved.
file(RELATIVE_PATH pc_to_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
set(pc_libdir "\${prefix}")
cmake_path(APPEND pc_libdir "${CMAKE_INSTALL_LIBDIR}")
set(pc_includedir "\${prefix}")
cmake_path(APPEND pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
list(JOIN GRADOPT_STATIC_LIBS " " pc_static_libs)
configure_file(pkgconfig/libgradopt.pc.in "${PROJECT_BINARY_DIR}/libgradopt.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/libgradopt.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
