/* The public functions as the headers declare them, so that tables of tests can be compared with it. */
#ifndef MISUSE_HEADER_H
#define MISUSE_HEADER_H

enum { HEADER_FUNCTIONS = 256 };

typedef struct header {
    int functions;
    const char *name[HEADER_FUNCTIONS];
    const char *parameters[HEADER_FUNCTIONS]; /* "(optim_t *opt, ...);" and what follows in its header */
    char *text, *symbols;
} header_t;

/* The functions of tests/abi/symbols.txt, in its order. */
header_t *header_read(void);
void header_free(header_t *header);

#endif
