#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { REMEMBERED = 256 };

/* Faults and notes are for one call at a time: while a save runs in the background, the program does nothing but wait
 * for it. Ranks that are threads make theirs at once; their calls are counted, and one is the last. */
static struct {
    bool counting, no_flush, no_lock;
    fault_t fault;
    pthread_mutex_t lock;
    int count;
    call_t kind[REMEMBERED];
    journal_t *journal;
} calls = {.lock = PTHREAD_MUTEX_INITIALIZER};

void calls_begin(const fault_t *fault) {
    calls.fault = fault == NULL ? (fault_t){.fate = FATE_NONE} : *fault;
    calls.count = 0;
    calls.counting = true;
}

int calls_end(void) {
    calls.counting = false;
    return calls.count;
}

call_t calls_kind(int k) {
    return k >= 1 && k <= calls.count && k <= REMEMBERED ? calls.kind[k - 1] : CALL_NONE;
}

const char *calls_name(call_t call) {
    static const char *const NAMES[] = {"none",   "open",  "close",     "read",     "pread",  "write",
                                        "pwrite", "stat",  "fstat",     "readlink", "flock",  "ftruncate",
                                        "fchmod", "fsync", "fdatasync", "rename",   "unlink", "pthread_create"};
    return NAMES[call];
}

bool calls_can_be_interrupted(call_t call) {
    switch (call) {
    case CALL_OPEN:
    case CALL_READ:
    case CALL_PREAD:
    case CALL_WRITE:
    case CALL_PWRITE:
    case CALL_FLOCK:
    case CALL_FTRUNCATE:
    case CALL_FCHMOD:
    case CALL_FSYNC:
    case CALL_FDATASYNC:
        return true;
    default:
        return false;
    }
}

void calls_record(journal_t *journal) {
    calls.journal = journal;
}

void calls_flush(bool really) {
    calls.no_flush = !really;
}

void calls_lock(bool really) {
    calls.no_lock = !really;
}

static void die(void) {
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause(); /* the signal may reach another thread first */
}

/* The number of a call. */
static int number_of(call_t call) {
    (void)pthread_mutex_lock(&calls.lock);
    if (calls.count < REMEMBERED)
        calls.kind[calls.count] = call;
    const int k = ++calls.count;
    (void)pthread_mutex_unlock(&calls.lock);
    return k;
}

/* Counts a call and says what it meets. */
static fate_t meet(call_t call) {
    if (!calls.counting)
        return FATE_NONE;
    const int k = number_of(call);
    const fault_t *fault = &calls.fault;
    if (k != fault->at && !(fault->onwards && k > fault->at))
        return FATE_NONE;
    if (fault->of != 0 && (fault->of >> call & 1) == 0)
        return FATE_NONE;
    const bool writes = call == CALL_WRITE || call == CALL_PWRITE;
    if (fault->fate == FATE_KILL_BEFORE || (fault->fate == FATE_KILL_MIDDLE && !writes))
        die();
    if (fault->fate == FATE_FAIL)
        errno = fault->number;
    if (fault->fate == FATE_MEANWHILE) {
        calls.counting = false;
        fault->meanwhile(fault->context);
        calls.counting = true;
    }
    return fault->fate;
}

/* The call has been made. */
static void made(fate_t fate) {
    if (fate == FATE_KILL_AFTER || fate == FATE_KILL_MIDDLE)
        die();
}

static size_t part(fate_t fate, size_t count) {
    if (fate == FATE_NO_BYTE)
        return 0;
    if (fate == FATE_ONE_BYTE && count > 1)
        return 1;
    return fate == FATE_HALF || fate == FATE_KILL_MIDDLE ? (count + 1) / 2 : count;
}

static void note(bool happened, deed_t deed, int descriptor, const char *path, const char *to) {
    if (happened && calls.counting && calls.journal != NULL)
        journal_add(calls.journal, deed, descriptor, path, to);
}

/* For the journal: what is open, or `name` in that folder. */
static void path_of(int descriptor, const char *name, char path[PATH_MAX]) {
    char link[32];
    const int number = errno;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = readlink(link, path, PATH_MAX);
    const size_t used = length < 0 ? 0 : (size_t)length;
    (void)snprintf(path + used, PATH_MAX - used, "%s%s", *name == '\0' ? "" : "/", name);
    errno = number;
}

/* ---- In the place of the system's ---- */

/* With files beyond 2 GiB in mind, glibc's headers give some calls another name. */
#ifdef __USE_FILE_OFFSET64
#define WIDE(name) __asm__(#name "64")
#else
#define WIDE(name)
#endif

extern int __real_openat(int folder, const char *path, int flags, ...) WIDE(__real_openat);
int __wrap_openat(int folder, const char *path, int flags, ...) WIDE(__wrap_openat);
extern int __real_close(int descriptor);
extern ssize_t __real_read(int descriptor, void *to, size_t count);
extern ssize_t __real_pread(int descriptor, void *to, size_t count, off_t offset) WIDE(__real_pread);
ssize_t __wrap_pread(int descriptor, void *to, size_t count, off_t offset) WIDE(__wrap_pread);
extern ssize_t __real_write(int descriptor, const void *from, size_t count);
extern ssize_t __real_pwrite(int descriptor, const void *from, size_t count, off_t offset) WIDE(__real_pwrite);
ssize_t __wrap_pwrite(int descriptor, const void *from, size_t count, off_t offset) WIDE(__wrap_pwrite);
extern int __real_fstatat(int folder, const char *path, struct stat *about, int flags) WIDE(__real_fstatat);
int __wrap_fstatat(int folder, const char *path, struct stat *about, int flags) WIDE(__wrap_fstatat);
extern int __real_fstat(int descriptor, struct stat *about) WIDE(__real_fstat);
int __wrap_fstat(int descriptor, struct stat *about) WIDE(__wrap_fstat);
extern ssize_t __real_readlinkat(int folder, const char *path, char *to, size_t room);
extern int __real_flock(int descriptor, int operation);
extern int __real_ftruncate(int descriptor, off_t length) WIDE(__real_ftruncate);
int __wrap_ftruncate(int descriptor, off_t length) WIDE(__wrap_ftruncate);
extern int __real_fchmod(int descriptor, mode_t mode);
extern int __real_fsync(int descriptor);
extern int __real_fdatasync(int descriptor);
extern int __real_renameat(int folder, const char *from, int to_folder, const char *to);
extern int __real_unlinkat(int folder, const char *path, int flags);
extern int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                                 void *argument);

int __wrap_openat(int folder, const char *path, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    const fate_t fate = meet(CALL_OPEN);
    const int descriptor = fate == FATE_FAIL ? -1 : __real_openat(folder, path, flags, mode);
    char opened[PATH_MAX];
    path_of(descriptor, "", opened);
    note(descriptor >= 0, DEED_OPEN, descriptor, opened, NULL);
    made(fate);
    return descriptor;
}

int __wrap_close(int descriptor) {
    const fate_t fate = meet(CALL_CLOSE);
    const int number = errno, result = __real_close(descriptor);
    note(true, DEED_CLOSE, descriptor, NULL, NULL);
    made(fate);
    if (fate == FATE_FAIL)
        errno = number;
    return fate == FATE_FAIL ? -1 : result;
}

ssize_t __wrap_read(int descriptor, void *to, size_t count) {
    const fate_t fate = meet(CALL_READ);
    const ssize_t got = fate == FATE_FAIL ? -1 : __real_read(descriptor, to, part(fate, count));
    made(fate);
    return got;
}

ssize_t __wrap_pread(int descriptor, void *to, size_t count, off_t offset) {
    const fate_t fate = meet(CALL_PREAD);
    const ssize_t got = fate == FATE_FAIL ? -1 : __real_pread(descriptor, to, part(fate, count), offset);
    made(fate);
    return got;
}

ssize_t __wrap_write(int descriptor, const void *from, size_t count) {
    const fate_t fate = meet(CALL_WRITE);
    const ssize_t wrote = fate == FATE_FAIL ? -1 : __real_write(descriptor, from, part(fate, count));
    if (wrote > 0 && calls.counting && calls.journal != NULL)
        journal_add_write(calls.journal, descriptor, from, (size_t)wrote);
    made(fate);
    return wrote;
}

/* The journal has no word for this one: whoever uses it will find that the simulated disk differs from the real one. */
ssize_t __wrap_pwrite(int descriptor, const void *from, size_t count, off_t offset) {
    const fate_t fate = meet(CALL_PWRITE);
    const ssize_t wrote = fate == FATE_FAIL ? -1 : __real_pwrite(descriptor, from, part(fate, count), offset);
    made(fate);
    return wrote;
}

int __wrap_fstatat(int folder, const char *path, struct stat *about, int flags) {
    const fate_t fate = meet(CALL_STAT);
    const int result = fate == FATE_FAIL ? -1 : __real_fstatat(folder, path, about, flags);
    made(fate);
    return result;
}

int __wrap_fstat(int descriptor, struct stat *about) {
    const fate_t fate = meet(CALL_FSTAT);
    const int result = fate == FATE_FAIL ? -1 : __real_fstat(descriptor, about);
    made(fate);
    return result;
}

ssize_t __wrap_readlinkat(int folder, const char *path, char *to, size_t room) {
    const fate_t fate = meet(CALL_READLINK);
    const ssize_t result = fate == FATE_FAIL ? -1 : __real_readlinkat(folder, path, to, room);
    made(fate);
    return result;
}

int __wrap_flock(int descriptor, int operation) {
    const fate_t fate = meet(CALL_FLOCK);
    const int result = fate == FATE_FAIL || calls.no_lock ? -1 : __real_flock(descriptor, operation);
    made(fate);
    if (calls.no_lock)
        errno = ENOLCK;
    return result;
}

int __wrap_ftruncate(int descriptor, off_t length) {
    const fate_t fate = meet(CALL_FTRUNCATE);
    const int result = fate == FATE_FAIL ? -1 : __real_ftruncate(descriptor, length);
    note(result == 0 && length == 0, DEED_TRUNCATE, descriptor, NULL, NULL);
    made(fate);
    return result;
}

int __wrap_fchmod(int descriptor, mode_t mode) {
    const fate_t fate = meet(CALL_FCHMOD);
    const int result = fate == FATE_FAIL ? -1 : __real_fchmod(descriptor, mode);
    made(fate);
    return result;
}

int __wrap_fsync(int descriptor) {
    const fate_t fate = meet(CALL_FSYNC);
    const int result = fate == FATE_FAIL ? -1 : calls.no_flush ? 0 : __real_fsync(descriptor);
    note(result == 0, DEED_FLUSH, descriptor, NULL, NULL);
    made(fate);
    return result;
}

int __wrap_fdatasync(int descriptor) {
    const fate_t fate = meet(CALL_FDATASYNC);
    const int result = fate == FATE_FAIL ? -1 : calls.no_flush ? 0 : __real_fdatasync(descriptor);
    note(result == 0, DEED_FLUSH, descriptor, NULL, NULL);
    made(fate);
    return result;
}

int __wrap_renameat(int folder, const char *from, int to_folder, const char *to) {
    const fate_t fate = meet(CALL_RENAME);
    const int result = fate == FATE_FAIL ? -1 : __real_renameat(folder, from, to_folder, to);
    char before[PATH_MAX], after[PATH_MAX];
    path_of(folder, from, before);
    path_of(to_folder, to, after);
    note(result == 0, DEED_RENAME, -1, before, after);
    made(fate);
    return result;
}

int __wrap_unlinkat(int folder, const char *path, int flags) {
    const fate_t fate = meet(CALL_UNLINK);
    const int result = fate == FATE_FAIL ? -1 : __real_unlinkat(folder, path, flags);
    char gone[PATH_MAX];
    path_of(folder, path, gone);
    note(result == 0, DEED_UNLINK, -1, gone, NULL);
    made(fate);
    return result;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
    const fate_t fate = meet(CALL_THREAD);
    const int number = errno,
              result = fate == FATE_FAIL ? number : __real_pthread_create(thread, attributes, start, argument);
    made(fate);
    return result;
}
