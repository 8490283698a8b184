/* The checks of the conformance suite as one list of tests, of which each program runs a part. */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H

typedef enum suite_part {
    SUITE_ENTRIES,    /* every entry of the registry: descriptions and options; what needs no subject */
    SUITE_ALGORITHMS, /* every algorithm by itself */
    SUITE_VARIANTS,   /* every algorithm with one flag or keyword changed */
    SUITE_WRAPPED,    /* wrappers over algorithms, and pairs of wrappers: a sample */
    SUITE_CROSS       /* all of those */
} suite_part_t;

/*
 * Runs one part; each check times each subject is one test, called "check: subject". With the environment variable
 * GRADOPT_SUBJECT only tests run whose name contains its value. Returns the number of failures.
 */
int suite_run(suite_part_t part);

#endif
