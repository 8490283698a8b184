/* NaN, infinity and extreme numbers, everywhere: see numbers.h. */
#include "numbers.h"

int main(void) {
    return numbers_run(true);
}
