# Installs libskald, its headers, the models that ship and CMake package files: find_package(skald) -> skald::skald. Tested by
# tests/install.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/skald)

target_compile_features(skald PUBLIC cxx_std_20)   # the headers use it
install(TARGETS skald EXPORT skald-targets)
install(DIRECTORY include/skald TYPE INCLUDE FILES_MATCHING PATTERN *.h)
install(EXPORT skald-targets NAMESPACE skald:: DESTINATION ${package_dir})
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/skald/models OPTIONAL)   # those that ship

configure_package_config_file(cmake/skald-config.cmake.in ${PROJECT_BINARY_DIR}/skald-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/skald-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/skald-config.cmake ${PROJECT_BINARY_DIR}/skald-config-version.cmake
  DESTINATION ${package_dir})

if(SKALD_BUILD_CLI)
  install(TARGETS skald_cli)
  install(FILES $<TARGET_FILE_DIR:skald_cli>/skald.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
