#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { REMEMBERED = 256 };

/* One at a time: while a save runs in the background, the program does nothing but wait for it. */
static struct {
    bool counting, no_flush;
    fault_t fault;
    int count;
    call_t kind[REMEMBERED];
    journal_t *journal;
} calls;

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
    static const char *const NAMES[] = {
        "none",     "open",  "close",     "read",   "pread", "write",     "pwrite", "stat",   "lstat",         "fstat",
        "realpath", "flock", "ftruncate", "fchmod", "fsync", "fdatasync", "rename", "unlink", "pthread_create"};
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

static void die(void) {
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause(); /* the signal may reach another thread first */
}

/* Counts a call and says what it meets. */
static fate_t meet(call_t call) {
    if (!calls.counting)
        return FATE_NONE;
    if (calls.count < REMEMBERED)
        calls.kind[calls.count] = call;
    const int k = ++calls.count;
    const fault_t *fault = &calls.fault;
    if (k != fault->at && !(fault->onwards && k > fault->at))
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

/* ---- In the place of the system's ---- */

extern int __real_open(const char *path, int flags, ...);
extern int __real_close(int descriptor);
extern ssize_t __real_read(int descriptor, void *to, size_t count);
extern ssize_t __real_pread(int descriptor, void *to, size_t count, off_t offset);
extern ssize_t __real_write(int descriptor, const void *from, size_t count);
extern ssize_t __real_pwrite(int descriptor, const void *from, size_t count, off_t offset);
extern int __real_stat(const char *path, struct stat *about);
extern int __real_lstat(const char *path, struct stat *about);
extern int __real_fstat(int descriptor, struct stat *about);
extern char *__real_realpath(const char *path, char *resolved);
extern int __real_flock(int descriptor, int operation);
extern int __real_ftruncate(int descriptor, off_t length);
extern int __real_fchmod(int descriptor, mode_t mode);
extern int __real_fsync(int descriptor);
extern int __real_fdatasync(int descriptor);
extern int __real_rename(const char *from, const char *to);
extern int __real_unlink(const char *path);
extern int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                                 void *argument);

int __wrap_open(const char *path, int flags, ...) {
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    const fate_t fate = meet(CALL_OPEN);
    const int descriptor = fate == FATE_FAIL ? -1 : __real_open(path, flags, mode);
    note(descriptor >= 0, DEED_OPEN, descriptor, path, NULL);
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

int __wrap_stat(const char *path, struct stat *about) {
    const fate_t fate = meet(CALL_STAT);
    const int result = fate == FATE_FAIL ? -1 : __real_stat(path, about);
    made(fate);
    return result;
}

int __wrap_lstat(const char *path, struct stat *about) {
    const fate_t fate = meet(CALL_LSTAT);
    const int result = fate == FATE_FAIL ? -1 : __real_lstat(path, about);
    made(fate);
    return result;
}

int __wrap_fstat(int descriptor, struct stat *about) {
    const fate_t fate = meet(CALL_FSTAT);
    const int result = fate == FATE_FAIL ? -1 : __real_fstat(descriptor, about);
    made(fate);
    return result;
}

char *__wrap_realpath(const char *path, char *resolved) {
    const fate_t fate = meet(CALL_REALPATH);
    char *result = fate == FATE_FAIL ? NULL : __real_realpath(path, resolved);
    made(fate);
    return result;
}

int __wrap_flock(int descriptor, int operation) {
    const fate_t fate = meet(CALL_FLOCK);
    const int result = fate == FATE_FAIL ? -1 : __real_flock(descriptor, operation);
    made(fate);
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

int __wrap_rename(const char *from, const char *to) {
    const fate_t fate = meet(CALL_RENAME);
    const int result = fate == FATE_FAIL ? -1 : __real_rename(from, to);
    note(result == 0, DEED_RENAME, -1, from, to);
    made(fate);
    return result;
}

int __wrap_unlink(const char *path) {
    const fate_t fate = meet(CALL_UNLINK);
    const int result = fate == FATE_FAIL ? -1 : __real_unlink(path);
    note(result == 0, DEED_UNLINK, -1, path, NULL);
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
