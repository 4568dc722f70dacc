# add_bpf_skeleton(NAME): compiles NAME.bpf.c of the calling folder and embeds it. Targets that link
# weir_bpf_NAME may include "NAME.skel.h", whose functions are NAME_bpf__open, __load and __destroy.
function(add_bpf_skeleton NAME)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${NAME}.bpf.c)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${NAME}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/include/${NAME}.skel.h)
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/include)
  # <asm/types.h> is in the folder of the host's architecture, which clang's bpf target leaves out.
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${BPF_CLANG} -target bpf -O2 -g -std=gnu11 -Wall -Wextra -Werror
            -I${CMAKE_SOURCE_DIR}/bpf -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
            -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -MD -MF ${object}.d -MT ${object}
            -c ${source} -o ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Compiling ${NAME}.bpf.c"
    VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${CMAKE_COMMAND} -DBPFTOOL=${BPFTOOL} -DOBJECT=${object} -DNAME=${NAME}_bpf
            -DOUTPUT=${skeleton} -P ${CMAKE_SOURCE_DIR}/cmake/bpf_skeleton.cmake
    DEPENDS ${object} ${CMAKE_SOURCE_DIR}/cmake/bpf_skeleton.cmake
    COMMENT "Generating ${NAME}.skel.h"
    VERBATIM)
  add_custom_target(weir_bpf_${NAME}_skeleton DEPENDS ${skeleton})
  add_library(weir_bpf_${NAME} INTERFACE)
  add_dependencies(weir_bpf_${NAME} weir_bpf_${NAME}_skeleton)
  # SYSTEM: the generated code is not held to weir's warnings.
  target_include_directories(weir_bpf_${NAME} SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR}/include)
endfunction()
