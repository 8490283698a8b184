/* Prints what the library says about itself. */
#ifndef EXAMPLES_CATALOG_H
#define EXAMPLES_CATALOG_H

/* Every algorithm, wrapper and schedule with its purpose. Both return 0, or -1 after saying on stderr what failed. */
int catalog_list(void);

/* The algorithm, wrapper or schedule called `name` (or "engine"): purpose, citation, options, state. */
int catalog_describe(const char *name);

#endif
