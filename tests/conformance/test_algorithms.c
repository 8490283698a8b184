/* Every algorithm of the registry, present and future, by itself. */
#include "suite.h"

int main(void) {
    return suite_run(SUITE_ALGORITHMS);
}
