/* NaN, infinity and extreme numbers: a sample of test_long_numbers.c. */
#include "numbers.h"

int main(void) {
    return numbers_run(false);
}
