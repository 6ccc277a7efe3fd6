# skald_embed(TARGET FILE NAME): NAME, on TARGET's include path, holds the bytes of FILE as a list of numbers.
function(skald_embed target file name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  set(folder ${PROJECT_BINARY_DIR}/embedded)
  file(CONFIGURE OUTPUT ${folder}/${name} CONTENT "${bytes}\n")
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
