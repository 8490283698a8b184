#include "allocator.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_bool armed, lasts;
static atomic_long wanted, requests, failures, held;

/* Whether this request is to fail. A thread that saves asks too, hence the atomic numbers. */
static bool fails(void) {
    if (!armed)
        return false;
    const long number = atomic_fetch_add(&requests, 1) + 1;
    if (wanted == 0 || number < wanted || (number > wanted && !lasts))
        return false;
    ++failures;
    return true;
}

static void *counted(void *block) {
    held += block != NULL;
    return block;
}

/* ---- In the place of the C library's ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size) {
    if (fails())
        return NULL;
    return old == NULL ? counted(__real_realloc(old, size)) : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *block) {
    held -= block != NULL;
    __real_free(block);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    return fails() ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}

/* ---- The switch ---- */

void allocator_arm(long nth, bool lasting) {
    requests = failures = 0;
    wanted = nth;
    lasts = lasting;
    armed = true;
}

long allocator_disarm(void) {
    armed = false;
    return requests;
}

long allocator_failures(void) {
    return failures;
}

long allocator_held(void) {
    return held;
}
