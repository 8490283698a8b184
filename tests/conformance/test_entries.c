/* Every entry of the registry, present and future: what it says of itself, and every option. */
#include "suite.h"

int main(void) {
    return suite_run(SUITE_ENTRIES);
}
