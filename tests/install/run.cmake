# cmake -DBUILD=<build tree> -DCXX=<compiler> -DGENERATOR=<generator> -P run.cmake: installs the tree into a prefix,
# moves that elsewhere, builds the project beside this file and the examples against it, and runs them and the installed
# command.
set(work ${BUILD}/tests/install)
set(first ${work}/first)
set(prefix ${work}/moved)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}: ${status}\n${output}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${first})
file(RENAME ${first} ${prefix})
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
  -DCMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer)
run(${prefix}/bin/skald info)

set(examples ${CMAKE_CURRENT_LIST_DIR}/../../examples)
run(${CMAKE_COMMAND} -S ${examples} -B ${work}/examples -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
  -DCMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${work}/examples)
file(GLOB sources ${examples}/*.cc)
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME_WE)
  run(${work}/examples/${name})
endforeach()
