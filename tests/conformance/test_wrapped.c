/* Every wrapper of the registry over algorithms, and pairs of wrappers. */
#include "suite.h"

int main(void) {
    return suite_run(SUITE_WRAPPED);
}
