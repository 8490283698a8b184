/*
 * Trains a small GPT on text, character by character, with any method of the library; then it writes some text itself.
 *
 *     gpt --method muon --options lr=0.02 --others algorithm=adamw,lr=3e-3 --steps 300
 *
 *     mpirun -n 4 gpt_mpi --options lr=3e-3,replicas=mean          (built where there is an MPI)
 *
 * What a trainer does for an optimizer is in make_optimizer, answer and take_step; for going on after a break in save
 * and resume. Everything else is data, the command line and what is shown.
 */
#define _GNU_SOURCE /* getopt_long, scandir */
#include <dirent.h>
#include <getopt.h>
#include <math.h>
#include <optim/comm.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef GPT_MPI
#include <optim/comm_mpi.h>
#endif

#include "model.h"

enum { GO_ON, FAILED };

typedef struct settings {
    const char *text, *method, *options, *others, *schedule, *wrap, *log, *save, *resume;
    int layers, heads, width, context, batch, accumulate, steps, sample, bf16;
    uint64_t seed;
} settings_t;

typedef struct text {
    unsigned char *code;       /* characters by their number */
    size_t train, count;       /* the rest is held out */
    int characters, used[256]; /* used[c]: its number, or -1 */
    unsigned char letter[256]; /* the character with a number */
} text_t;

typedef struct trainer {
    settings_t set;
    optim_comm comm;
    int rank, ranks; /* of several, each draws batches of its own */
    text_t text;
    gpt_t net;
    optim_t *opt;
    uint16_t *short_values; /* of --dtype bf16: what the optimizer moves; the net computes with widened ones */
    unsigned char *in, *next;
    long draws; /* of this step */
    double loss, smooth, seconds;
} trainer_t;

static int library_error(void) {
    fprintf(stderr, "%s\n", optim_error());
    return FAILED;
}

/* ---- The text ---- */

static int append_file(text_t *text, const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        perror(path);
        if (file != NULL)
            fclose(file);
        return FAILED;
    }
    unsigned char *grown = realloc(text->code, text->count + (size_t)status.st_size + 1);
    if (grown != NULL) {
        text->code = grown;
        text->count += fread(grown + text->count, 1, (size_t)status.st_size, file);
    }
    fclose(file);
    return grown == NULL ? FAILED : GO_ON;
}

/* A file, or all plain files of a folder by their names. */
static int read_text(text_t *text, const char *path) {
    struct dirent **list;
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
        return append_file(text, path);
    const int count = scandir(path, &list, NULL, alphasort);
    if (count < 0) {
        perror(path);
        return FAILED;
    }
    int failed = GO_ON;
    for (int i = 0; i < count; free(list[i++])) {
        char file[4096];
        const int length = snprintf(file, sizeof file, "%s/%s", path, list[i]->d_name);
        if (failed == GO_ON && length < (int)sizeof file && lstat(file, &status) == 0 && S_ISREG(status.st_mode))
            failed = append_file(text, file);
    }
    free(list);
    return failed;
}

/* Numbers the characters that occur, and holds out the last tenth. */
static int encode(text_t *text, int context) {
    for (int c = 0; c < 256; ++c)
        text->used[c] = -1;
    for (size_t i = 0; i < text->count; ++i)
        text->used[text->code[i]] = 0;
    for (int c = 0; c < 256; ++c)
        if (text->used[c] == 0) {
            text->letter[text->characters] = (unsigned char)c;
            text->used[c] = text->characters++;
        }
    for (size_t i = 0; i < text->count; ++i)
        text->code[i] = (unsigned char)text->used[text->code[i]];
    text->train = text->count - text->count / 10;
    if (text->count / 10 > (size_t)context + 1)
        return GO_ON;
    fprintf(stderr, "the text is too short: %zu characters, of which a tenth must be more than the context\n",
            text->count);
    return FAILED;
}

static uint64_t hash(uint64_t z) { /* splitmix64 */
    z = (z + 0x9e3779b97f4a7c15U) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

/* Draw number `draw` of a step: it depends on the seed, the step and that number alone, so that nothing has to be kept
 * for a later run. */
static void draw_batch(trainer_t *t, long step, long draw) {
    const size_t context = (size_t)t->set.context, places = t->text.train - context - 1;
    for (size_t b = 0; b < (size_t)t->set.batch; ++b) {
        const uint64_t key = hash(t->set.seed ^ hash((uint64_t)step << 20 ^ (uint64_t)draw << 10) ^ b);
        const unsigned char *from = t->text.code + key % places;
        memcpy(t->in + b * context, from, context);
        memcpy(t->next + b * context, from + 1, context);
    }
}

/* Loss over the held-out text, in rows that follow each other; at most `most` batches. */
static double held_out_loss(trainer_t *t, int most) {
    const size_t context = (size_t)t->set.context, rows = (t->text.count - t->text.train - 1) / context;
    double sum = 0;
    size_t done = 0;
    for (int i = 0; i < most && done < rows; ++i) {
        const size_t batch = rows - done < (size_t)t->set.batch ? rows - done : (size_t)t->set.batch;
        const unsigned char *from = t->text.code + t->text.train + done * context;
        sum += (double)batch * gpt_loss(&t->net, (int)batch, from, from + 1);
        done += batch;
    }
    return sum / (double)done;
}

/* ---- The optimizer ---- */

static void widen(trainer_t *t) {
    for (size_t i = 0; t->short_values != NULL && i < t->net.count; ++i) {
        const uint32_t bits = (uint32_t)t->short_values[i] << 16;
        memcpy(&t->net.values[i], &bits, sizeof bits);
    }
}

static void narrow(trainer_t *t) {
    for (size_t i = 0; i < t->net.count; ++i) {
        uint32_t bits;
        memcpy(&bits, &t->net.values[i], sizeof bits);
        t->short_values[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16); /* to nearest, ties to even */
    }
}

/* "NAME:OPTIONS", in memory of its own; *options points behind the colon, or to "". */
static char *split(const char *text, char **options) {
    char *name = strdup(text), *colon = name == NULL ? NULL : strchr(name, ':');
    if (colon != NULL)
        *colon = '\0';
    *options = colon == NULL ? name + (name == NULL ? 0 : strlen(name)) : colon + 1;
    return name;
}

/* Whether the method decays weights by an option of that name. */
static int decays(const char *method) {
    optim_option option = {.size = sizeof option};
    for (size_t i = 0; optim_describe_option(OPTIM_ALGORITHM, method, i, &option) == OPTIM_OK; ++i)
        if (strcmp(option.name, "weight_decay") == 0)
            return 1;
    return 0;
}

/* Hidden matrices are group 0, everything else group 1: gains and embeddings are not decayed. */
static int add_parameters(trainer_t *t) {
    int others;
    const char *options = t->set.others == NULL && decays(t->set.method) ? "weight_decay=0" : t->set.others;
    if (optim_add_group(t->opt, options, &others) < 0)
        return library_error();
    uint16_t *shortened = t->short_values;
    for (int i = 0; i < t->net.tensors; ++i) {
        const gpt_tensor_t *w = &t->net.tensor[i];
        void *data = shortened == NULL ? (void *)w->value : shortened;
        const optim_dtype dtype = shortened == NULL ? OPTIM_F32 : OPTIM_BF16;
        if (optim_add_param(t->opt, w->hidden ? 0 : others, w->name, dtype, w->ndim, w->dims, data, w->grad) < 0 ||
            optim_set_grad_dtype(t->opt, i, OPTIM_F32) < 0)
            return library_error();
        shortened = shortened == NULL ? NULL : shortened + w->count;
    }
    return GO_ON;
}

static int add_wrapper_and_schedule(trainer_t *t) {
    char *options, *name;
    optim_status status = OPTIM_OK;
    if (t->set.wrap != NULL) {
        name = split(t->set.wrap, &options);
        status = optim_wrap(t->opt, name, options);
        free(name);
    }
    if (status == OPTIM_OK && t->set.schedule != NULL) {
        name = split(t->set.schedule, &options);
        status = optim_set_schedule(t->opt, -1, "lr", name, options);
        free(name);
    }
    return status < 0 ? library_error() : GO_ON;
}

static int make_optimizer(trainer_t *t) {
    if (optim_create(&t->opt, t->set.method, t->set.options) < 0)
        return library_error();
    if (t->set.bf16) {
        t->short_values = malloc(t->net.count * sizeof *t->short_values);
        if (t->short_values == NULL)
            return FAILED;
        narrow(t);
        widen(t);
    }
    return add_parameters(t) == GO_ON ? add_wrapper_and_schedule(t) : FAILED;
}

/* ---- Steps ---- */

/* The mean gradient of the micro-batches of this draw, and its loss. */
static double evaluate(trainer_t *t, long step) {
    double loss = 0;
    gpt_zero_grad(&t->net);
    for (int i = 0; i < t->set.accumulate; ++i) {
        draw_batch(t, step, (t->draws * t->ranks + t->rank) * t->set.accumulate + i);
        loss += gpt_gradient(&t->net, t->set.batch, t->in, t->next, 1 / (float)t->set.accumulate);
    }
    return loss / t->set.accumulate;
}

/* What optim_step asked for: gradients and losses, of the same mini-batch or of a new one. */
static int answer(trainer_t *t, optim_status asked, long step) {
    optim_request request = {.size = sizeof request};
    if (optim_request_info(t->opt, &request) < 0)
        return library_error();
    if (asked != OPTIM_EVAL_GRAD && asked != OPTIM_EVAL_LOSS) {
        fprintf(stderr, "\"%s\" asks for what this program cannot evaluate\n", t->set.method);
        return FAILED;
    }
    t->draws += request.sample == OPTIM_SAMPLE_FRESH;
    widen(t);
    return optim_set_loss(t->opt, evaluate(t, step)) < 0 ? library_error() : GO_ON;
}

static int take_step(trainer_t *t, long step) {
    t->draws = 0;
    widen(t);
    if (optim_wants_gradient(t->opt)) {
        t->loss = evaluate(t, step);
        (void)optim_set_loss(t->opt, t->loss);
    }
    for (;;) {
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        const optim_status status = optim_step(t->opt);
        clock_gettime(CLOCK_MONOTONIC, &end);
        t->seconds += (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
        if (status <= 0) {
            widen(t);
            return status < 0 ? library_error() : GO_ON;
        }
        if (answer(t, status, step) != GO_ON)
            return FAILED;
    }
}

/* ---- Going on after a break ---- */

static char *file_name(const char *path, const char *end) {
    char *name = malloc(strlen(path) + strlen(end) + 1);
    if (name != NULL)
        (void)sprintf(name, "%s%s", path, end); // NOLINT(clang-analyzer-security*): there is room
    return name;
}

/* PATH.params: the parameters as the optimizer sees them, with the number of the step they belong to before them. */
static int parameters_io(trainer_t *t, const char *path, int write) {
    char *name = file_name(path, ".params");
    FILE *file = name == NULL ? NULL : fopen(name, write ? "wb" : "rb");
    int64_t step = optim_steps(t->opt);
    void *values = t->short_values == NULL ? (void *)t->net.values : t->short_values;
    const size_t item = t->short_values == NULL ? sizeof(float) : sizeof *t->short_values;
    size_t done = 0;
    if (file != NULL && write)
        done = fwrite(&step, sizeof step, 1, file) + fwrite(values, item, t->net.count, file);
    else if (file != NULL)
        done = fread(&step, sizeof step, 1, file) + fread(values, item, t->net.count, file);
    const int failed = file == NULL || done != 1 + t->net.count || fclose(file) != 0;
    if (failed)
        perror(name);
    else if (step != optim_steps(t->opt))
        fprintf(stderr, "%s is of step %lld, the optimizer's state of step %lld\n", name, (long long)step,
                (long long)optim_steps(t->opt));
    free(name);
    return failed || step != optim_steps(t->opt) ? FAILED : GO_ON;
}

static int save(trainer_t *t, const char *path) {
    char *name = file_name(path, ".optim");
    const optim_status status = name == NULL ? OPTIM_ERR_NOMEM : optim_save(t->opt, name);
    free(name);
    return status < 0 ? library_error() : parameters_io(t, path, 1);
}

static int resume(trainer_t *t, const char *path) {
    char *name = file_name(path, ".optim");
    const optim_status status = name == NULL ? OPTIM_ERR_NOMEM : optim_load(t->opt, name);
    free(name);
    if (status < 0)
        return library_error();
    const int failed = parameters_io(t, path, 0);
    widen(t);
    return failed;
}

/* ---- What is shown ---- */

/* Characters drawn one after the other from what the net predicts, after a line break. */
static void write_text(trainer_t *t, int length) {
    const int context = t->set.context;
    unsigned char *text = calloc((size_t)length + 1, 1);
    if (text == NULL)
        return;
    text[0] = (unsigned char)(t->text.used['\n'] < 0 ? 0 : t->text.used['\n']);
    for (int i = 1; i <= length; ++i) {
        const int known = i < context ? i : context;
        const float *logits = gpt_next(&t->net, text + i - known, known);
        double sum = 0, u = (double)(hash(t->set.seed + (uint64_t)i) >> 11) * 0x1p-53;
        int c = 0;
        for (int j = 0; logits != NULL && j < t->text.characters; ++j)
            sum += exp((double)logits[j] / 0.8);
        for (u *= sum; logits != NULL && c < t->text.characters - 1; ++c)
            if ((u -= exp((double)logits[c] / 0.8)) <= 0)
                break;
        text[i] = (unsigned char)c;
        putchar(t->text.letter[c]);
    }
    putchar('\n');
    free(text);
}

static int train(trainer_t *t) {
    FILE *log = t->set.log == NULL ? NULL : fopen(t->set.log, "w");
    if (t->set.log != NULL && log == NULL) {
        perror(t->set.log);
        return FAILED;
    }
    const int terminal = isatty(STDERR_FILENO);
    int failed = GO_ON;
    for (long step = (long)optim_steps(t->opt); failed == GO_ON && step < t->set.steps; ++step) {
        failed = take_step(t, step);
        t->smooth = t->smooth == 0 ? t->loss : 0.95 * t->smooth + 0.05 * t->loss;
        if (log != NULL && failed == GO_ON)
            fprintf(log, "%ld %.6f %.6f\n", step + 1, t->loss, t->smooth);
        if (terminal)
            fprintf(stderr, "\rstep %ld of %d, loss %.4f ", step + 1, t->set.steps, t->smooth);
    }
    if (terminal)
        fputc('\n', stderr);
    if (log != NULL)
        fclose(log);
    return failed;
}

/* Before training: joins the other ranks; only the first one shows and keeps anything. */
static int join_ranks(trainer_t *t) {
#ifdef GPT_MPI
    if (optim_comm_mpi(&t->comm, MPI_COMM_WORLD) < 0 || optim_set_comm(t->opt, &t->comm) < 0)
        return library_error();
    t->rank = t->comm.rank;
    t->ranks = t->comm.ranks;
    if (t->set.save != NULL && t->set.options != NULL && strstr(t->set.options, "shard=1") != NULL) {
        fputs("--save is of one rank, and shard=1 has states on all\n", stderr);
        return FAILED;
    }
    if (t->rank > 0)
        t->set.log = t->set.save = NULL;
    return t->rank == 0 || freopen("/dev/null", "w", stdout) != NULL ? GO_ON : FAILED;
#else
    (void)t;
    return GO_ON;
#endif
}

static int run(trainer_t *t) {
    const gpt_shape_t shape = {t->set.layers, t->set.heads, t->set.width, t->set.context, 0};
    const size_t places = (size_t)t->set.batch * (size_t)t->set.context;
    if (read_text(&t->text, t->set.text) != GO_ON || encode(&t->text, t->set.context) != GO_ON)
        return FAILED;
    t->net.shape = shape;
    t->net.shape.characters = t->text.characters;
    t->in = malloc(places);
    t->next = malloc(places);
    if (t->in == NULL || t->next == NULL || gpt_create(&t->net, t->net.shape, t->set.batch, t->set.seed) != 0) {
        fputs("there is no memory for this net\n", stderr);
        return FAILED;
    }
    if (make_optimizer(t) != GO_ON || join_ranks(t) != GO_ON ||
        (t->set.resume != NULL && resume(t, t->set.resume) != GO_ON))
        return FAILED;
    const long first = (long)optim_steps(t->opt);
    if (train(t) != GO_ON || (t->set.save != NULL && save(t, t->set.save) != GO_ON))
        return FAILED;
    size_t bytes = 0;
    (void)optim_memory(t->opt, &bytes, NULL);
    const long steps = (long)optim_steps(t->opt);
    if (t->set.sample > 0)
        write_text(t, t->set.sample);
    printf("method=%s parameters=%zu steps=%ld loss=%.6f held_out=%.6f us_per_step=%.0f bytes_per_parameter=%.2f\n",
           t->set.method, t->net.count, steps, t->smooth, held_out_loss(t, 20),
           steps > first ? 1e6 * t->seconds / (double)(steps - first) : 0, (double)bytes / (double)t->net.count);
    return GO_ON;
}

/* ---- The command line ---- */

static const char USAGE[] =
    "usage: gpt [OPTION...]\n"
    "  --text PATH         a file, or a folder of files (/usr/share/common-licenses)\n"
    "  --method NAME       any method of the library (adamw)      --options KEY=VALUE,...\n"
    "  --others OPTIONS    of embeddings, head and gains, algorithm=... among them (not decayed)\n"
    "  --schedule NAME:OPTIONS, --wrap NAME:OPTIONS\n"
    "  --steps N (300)  --batch N (8)  --context N (64)  --layers N (2)  --heads N (4)  --width N (64)\n"
    "  --accumulate N (1)  --dtype f32|bf16  --seed N (1)\n"
    "  --save PATH, --resume PATH   PATH.optim and PATH.params     --log FILE    --sample N  characters at the end\n";

static int number(const char *text, int least, int *value) {
    char *end;
    const long read = strtol(text, &end, 10);
    if (*end != '\0' || read < least || read > 1 << 24) {
        fprintf(stderr, "\"%s\" is no number from %d on\n", text, least);
        return FAILED;
    }
    *value = (int)read;
    return GO_ON;
}

static int read_settings(settings_t *set, int argc, char **argv) {
    enum { DTYPE = 1, HELP };
    int seed = 1;
    struct {
        const char *name;
        const char **text;
    } texts[] = {{"text", &set->text},     {"method", &set->method},     {"options", &set->options},
                 {"others", &set->others}, {"schedule", &set->schedule}, {"wrap", &set->wrap},
                 {"log", &set->log},       {"save", &set->save},         {"resume", &set->resume}};
    struct {
        const char *name;
        int *number;
    } numbers[] = {{"layers", &set->layers},         {"heads", &set->heads},   {"width", &set->width},
                   {"context", &set->context},       {"batch", &set->batch},   {"steps", &set->steps},
                   {"accumulate", &set->accumulate}, {"sample", &set->sample}, {"seed", &seed}};
    enum { TEXTS = sizeof texts / sizeof *texts, COUNTS = sizeof numbers / sizeof *numbers };
    struct option known[TEXTS + COUNTS + 3] = {{0}};
    for (int i = 0; i < TEXTS; ++i)
        known[i] = (struct option){texts[i].name, required_argument, NULL, 256 + i};
    for (int i = 0; i < COUNTS; ++i)
        known[TEXTS + i] = (struct option){numbers[i].name, required_argument, NULL, 512 + i};
    known[TEXTS + COUNTS] = (struct option){"dtype", required_argument, NULL, DTYPE};
    known[TEXTS + COUNTS + 1] = (struct option){"help", no_argument, NULL, HELP};
    for (int found; (found = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (found == HELP) {
            fputs(USAGE, stdout);
            exit(0);
        }
        for (int i = 0; i < COUNTS; ++i)
            if (found == 512 + i &&
                number(optarg, numbers[i].number == &set->sample ? 0 : 1, numbers[i].number) != GO_ON)
                return FAILED;
        for (int i = 0; i < TEXTS; ++i)
            if (found == 256 + i)
                *texts[i].text = optarg;
        if (found == DTYPE)
            set->bf16 = strcmp(optarg, "bf16") == 0;
        if (found == '?' || (found == DTYPE && !set->bf16 && strcmp(optarg, "f32") != 0))
            return FAILED;
    }
    set->seed = (uint64_t)seed;
    if (set->options == NULL && strcmp(set->method, "adamw") == 0)
        set->options = "lr=3e-3,weight_decay=0.1,clip_norm=1";
    if (optind < argc || set->width % set->heads != 0)
        return FAILED;
    return GO_ON;
}

int main(int argc, char **argv) {
    trainer_t t = {.ranks = 1,
                   .set = {.text = "/usr/share/common-licenses",
                           .method = "adamw",
                           .layers = 2,
                           .heads = 4,
                           .width = 64,
                           .context = 64,
                           .batch = 8,
                           .accumulate = 1,
                           .steps = 300}};
    if (read_settings(&t.set, argc, argv) != GO_ON) {
        fputs(USAGE, stderr);
        return 2;
    }
#ifdef GPT_MPI
    (void)MPI_Init(&argc, &argv);
#endif
    const int failed = run(&t);
    optim_destroy(t.opt);
    optim_comm_release(&t.comm);
#ifdef GPT_MPI
    (void)MPI_Finalize();
#endif
    gpt_destroy(&t.net);
    free(t.short_values);
    free(t.in);
    free(t.next);
    free(t.text.code);
    return failed;
}
