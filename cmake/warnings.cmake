# Warnings for everything; the library adds library_warnings, and typed_warnings where a loop must stay in its type.
# Rows of tables name what they have and leave the rest zero, which clang takes for a slip.
set(library_warnings -Wconversion)
set(typed_warnings -Wdouble-promotion)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers)
if(GRADOPT_WERROR)
    add_compile_options(-Werror)
endif()
