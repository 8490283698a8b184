/* The command line of train_digits. */
#ifndef EXAMPLES_SETTINGS_H
#define EXAMPLES_SETTINGS_H

enum { SETTINGS_WRAPPERS = 8 };

typedef struct named {
    const char *name, *options; /* options may be NULL */
} named_t;

typedef struct settings {
    const char *method, *options;
    named_t wrapper[SETTINGS_WRAPPERS];
    int wrappers;
    named_t schedule;         /* of lr; name NULL: none */
    const char *matrix_split; /* options of the group of the biases, or NULL */
    int split_head;           /* 1: the last layer's weights belong to that group too */
    long epochs, batch, hidden, seed, eval_every;
    long threads; /* 0: the library's default */
    const char *data, *log;
    int grid; /* 1: print the summary line and nothing else */
} settings_t;

enum { SETTINGS_RUN, SETTINGS_DONE, SETTINGS_WRONG };

/* Fills `settings`. SETTINGS_DONE: --help, --list or --describe was answered; SETTINGS_WRONG: said so on stderr. The
 * strings point into argv, which is changed. */
int settings_parse(settings_t *settings, int argc, char **argv);

#endif
