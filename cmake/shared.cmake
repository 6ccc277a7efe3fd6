# libskald.so: one shared library made of every folder's objects; only what is marked SKALD_API is visible.
file(CONFIGURE OUTPUT skald.cc CONTENT "")  # CMake wants a source of the library's own
add_library(skald SHARED ${CMAKE_CURRENT_BINARY_DIR}/skald.cc)
foreach(part IN LISTS SKALD_LIBRARIES)
  target_link_libraries(skald PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,${part}>)
endforeach()
set_target_properties(skald PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION 0)
target_include_directories(skald PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_link_libraries(skald PRIVATE skald_options)
add_library(skald::skald ALIAS skald)
