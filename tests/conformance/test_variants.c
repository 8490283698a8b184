/* Every algorithm of the registry with each of its flags and keywords changed. */
#include "suite.h"

int main(void) {
    return suite_run(SUITE_VARIANTS);
}
