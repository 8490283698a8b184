#include "random_kills.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "scene.h"

enum { LONGEST_DELAY = 20000 }; /* microseconds; a save takes some thousands where it reaches a disk */

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static int64_t microseconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* States 1 and 2 in turn, until killed; two saves in the foreground, two in the background, and so on. */
static void save_for_ever(const scene_t *scene, const subject_t subjects[2], atomic_int *saves) {
    for (int i = 0;; ++i) {
        optim_t *opt = subjects[i % 2].opt;
        const bool in_background = i % 4 >= 2;
        if (scene_save(scene, opt, in_background) != OPTIM_OK)
            _exit(1);
        atomic_fetch_add(saves, 1);
    }
}

/* Waits until the child has saved once, then for the delay, and kills it. */
static void kill_later(pid_t child, const atomic_int *saves, int64_t delay, const char *when) {
    int status;
    pid_t ended = 0;
    while (atomic_load(saves) == 0 && ended == 0) {
        (void)sched_yield();
        ended = waitpid(child, &status, WNOHANG);
    }
    const int64_t end = microseconds() + delay;
    while (microseconds() < end)
        (void)sched_yield();
    (void)kill(child, SIGKILL);
    if (ended == 0)
        assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("%s: a save failed in the child", when);
}

void random_kills(int count, unsigned seed) {
    uint64_t random = seed;
    int in_the_middle = 0, left[3] = {0};
    long all = 0;
    scene_t scene;
    subject_t subjects[2];
    atomic_int *saves = mmap(NULL, sizeof *saves, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(saves != MAP_FAILED);
    scene_open(&scene, SCENE_LARGE, SCENE_ON_DISK);
    for (int i = 0; i < 2; ++i) {
        subject_open(&subjects[i], SCENE_LARGE);
        for (int step = 0; step < i + 2; ++step)
            subject_step(&subjects[i]);
    }
    for (int i = 0; i < count; ++i) {
        const char *here = when("kill %d of seed %u", i, seed);
        atomic_store(saves, 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            save_for_ever(&scene, subjects, saves);
        kill_later(child, saves, (int64_t)(next_random(&random) % LONGEST_DELAY), here);
        ++left[scene_check_file(&scene, 1, 2, here)];
        in_the_middle += scene_check_folder(&scene, true, here);
        all += atomic_load(saves);
    }
    print_message(
        "%d kills (seed %u): %ld saves went well; state 1 was left %d times, state 2 %d times; %d left a partial "
        "file\n",
        count, seed, all, left[1], left[2], in_the_middle);
    for (int i = 0; i < 2; ++i)
        subject_close(&subjects[i]);
    subject_step(&scene.subject);
    subject_step(&scene.subject);
    subject_step(&scene.subject);
    scene_check_save(&scene, 3, "after all");
    scene_close(&scene);
    (void)munmap(saves, sizeof *saves);
}
