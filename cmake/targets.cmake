# weir_flags: the warnings, sanitizers and include root of every target of weir's own.
add_library(weir_flags INTERFACE)
target_include_directories(weir_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/bpf)
# g++ 12 takes a string's own small text for an overlap when it optimises as much as it can. The
# kernel's structures are filled by the names of the fields that matter, and the library's own
# std::stable_sort calls what C++17 deprecates: clang tells both.
target_compile_options(weir_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion
                                            $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                                            $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-designated-field-initializers -Wno-deprecated-declarations>
                                            $<$<BOOL:${WEIR_WERROR}>:-Werror>)
if(WEIR_SANITIZE)
  target_compile_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all
                                              -fno-omit-frame-pointer)
  target_link_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()

# weir_layer(NAME SOURCES... USES targets...): one folder of src/. A layer links only what it names,
# so it can include only the layers above it in the list of src/CMakeLists.txt.
function(weir_layer NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LIBRARIES" ${ARGN})
  list(TRANSFORM ARG_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/src/${NAME}/)
  add_library(weir_${NAME} STATIC ${ARG_SOURCES})
  list(TRANSFORM ARG_USES PREPEND weir_)
  target_link_libraries(weir_${NAME} PUBLIC weir_flags ${ARG_USES} ${ARG_LIBRARIES})
endfunction()
