#include "engine/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_bool had_threads;  /* when this process forked last */
static atomic_bool lost_threads; /* this is the child of one that had some */
static pid_t known;              /* the process that loaded the library, or one that was seen to come of it */

/* Whether there is no other thread, as far as the system says. */
static bool is_alone(void) {
    struct stat threads; /* a folder with one in it for each */
    return stat("/proc/self/task", &threads) == 0 && threads.st_nlink == 3;
}

static void before_fork(void) {
    const int error = errno;
    had_threads = !is_alone();
    errno = error;
}

static void in_child(void) {
    lost_threads = lost_threads || had_threads;
    known = getpid();
}

/* When the library is loaded: the host may fork before it calls a function. */
__attribute__((constructor)) static void watch_forks(void) {
    known = getpid();
    (void)pthread_atfork(before_fork, NULL, in_child); /* without it, every child is unknown */
}

bool fork_left_threads_usable(void) {
    return !lost_threads && known == getpid();
}
