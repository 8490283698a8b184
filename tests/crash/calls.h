/*
 * Stands between the library and the system: every system call that saving and loading make is counted, can fail, can
 * be the last thing the process does, and what it does to the disk is noted. The linker puts it there (--wrap), so the
 * library itself is the one that is released. Outside calls_begin ... calls_end everything passes through.
 */
#ifndef CRASH_CALLS_H
#define CRASH_CALLS_H

#include <stdbool.h>
#include <stddef.h>

#include "journal.h"

typedef enum call {
    CALL_NONE,
    CALL_OPEN, /* openat; the others likewise */
    CALL_CLOSE,
    CALL_READ,
    CALL_PREAD,
    CALL_WRITE,
    CALL_PWRITE,
    CALL_STAT,
    CALL_FSTAT,
    CALL_READLINK,
    CALL_FLOCK,
    CALL_FTRUNCATE,
    CALL_FCHMOD,
    CALL_FSYNC,
    CALL_FDATASYNC,
    CALL_RENAME,
    CALL_UNLINK,
    CALL_THREAD /* pthread_create */
} call_t;

typedef enum fate {
    FATE_NONE,
    FATE_FAIL,        /* as it says it does, with nothing done (but close closes) */
    FATE_KILL_BEFORE, /* SIGKILL instead of the call */
    FATE_KILL_MIDDLE, /* after half of the bytes of a write */
    FATE_KILL_AFTER,
    FATE_ONE_BYTE, /* of a read or write, and no more */
    FATE_HALF,
    FATE_NO_BYTE,
    FATE_MEANWHILE /* something else happens before it */
} fate_t;

typedef struct fault {
    fate_t fate;
    int at;       /* the call that meets it, counted from 1 */
    bool onwards; /* and all that follow */
    int number;   /* errno, for FATE_FAIL */
    unsigned of;  /* kinds of calls that meet it, 1U << CALL_...; 0: all */
    void (*meanwhile)(void *context);
    void *context;
} fault_t;

/* NULL: nothing happens, but calls are counted. */
void calls_begin(const fault_t *fault);
/* Returns how many there were. */
int calls_end(void);
/* The k-th call since calls_begin; CALL_NONE: there was none. */
call_t calls_kind(int k);
const char *calls_name(call_t call);

/* Whether POSIX lets a signal interrupt such a call, so that it must be made again. */
bool calls_can_be_interrupted(call_t call);

/* Where to note what is done to the disk from now on; NULL: nowhere. */
void calls_record(journal_t *journal);
/* Whether fsync goes through to the disk (it does unless told otherwise). */
void calls_flush(bool really);
/* Whether there are locks (as there are unless told otherwise). */
void calls_lock(bool really);

#endif
