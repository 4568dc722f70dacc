# Run by add_bpf_skeleton: bpftool writes to stdout, which a custom command cannot redirect by itself.
execute_process(COMMAND ${BPFTOOL} gen skeleton ${OBJECT} name ${NAME}
                OUTPUT_FILE ${OUTPUT}.new COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${OUTPUT}.new ${OUTPUT})
