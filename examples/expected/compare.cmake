# cmake -DPROGRAM=path -DEXPECTED=file -P compare.cmake: fails unless the program prints exactly the file.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE got RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} ended with ${status}")
endif()
file(READ ${EXPECTED} expected)
if(NOT got STREQUAL expected)
    message(FATAL_ERROR "${PROGRAM} printed\n${got}\nbut ${EXPECTED} says\n${expected}")
endif()
