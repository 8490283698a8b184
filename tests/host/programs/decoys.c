/*
 * A host that happens to have functions with the names of all of the library's, and with names that a JSON library of
 * another make may have. None is to be called.
 */
#include <stdio.h>
#include <stdlib.h>

static void called(const char *name) {
    fprintf(stderr, "the host's %s was called\n", name);
    exit(1);
}

#define NAME(name)                                                                                                     \
    void name(void);                                                                                                   \
    void name(void) {                                                                                                  \
        called(#name);                                                                                                 \
    }
#include "names.inc"
NAME(json_object)
NAME(json_array)
NAME(json_string)
NAME(json_integer)
NAME(json_object_get)
NAME(json_object_set_new)
NAME(json_dump_callback)
NAME(json_delete)
