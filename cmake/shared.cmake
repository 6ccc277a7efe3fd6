# libskald.so: one shared library made of every folder's objects; only what is marked SKALD_API is visible.
file(CONFIGURE OUTPUT skald.cc CONTENT "")  # CMake wants a source of the library's own
add_library(skald SHARED ${CMAKE_CURRENT_BINARY_DIR}/skald.cc)
target_link_libraries(skald PRIVATE ${SKALD_LIBRARIES})
list(JOIN SKALD_LIBRARIES , whole)
set_target_properties(skald PROPERTIES LINK_LIBRARY_OVERRIDE WHOLE_ARCHIVE,${whole})   # also where parts name parts
set_target_properties(skald PROPERTIES LINKER_LANGUAGE CXX)
if(NOT SKBUILD)   # a wheel holds no links: it would hold the library three times
  set_target_properties(skald PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
endif()
target_include_directories(skald PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_link_libraries(skald PRIVATE skald_options)
add_library(skald::skald ALIAS skald)
