/* Checkpoints of several files: a share of each rank, and one file that names the shares and makes them valid. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "ranks.h"

enum { RANKS = 3, MOST_FILES = 16 };
static const char SHARED[] = "replicas=mean,shard=1,checkpoint=shares";

static char root[] = "/tmp/gradopt-shares-XXXXXX", folder[300], path[400];

/* ---- The folder ---- */

typedef struct listing {
    int count;
    char name[MOST_FILES][300];
} listing_t;

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static listing_t list(void) {
    listing_t found = {.count = 0};
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (const struct dirent *entry = readdir(open); entry != NULL; entry = readdir(open))
        if (entry->d_name[0] != '.') {
            assert_true(found.count < MOST_FILES);
            (void)snprintf(found.name[found.count++], sizeof found.name[0], "%s", entry->d_name);
        }
    (void)closedir(open);
    qsort(found.name, (size_t)found.count, sizeof found.name[0], by_name);
    return found;
}

static void empty(void) {
    const listing_t files = list();
    for (int i = 0; i < files.count; ++i) {
        char *file = check_text("%s/%s", folder, files.name[i]);
        assert_int_equal(unlink(file), 0);
        free(file);
    }
}

/* The file itself comes first, then the shares in the order of ranks. */
static void check_version(const listing_t *files, int ranks) {
    assert_int_equal(files->count, 1 + ranks);
    assert_string_equal(files->name[0], "run.optim");
    for (int r = 0; r < ranks; ++r) {
        char *begin = check_text("run.optim.%d-of-%d.", r, ranks);
        if (strncmp(files->name[1 + r], begin, strlen(begin)) != 0 || strlen(files->name[1 + r]) != strlen(begin) + 16)
            fail_msg("\"%s\" is no share of rank %d", files->name[1 + r], r);
        free(begin);
    }
}

/* ---- What ranks do ---- */

/* Loads what is there (parameters are those of rank[0]), steps, and saves if the options say how. */
static void go_on(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, job, comm->ranks > 1 ? comm : NULL);
    if (status == OPTIM_OK && access(path, R_OK) == 0) {
        status = optim_load(m.opt, path);
        memcpy(m.x, job->rank[0].x, sizeof m.x);
    }
    if (comm->barrier(comm) != OPTIM_OK)
        status = OPTIM_ERR_COMM;
    for (int step = 0; status == OPTIM_OK && step < job->steps; ++step)
        status = model_step(&m);
    if (status == OPTIM_OK && job->path != NULL)
        status = optim_save(m.opt, job->path);
    (void)comm->barrier(comm); /* rank[0].x is read above */
    rank_note(&job->rank[comm->rank], &m, status);
    optim_destroy(m.opt);
}

static job_t job, then;

/* So many steps of one method, saved by so many ranks. */
static void save(const char *method, const char *wrap, int ranks, int steps) {
    job = (job_t){.method = method, .options = SHARED, .wrap = wrap, .path = path, .steps = steps};
    team_run(ranks, 60, go_on, &job);
    job_check(&job, ranks);
}

static void any_number_of_ranks_goes_on(void **state) {
    static const struct {
        const char *method, *wrap;
    } CASES[] = {{"adamw", "ema"}, {"muon", NULL}, {"soap", NULL}, {"novograd", NULL}};
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        static job_t alone, other;
        alone = (job_t){.method = CASES[k].method, .wrap = CASES[k].wrap, .steps = 5};
        team_run(1, 60, go_on, &alone);
        job_check(&alone, 1);
        save(CASES[k].method, CASES[k].wrap, RANKS, 3);
        const listing_t files = list();
        check_version(&files, RANKS);
        for (int ranks = 1; ranks <= 4; ++ranks)
            for (int shard = 0; shard < 2; ++shard) {
                other = (job_t){.method = CASES[k].method, .wrap = CASES[k].wrap, .steps = 2};
                other.options = ranks == 1 ? NULL : shard ? SHARED : "replicas=mean";
                memcpy(other.rank[0].x, job.rank[0].x, sizeof other.rank[0].x);
                team_run(ranks, 60, go_on, &other);
                job_check(&other, ranks);
                assert_memory_equal(other.rank[0].x, alone.rank[0].x, sizeof alone.rank[0].x);
            }
        empty();
    }
}

/* One rank alone loads the shares and saves them as one file, which is what it saves after never having been many. */
static void shares_hold_what_one_file_holds(void **state) {
    static job_t alone;
    model_t m;
    size_t size, wanted_size;
    (void)state;
    save("adamw", "ema", RANKS, 3);
    alone = (job_t){.method = "adamw", .wrap = "ema"};
    CHECK_OK(model_open(&m, &alone, NULL));
    CHECK_OK(optim_load(m.opt, path));
    char *bytes = check_serialized(m.opt, &size);
    optim_destroy(m.opt);
    CHECK_OK(model_open(&m, &alone, NULL));
    for (int step = 0; step < 3; ++step)
        CHECK_OK(model_step(&m));
    char *wanted = check_serialized(m.opt, &wanted_size);
    optim_destroy(m.opt);
    assert_int_equal(size, wanted_size);
    assert_memory_equal(bytes, wanted, size);
    free(bytes);
    free(wanted);
    empty();
}

/* Before the first step there is no state: shares are empty, and stand for that. */
static void a_handle_without_states_is_saved_too(void **state) {
    (void)state;
    save("adamw", NULL, RANKS, 0);
    const listing_t files = list();
    check_version(&files, RANKS);
    then = (job_t){.method = "adamw", .steps = 1};
    memcpy(then.rank[0].x, job.rank[0].x, sizeof then.rank[0].x);
    team_run(1, 60, go_on, &then);
    job_check(&then, 1);
    empty();
}

static void an_older_version_goes(void **state) {
    (void)state;
    save("adamw", NULL, RANKS, 2);
    const listing_t first = list();
    check_version(&first, RANKS);
    for (int steps = 0; steps < 2; ++steps) {
        save("adamw", NULL, RANKS, steps);
        const listing_t second = list();
        check_version(&second, RANKS);
        for (int r = 0; r < RANKS; ++r)
            assert_string_not_equal(second.name[1 + r], first.name[1 + r]);
    }
    save("adamw", NULL, 2, 1);
    const listing_t third = list();
    check_version(&third, 2);
    empty();
}

/* Under its new name a version keeps its shares when the old name is saved to again, the same states at first. */
static void a_version_that_is_renamed_stays(void **state) {
    char *best = check_text("%s/best.optim", folder);
    model_t m;
    (void)state;
    save("adamw", NULL, RANKS, 2);
    assert_int_equal(rename(path, best), 0);
    for (int steps = 2; steps > 0; --steps) { /* from the beginning, to the same states; then on from there */
        save("adamw", NULL, RANKS, steps);
        assert_int_equal(list().count, 2 * (1 + RANKS));
    }
    CHECK_OK(model_open(&m, &(job_t){.method = "adamw"}, NULL));
    CHECK_OK(optim_load(m.opt, best));
    assert_int_equal(optim_steps(m.opt), 2);
    optim_destroy(m.opt);
    free(best);
    empty();
}

/* ---- What is refused ---- */

static char *contents(const char *file, size_t *size) {
    struct stat about;
    FILE *stream = fopen(file, "rb");
    assert_non_null(stream);
    assert_int_equal(fstat(fileno(stream), &about), 0);
    *size = (size_t)about.st_size;
    char *bytes = check_memory(*size + 1, 1);
    assert_int_equal(fread(bytes, 1, *size, stream), *size);
    (void)fclose(stream);
    return bytes;
}

static void put(const char *file, const void *bytes, size_t size) {
    FILE *stream = fopen(file, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

/* Nothing of the handle changes. */
static void check_refused_load(const char *file, optim_status status, const char *words) {
    model_t m;
    size_t size, after;
    CHECK_OK(model_open(&m, &(job_t){.method = "adamw"}, NULL));
    CHECK_OK(model_step(&m));
    char *before = check_serialized(m.opt, &size);
    CHECK_REFUSED(optim_load(m.opt, file), status, words);
    char *now = check_serialized(m.opt, &after);
    assert_int_equal(size, after);
    assert_memory_equal(before, now, size);
    free(before);
    free(now);
    optim_destroy(m.opt);
}

static void what_does_not_belong_together_is_refused(void **state) {
    size_t size, older_size, names_size;
    (void)state;
    save("adamw", NULL, RANKS, 2);
    char *older_name = check_text("%s/%s", folder, list().name[2]), *older = contents(older_name, &older_size);
    save("adamw", NULL, RANKS, 1);
    char *share = check_text("%s/%s", folder, list().name[2]), *bytes = contents(share, &size);
    char *elsewhere = check_text("%s/moved", root), *named = contents(path, &names_size);
    const char *name = strrchr(share, '/') + 1;
    assert_int_equal(unlink(share), 0);
    check_refused_load(path, OPTIM_ERR_IO, name);
    put(share, older, older_size);
    check_refused_load(path, OPTIM_ERR_FORMAT, "not the file that was written under this name");
    put(share, bytes, size - 1);
    check_refused_load(path, OPTIM_ERR_FORMAT, name);
    put(share, bytes, 0);
    check_refused_load(path, OPTIM_ERR_FORMAT, name);
    bytes[size - 1] ^= 1;
    put(share, bytes, size);
    check_refused_load(path, OPTIM_ERR_FORMAT, "the checksum of array");
    bytes[size - 1] ^= 1;
    bytes[40] ^= 1;
    put(share, bytes, size);
    check_refused_load(path, OPTIM_ERR_FORMAT, name);
    bytes[40] ^= 1;
    put(share, bytes, size);
    check_refused_load(share, OPTIM_ERR_CHECKPOINT, "one rank's share");
    put(elsewhere, named, names_size);
    check_refused_load(elsewhere, OPTIM_ERR_IO, "moved cannot be loaded without its shares");
    model_t m;
    CHECK_OK(model_open(&m, &(job_t){.method = "adamw"}, NULL));
    CHECK_REFUSED(optim_deserialize(m.opt, named, names_size), OPTIM_ERR_CHECKPOINT, "beside it");
    CHECK_OK(optim_load(m.opt, path));
    assert_int_equal(optim_steps(m.opt), 3);
    optim_destroy(m.opt);
    assert_int_equal(unlink(elsewhere), 0);
    free(elsewhere);
    free(older_name);
    free(older);
    free(share);
    free(bytes);
    free(named);
    empty();
}

/* ---- A rank that cannot save ---- */

static const char *odd; /* what rank 1 is told instead */

static void save_oddly(const optim_comm *comm, void *context) {
    job_t *now = context;
    model_t m;
    optim_status status = model_open(&m, now, comm);
    for (int step = 0; status == OPTIM_OK && step < now->steps; ++step)
        status = model_step(&m);
    if (status == OPTIM_OK)
        status = optim_save(m.opt, comm->rank == 1 ? odd : path);
    if (status != OPTIM_OK) /* it can go on */
        memset(m.g, 0, sizeof m.g);
    rank_note(&now->rank[comm->rank], &m, status);
    if (comm->barrier(comm) == OPTIM_OK && model_step(&m) != OPTIM_OK)
        now->rank[comm->rank].status = OPTIM_ERR_ORDER;
    optim_destroy(m.opt);
}

static void all_are_told_and_the_version_before_stays(void **state) {
    char *missing = check_text("%s/none/run.optim", root), *other = check_text("%s/run.optim", root);
    (void)state;
    save("adamw", NULL, RANKS, 2);
    const listing_t before = list();
    for (int k = 0; k < 2; ++k) {
        odd = k == 0 ? missing : other;
        job = (job_t){.method = "adamw", .options = SHARED, .steps = 4};
        team_run(RANKS, 60, save_oddly, &job);
        const int first = k == 0 ? 1 : 0; /* who has an error of its own: rank 0 does not find the share */
        for (int r = 0; r < RANKS; ++r)
            assert_int_equal(job.rank[r].status, r == first ? OPTIM_ERR_IO : OPTIM_ERR_COMM);
        assert_non_null(strstr(job.rank[first].error, k == 0 ? "none/run.optim" : "rank 1 has saved"));
        assert_non_null(strstr(job.rank[2].error, k == 0 ? "rank 1" : "rank 0"));
        const listing_t after = list();
        assert_memory_equal(after.name, before.name, sizeof after.name);
    }
    free(missing);
    free(other);
    empty();
}

/* ---- In the background ---- */

/* How a rank ends what it has begun. */
enum ending { WAIT, SAVE_AGAIN, DESTROY, CHANGE_COMM, ENDINGS };
static enum ending ending;

/* Saves after job->steps steps, and takes another one meanwhile. */
static void snapshot(const optim_comm *comm, void *context) {
    job_t *now = context;
    model_t m;
    optim_status status = model_open(&m, now, comm);
    for (int step = 0; status == OPTIM_OK && step < now->steps; ++step)
        status = model_step(&m);
    if (status == OPTIM_OK)
        status = optim_snapshot_begin(m.opt, comm->rank == 1 && odd != NULL ? odd : path);
    if (status == OPTIM_OK)
        status = model_step(&m);
    if (status == OPTIM_OK && ending == CHANGE_COMM)
        status = optim_set_comm(m.opt, NULL);
    if (status == OPTIM_OK && ending == SAVE_AGAIN)
        status = optim_snapshot_begin(m.opt, path);
    if (status == OPTIM_OK && ending != DESTROY)
        status = optim_snapshot_wait(m.opt);
    rank_note(&now->rank[comm->rank], &m, status);
    optim_destroy(m.opt);
    (void)comm->barrier(comm);
}

static void check_steps(int64_t steps) {
    model_t m;
    CHECK_OK(model_open(&m, &(job_t){.method = "adamw", .wrap = "ema"}, NULL));
    CHECK_OK(optim_load(m.opt, path));
    assert_int_equal(optim_steps(m.opt), steps);
    size_t size, wanted_size;
    char *bytes = check_serialized(m.opt, &size);
    optim_destroy(m.opt);
    CHECK_OK(model_open(&m, &(job_t){.method = "adamw", .wrap = "ema"}, NULL));
    for (int step = 0; step < steps; ++step)
        CHECK_OK(model_step(&m));
    char *wanted = check_serialized(m.opt, &wanted_size);
    optim_destroy(m.opt);
    assert_int_equal(size, wanted_size);
    assert_memory_equal(bytes, wanted, size);
    free(bytes);
    free(wanted);
}

static void ranks_save_while_they_step(void **state) {
    (void)state;
    odd = NULL;
    for (ending = WAIT; ending < ENDINGS; ++ending) {
        save("adamw", "ema", RANKS, 1);
        job = (job_t){.method = "adamw", .wrap = "ema", .options = SHARED, .steps = 2};
        team_run(RANKS, 60, snapshot, &job);
        if (ending == CHANGE_COMM)
            for (int r = 0; r < RANKS; ++r) {
                assert_int_equal(job.rank[r].status, OPTIM_ERR_ORDER);
                assert_non_null(strstr(job.rank[r].error, "wait for the save first"));
            }
        else
            job_check(&job, RANKS);
        check_steps(ending == WAIT ? 2 : ending == SAVE_AGAIN ? 3 : 1);
        const listing_t files = list();
        check_version(&files, RANKS);
        empty();
    }
}

static void all_are_told_by_the_wait(void **state) {
    char *missing = check_text("%s/none/run.optim", root);
    (void)state;
    save("adamw", "ema", RANKS, 1);
    const listing_t before = list();
    odd = missing;
    for (ending = WAIT; ending <= SAVE_AGAIN; ++ending) {
        job = (job_t){.method = "adamw", .wrap = "ema", .options = SHARED, .steps = 2};
        team_run(RANKS, 60, snapshot, &job);
        for (int r = 0; r < RANKS; ++r)
            assert_int_equal(job.rank[r].status, r == 1 ? OPTIM_ERR_IO : OPTIM_ERR_COMM);
        assert_non_null(strstr(job.rank[1].error, "none/run.optim"));
        assert_int_equal(job.rank[0].steps, 3); /* the step was taken */
        const listing_t after = list();
        assert_memory_equal(after.name, before.name, sizeof after.name);
    }
    free(missing);
    empty();
}

/* ---- A rank that does not come ---- */

/* Rank 2 takes its step, and is gone. */
static void stay_away(const optim_comm *comm, void *context) {
    job_t *now = context;
    model_t m;
    optim_status status = model_open(&m, now, comm);
    if (status == OPTIM_OK)
        status = model_step(&m);
    if (status == OPTIM_OK && comm->rank != 2)
        status = optim_save(m.opt, path);
    rank_note(&now->rank[comm->rank], &m, status);
    optim_destroy(m.opt);
}

static void without_one_rank_the_version_before_stays(void **state) {
    (void)state;
    save("adamw", NULL, RANKS, 2);
    const listing_t before = list();
    job = (job_t){.method = "adamw", .options = SHARED};
    team_run(RANKS, 0.3, stay_away, &job);
    for (int r = 0; r < 2; ++r)
        assert_int_equal(job.rank[r].status, OPTIM_ERR_COMM);
    const listing_t after = list();
    assert_memory_equal(after.name, before.name, sizeof after.name);
    empty();
}

static int make_folder(void **state) {
    (void)state;
    if (mkdtemp(root) == NULL)
        return 1;
    (void)snprintf(folder, sizeof folder, "%s/files", root);
    (void)snprintf(path, sizeof path, "%s/run.optim", folder);
    return mkdir(folder, 0777);
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder) != 0 || rmdir(root) != 0; /* fails if anything else was left there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_ranks_goes_on),
        cmocka_unit_test(shares_hold_what_one_file_holds),
        cmocka_unit_test(a_handle_without_states_is_saved_too),
        cmocka_unit_test(an_older_version_goes),
        cmocka_unit_test(a_version_that_is_renamed_stays),
        cmocka_unit_test(what_does_not_belong_together_is_refused),
        cmocka_unit_test(all_are_told_and_the_version_before_stays),
        cmocka_unit_test(ranks_save_while_they_step),
        cmocka_unit_test(all_are_told_by_the_wait),
        cmocka_unit_test(without_one_rank_the_version_before_stays),
    };
    return cmocka_run_group_tests_name("shares", tests, make_folder, remove_folder);
}
