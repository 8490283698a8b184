/* Every wrapper over every algorithm, and every pair of wrappers in both orders. */
#include "suite.h"

int main(void) {
    return suite_run(SUITE_CROSS);
}
