/* Saved at any moment and loaded by another process, every registry entry goes on with the same bits: the whole product. */
#include "resume.h"

int main(int count, char **argument) {
    return resume_run(count, argument, true);
}
