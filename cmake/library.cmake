# skald_library(folder [LINKS libraries...]): the sources of src/<folder> as the static library skald_<folder>.
# A folder without sources yet makes none. Every folder may use those declared before it; which of them it really may
# include is checked by tools/check_layers.py.
set(SKALD_LIBRARIES "")
function(skald_library folder)
  cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_library(skald_${folder} STATIC ${sources})
  target_include_directories(skald_${folder} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(skald_${folder} PUBLIC ${SKALD_LIBRARIES} PRIVATE skald_options ${ARG_LINKS})
  set(SKALD_LIBRARIES skald_${folder} ${SKALD_LIBRARIES} PARENT_SCOPE)
endfunction()
