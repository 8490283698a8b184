/*
 * The record: everything about a handle that is not an array, as one JSON text in the checkpoint's metadata. Numbers
 * that a step uses are text, so that infinities pass and every bit is kept.
 *
 *     {"format": 1, "library": "0.1.0", "steps": 12, "skipped": 0, "draws": 0, "planned": true,
 *      "parameters": {"w": {"group": 0, "dtype": "F32", "shape": [3, 4]}, ...},
 *      "groups": ["adamw", ...], "wrappers": ["ema"],
 *      "layers": [{"name": "adamw", "sample": 0, "held": ["0.25", "0.5"], "numbers": {"d": ["1e-06"]},
 *                  "groups": {"0": {"options": {"lr": "0.001", ...}, "numbers": {}}}},
 *                 {"name": "engine", "station": "clip", ...}, ...],
 *      "schedules": [{"layer": 0, "group": 0, "option": "lr", "name": "wsd", "options": "steps=100", "state": []}],
 *      "sums": {"w/adamw.m": "0123456789abcdef", ...}}
 *
 * "layers" are the stations. The engine's own are all called "engine", with the station's own name beside it; in
 * records of older versions, which lack that, they are told apart by their order.
 *
 * The value of an option that is an entry is its name; the options of that entry stand beside it: "reg": "prox_l1",
 * "reg.lam": "0.1".
 * Format 2 is written where a parameter has not taken all steps: it then has "steps", its own count, and "numbers",
 * those of its cohort that are not its group's; or "states": false, if it never had a gradient. A record without arrays
 * says so: "arrays": false. Format 3 is written by several ranks that save their shares (io/shares.h): each share is a
 * file with such a record, and rank 1 of 3 adds "share": [1, 3] and the "moment" of the save (seconds, nanoseconds and
 * the process); the file that names them adds "shares": ["FILE", ...], and has no arrays itself.
 */
#ifndef IO_RECORD_H
#define IO_RECORD_H

#include "io/jsontext.h"
#include "io/jsontree.h"
#include "optimizer/optimizer.h"

enum { RECORD_FORMAT = 3 }; /* the newest that is known */

/* Writes a record up to its last member, "sums", which is the caller's to add; `of_ranks`: with the format of shares.
 * Errors: VALUE (a name that is not UTF-8); that there was no memory is for the text to say. */
optim_status record_make(jsontext_t *record, const optim_t *opt, bool of_ranks);

/* ---- Loading ---- */

/* A record that has been read, its groups and stations matched with those of the handle. */
typedef struct record {
    jsontree_t *json;
    const char *source;         /* for errors */
    int *from;                  /* by group of the handle: the record's group that has its parameters, or -1 */
    bool *exact;                /* that group has no other parameters: its options and schedules are taken too */
    const jsontree_t **station; /* by station of the handle, as record_listed counts them */
    int64_t *steps;             /* by parameter: its own count ... */
    bool *stateless;            /* ... and whether it had no states when the handle had, or begins fresh */
    bool *fresh;                /* by parameter: the record has nothing for it, which the rules allow */
    optim_load_rules rules;     /* what may differ */
} record_t;

/* Reads the text and finds its sections; what the rules (NULL: none) allow to differ is counted in record->rules.
 * Errors: FORMAT; CHECKPOINT: of another optimizer; NOMEM. */
optim_status record_read(record_t *record, const char *text, const char *source, const optim_t *opt,
                         const optim_load_rules *rules);
void record_free(record_t *record);

/* The stations as a record lists them, innermost first, with storage in front of guard, where older versions look for
 * it, without share, which keeps nothing, and without replicas, whose options are the run's. NULL: there are no more.
 * How many there are. */
station_t *record_listed(const optim_t *opt, int i);
int record_stations(const optim_t *opt);

/* The name of a station in a record: "engine" for the engine's own, except for the one that was added later. */
const char *record_station_name(const optim_t *opt, const station_t *station);

/* The text under `key`, "" if there is none. */
const char *record_text(const jsontree_t *object, const char *key);

/* Whether the handle had taken its states' memory when it was saved; whether that lies beside the record. */
bool record_is_planned(const record_t *record);
bool record_has_arrays(const record_t *record);

/* The checksum that array `name` must have, or NULL. */
const char *record_checksum(const record_t *record, const char *name);

/* Puts the options into the handle. On an error some have been written: the caller puts its copy back. Errors:
 * CHECKPOINT, OPTION, VALUE. */
optim_status record_apply_options(const record_t *record, optim_t *opt);

/* Value `i` of a field of this struct, and the value that it gets. */
typedef struct assignment {
    const field_t *field;
    void *memory;
    size_t i;
    double value;
} assignment_t;

/* The numbers of a planned handle's stations, not yet assigned. Errors: CHECKPOINT, NOMEM. */
optim_status record_numbers(const record_t *record, const optim_t *opt, assignment_t **list, size_t *count);

/* Makes the schedules of the groups whose options are taken; on an error those made so far are in the list. Errors:
   CHECKPOINT, those of optim_set_schedule. */
optim_status record_schedules(const record_t *record, const optim_t *opt, scheduled_t **made, size_t *count);

/* Counters, those of the parameters too, and what stations hold from step to step. Cannot fail: record_read has looked
   at them. */
void record_apply_counters(const record_t *record, optim_t *opt);

#endif
