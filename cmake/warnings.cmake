# Warnings for everything; the library adds -Wconversion, and -Wdouble-promotion where a loop must stay in its type.
# Rows of tables name what they have and leave the rest zero, which clang takes for a slip.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
if(GRADOPT_WERROR)
    add_compile_options(-Werror)
endif()
