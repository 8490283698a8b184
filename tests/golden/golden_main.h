/* One test for each golden file of a folder. */
#ifndef GOLDEN_MAIN_H
#define GOLDEN_MAIN_H

#include <stdbool.h>
#include <stddef.h>

/* Runs `check` with the path of every file *.golden of `folder` whose name begins with "value_", or with those that do
 * not, as its state. Returns how many failed; *count receives the number of files. */
int golden_main(const char *group, const char *folder, bool values, void (*check)(void **state), size_t *count);

#endif
