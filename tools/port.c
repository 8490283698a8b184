/*
 * gradopt port: another library's call, as it stands in a program, as a string of this library. port_table.c has the
 * names; what is read is a Python call of numbers, words and lists:
 *
 *     call       NAME(argument, ...)
 *     argument   value, NAME=value or a call
 *     value      1e-3, True, 'x', (a, b), [a, b]
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "port.h"
#include "tool.h"

enum { NAME_TEXT = 128, VALUE_TEXT = 256, MOST_OPTIONS = 64, MOST_ARGUMENTS = 48 };

/* A piece of the text that is ported. */
typedef struct span {
    const char *at;
    size_t length;
} span_t;

typedef struct setting {
    char key[NAME_TEXT], value[VALUE_TEXT];
} setting_t;

/* What has come together. */
typedef struct result {
    char method[NAME_TEXT], wrappers[VALUE_TEXT];
    setting_t option[MOST_OPTIONS];
    int count;
} result_t;

typedef struct given {
    span_t name, value;
} given_t;

static span_t trimmed(const char *at, const char *end) {
    while (at < end && isspace((unsigned char)*at))
        ++at;
    while (end > at && isspace((unsigned char)end[-1]))
        --end;
    return (span_t){at, (size_t)(end - at)};
}

static bool is(span_t span, const char *word) {
    return strlen(word) == span.length && memcmp(span.at, word, span.length) == 0;
}

/* The first of these characters outside of brackets and quotes, or the end. */
static const char *find_outside(const char *at, const char *end, const char *wanted) {
    int depth = 0;
    char quote = '\0';
    for (; at < end; ++at) {
        if (quote != '\0') {
            quote = *at == quote ? '\0' : quote;
            continue;
        }
        if (depth == 0 && strchr(wanted, *at) != NULL)
            return at;
        quote = *at == '\'' || *at == '"' ? *at : '\0';
        depth += (strchr("([{", *at) != NULL) - (strchr(")]}", *at) != NULL);
    }
    return end;
}

/* Part `i` of (a, b) or [a, b], -1: all of it. A value without brackets is its only part. */
static span_t part_of(span_t value, int i) {
    const char *at = value.at, *end = value.at + value.length;
    if (i < 0 || value.length < 2 || strchr("([", *at) == NULL)
        return value;
    ++at;
    --end;
    for (; i > 0 && at < end; --i)
        at = find_outside(at, end, ",") + 1;
    return at < end ? trimmed(at, find_outside(at, end, ",")) : (span_t){end, 0};
}

/* A value as option strings have it: 1 of True, a list with semicolons. */
static void write_value(span_t value, char text[VALUE_TEXT]) {
    const bool bracketed = value.length >= 2 && strchr("([", *value.at) != NULL;
    const bool quoted = value.length >= 2 && strchr("'\"", *value.at) != NULL;
    const span_t inner = bracketed || quoted ? (span_t){value.at + 1, value.length - 2} : value;
    size_t n = 0;
    for (size_t i = 0; i < inner.length && n + 1 < VALUE_TEXT; ++i)
        if (!isspace((unsigned char)inner.at[i]))
            text[n++] = bracketed && inner.at[i] == ',' ? ';' : inner.at[i];
    text[n] = '\0';
    if (is(value, "True") || is(value, "False"))
        (void)snprintf(text, VALUE_TEXT, "%d", is(value, "True"));
}

static bool is_off(span_t value) {
    return is(value, "False") || is(value, "None") || is(value, "0") || is(value, "0.0");
}

static bool is_same(span_t a, span_t b) {
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

/* The last word of a key counts, in the first one's place. */
static bool put(result_t *result, const char *key, size_t length, const char *value) {
    int i = 0;
    while (i < result->count &&
           !(strlen(result->option[i].key) == length && !memcmp(result->option[i].key, key, length)))
        ++i;
    if (i == MOST_OPTIONS || length >= NAME_TEXT)
        return false;
    (void)snprintf(result->option[i].key, NAME_TEXT, "%.*s", (int)length, key);
    (void)snprintf(result->option[i].value, VALUE_TEXT, "%s", value);
    result->count += i == result->count;
    return true;
}

/* "key=%0,other=1": each with the value in place of % and the number behind it. */
static bool put_template(result_t *result, const char *template, const char *end, span_t value) {
    while (template <end) {
        const char *comma = memchr(template, ',', (size_t)(end - template));
        const char *stop = comma == NULL ? end : comma, *equals = memchr(template, '=', (size_t)(stop - template));
        const char *percent = memchr(template, '%', (size_t)(stop - template));
        char text[VALUE_TEXT], whole[VALUE_TEXT];
        if (equals == NULL) /* a key alone */
            equals = stop;
        const bool has_part = percent != NULL && percent + 1 < stop && isdigit((unsigned char)percent[1]);
        const span_t part = part_of(value, has_part ? percent[1] - '0' : -1);
        write_value(part, text);
        if (percent != NULL && percent[-1] == '-' && *text == '-') /* a sign that turns */
            (void)snprintf(whole, sizeof whole, "%s", text + 1);
        else if (percent != NULL)
            (void)snprintf(whole, sizeof whole, "%s%s", percent[-1] == '-' ? "-" : "", text);
        else
            (void)snprintf(whole, sizeof whole, "%.*s", equals < stop ? (int)(stop - equals - 1) : VALUE_TEXT - 1,
                           equals < stop ? equals + 1 : text);
        const bool left_out = (percent != NULL || equals == stop) && (is(part, "None") || part.length == 0);
        if (!left_out && !put(result, template, (size_t)(equals - template), whole))
            return false;
        template = stop + (comma != NULL);
    }
    return true;
}

/* ---- One call ---- */

static int read_arguments(const char *at, const char *end, given_t given[MOST_ARGUMENTS]) {
    int count = 0;
    while (at < end && trimmed(at, end).length > 0 && count < MOST_ARGUMENTS) {
        const char *stop = find_outside(at, end, ","), *equals = find_outside(at, stop, "=");
        const bool named = equals < stop;
        given[count].name = named ? trimmed(at, equals) : (span_t){at, 0};
        given[count++].value = trimmed(named ? equals + 1 : at, stop);
        at = stop < end ? stop + 1 : end;
    }
    return count;
}

/* torch's classes take the parameters first, which the tables leave out: what is neither a number nor a word of
   Python. */
static bool is_parameters(span_t name, const given_t *given) {
    static const char *const LIBRARIES[] = {"torch.optim.", "pytorch_optimizer.", "schedulefree.", "DeepSpeedCPU"};
    bool takes = false;
    for (size_t i = 0; i < sizeof LIBRARIES / sizeof *LIBRARIES; ++i)
        takes |= strncmp(name.at, LIBRARIES[i], strlen(LIBRARIES[i])) == 0;
    if (!takes || strncmp(name.at, "torch.optim.lr_scheduler", 24) == 0)
        return false;
    return given->name.length > 0
               ? is(given->name, "params")
               : isalpha((unsigned char)*given->value.at) && !is_off(given->value) && !is(given->value, "True");
}

static const port_t *find_port(span_t name) {
    nearest_t nearest = nearest_begin(name.at, name.length);
    char question[NEAREST_TEXT];
    for (size_t i = 0; i < PORT_COUNT; ++i) {
        if (is(name, PORTS[i].call))
            return &PORTS[i];
        nearest_offer(&nearest, PORTS[i].call, strlen(PORTS[i].call));
    }
    nearest_text(&nearest, question);
    (void)print_error("gradopt port: \"%.*s\" is not known%s; docs/porting.md has more", (int)name.length, name.at,
                      question);
    return NULL;
}

/* The argument with this name, or in this place; NULL: it is not given. */
static const given_t *find_given(const given_t *given, int count, span_t name, int place) {
    for (int i = 0; i < count; ++i)
        if (given[i].name.length > 0
                ? given[i].name.length == name.length && memcmp(given[i].name.at, name.at, name.length) == 0
                : i == place)
            return &given[i];
    return NULL;
}

static bool put_base(result_t *result, const char *base) {
    const char *end = strstr(base, "; ") == NULL ? base + strlen(base) : strstr(base, "; ");
    const char *space = memchr(base, ' ', (size_t)(end - base));
    const size_t length = (size_t)((space == NULL ? end : space) - base);
    if (*end != '\0')
        (void)snprintf(result->wrappers + strlen(result->wrappers), sizeof result->wrappers - strlen(result->wrappers),
                       "%s", end);
    if (length > 0)
        (void)snprintf(result->method, sizeof result->method, "%.*s", (int)length, base);
    return space == NULL || put_template(result, space + 1, end, (span_t){"", 0});
}

typedef struct parameter {
    span_t name, template, absent, only_if_0, only; /* only: the value that may be given, of kind '!' */
    char kind;                                      /* '-', '!' or '\0' */
} parameter_t;

static parameter_t read_parameter(const char *at, const char *end) {
    parameter_t p = {.name = {at, strcspn(at, "> ?-!")}};
    at += p.name.length;
    if (p.name.at + p.name.length > end)
        p.name.length = (size_t)(end - p.name.at);
    if (at < end && (*at == '-' || *at == '!')) {
        p.kind = *at;
        p.only = (span_t){at + 1, (size_t)(end - at - 1)};
        return p;
    }
    p.template = p.name;
    if (at < end && *at == '>') {
        p.template = (span_t){at + 1, strcspn(at + 1, " ?!")};
        at += 1 + p.template.length;
    }
    if (at < end && *at == '?')
        p.absent = (span_t){at + 1, (size_t)(end - at - 1)};
    if (at < end && *at == '!')
        p.only_if_0 = (span_t){at + 1, (size_t)(end - at - 1)};
    return p;
}

static int put_parameter(result_t *result, const port_t *port, const parameter_t *p, const given_t *is_given,
                         const given_t *given, int count) {
    const span_t none = {"", 0};
    if (is_given == NULL)
        return p->absent.length == 0 || put_template(result, p->absent.at, p->absent.at + p->absent.length, none)
                   ? DONE
                   : MISUSED;
    const int length = (int)p->name.length;
    if (p->kind == '!' && !(p->only.length > 0 ? is_same(is_given->value, p->only) : is_off(is_given->value)))
        return print_error("gradopt port: %s: \"%.*s\" has no counterpart; see docs/porting.md", port->call, length,
                           p->name.at);
    if (p->kind != '\0' || (p->only_if_0.length > 0 && is_off(is_given->value)))
        return DONE;
    const given_t *other = p->only_if_0.length == 0 ? NULL : find_given(given, count, p->only_if_0, -1);
    if (p->only_if_0.length > 0 && (other == NULL || !is_off(other->value)))
        return print_error("gradopt port: %s: \"%.*s\" is here only with %.*s=0; see docs/porting.md", port->call,
                           length, p->name.at, (int)p->only_if_0.length, p->only_if_0.at);
    return put_template(result, p->template.at, p->template.at + p->template.length, is_given->value) ? DONE : MISUSED;
}

static int put_call(result_t *result, const port_t *port, const given_t *given, int count) {
    bool used[MOST_ARGUMENTS] = {false};
    int place = 0;
    if (!put_base(result, port->base))
        return MISUSED;
    for (const char *at = port->arguments; *at != '\0'; ++place) {
        const char *end = at + strcspn(at, " ");
        const parameter_t p = read_parameter(at, end);
        const given_t *is_given = find_given(given, count, p.name, place);
        if (is_given != NULL)
            used[is_given - given] = true;
        if (put_parameter(result, port, &p, is_given, given, count) != DONE)
            return MISUSED;
        at = *end == ' ' ? end + 1 : end;
    }
    for (int i = 0; i < count; ++i)
        if (!used[i])
            return print_error("gradopt port: %s: the argument \"%.*s\" is not known; see docs/porting.md", port->call,
                               (int)(given[i].name.length > 0 ? given[i].name.length : given[i].value.length),
                               given[i].name.length > 0 ? given[i].name.at : given[i].value.at);
    return DONE;
}

static int port_call(result_t *result, span_t text, int depth) {
    const char *end = text.at + text.length, *open = memchr(text.at, '(', text.length);
    if (open == NULL || text.length == 0 || end[-1] != ')' || find_outside(open + 1, end, ")") != end - 1)
        return print_error("gradopt port: \"%.*s\" is not a call, NAME(ARGUMENT, ...)", (int)text.length, text.at);
    given_t given[MOST_ARGUMENTS];
    const int count = read_arguments(open + 1, end - 1, given);
    const span_t name = trimmed(text.at, open);
    if (is(name, "optax.chain") && depth == 0) {
        int status = DONE;
        for (int i = 0; status == DONE && i < count; ++i)
            status = port_call(result, given[i].value, depth + 1);
        return status;
    }
    const port_t *port = find_port(name);
    const int first = count > 0 && is_parameters(name, given);
    return port == NULL ? MISUSED : put_call(result, port, given + first, count - first);
}

/* What the library itself does not take is not printed: an argument that only some methods know. */
static int refuse_unknown(const result_t *result) {
    static char options[MOST_OPTIONS * (NAME_TEXT + VALUE_TEXT)];
    optim_description about = {.size = sizeof about};
    optim_t *opt = NULL;
    size_t used = 0;
    if (optim_describe(OPTIM_ALGORITHM, result->method, &about) != OPTIM_OK)
        return DONE; /* a schedule: its options wait for a base value */
    for (int i = 0; i < result->count; ++i)
        used += (size_t)snprintf(options + used, sizeof options - used, "%s%s=%s", i == 0 ? "" : ",",
                                 result->option[i].key, result->option[i].value);
    options[used] = '\0';
    const optim_status status = optim_create(&opt, result->method, options);
    optim_destroy(opt);
    return status == OPTIM_OK ? DONE : print_error("gradopt port: this is not to be had here: %s", optim_error());
}

int port(const char *call) {
    static result_t result;
    const int status = port_call(&result, trimmed(call, call + strlen(call)), 0);
    if (status != DONE)
        return status;
    if (*result.method == '\0')
        return print_error("gradopt port: \"%s\" has no method in it", call);
    const int refused = refuse_unknown(&result);
    if (refused != DONE)
        return refused;
    printf("%s", result.method);
    for (int i = 0; i < result.count; ++i) {
        printf("%s%s=", i == 0 ? " " : ",", result.option[i].key);
        print_text(result.option[i].value);
    }
    printf("%s\n", result.wrappers);
    return DONE;
}

int list_ports(void) {
    int width = 0;
    for (size_t i = 0; i < PORT_COUNT; ++i)
        width = (int)strlen(PORTS[i].call) > width ? (int)strlen(PORTS[i].call) : width;
    for (size_t i = 0; i < PORT_COUNT; ++i)
        printf("%-*s  %s\n", width, PORTS[i].call, PORTS[i].base + strspn(PORTS[i].base, " ;"));
    return DONE;
}
