/* A host that happens to have functions with the names of all of the library's. None is to be called. */
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
