#include "statement.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static char *page_read(const char *folder, const char *name) {
    char *path = check_text("%s/../docs/%s/%s.md", TEST_SOURCE_DIR, folder, name);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("there is no page %s", path);
    enum { ROOM = 1 << 16 };
    char *text = check_memory(ROOM, 1);
    assert_in_range(fread(text, 1, ROOM - 1, file), 1, ROOM - 2);
    (void)fclose(file);
    free(path);
    return text;
}

/* The paragraph under the heading, on one line. */
static char *paragraph(char *text) {
    static const char HEADING[] = "\n## Scale\n\n";
    char *start = strstr(text, HEADING);
    if (start == NULL)
        return NULL;
    start += sizeof HEADING - 1;
    char *end = strstr(start, "\n\n");
    if (end != NULL)
        *end = '\0';
    for (char *c = start; *c != '\0'; ++c)
        if (isspace((unsigned char)*c))
            *c = ' ';
    return start;
}

static bool pass(const char **text, const char *words) {
    const size_t length = strlen(words);
    if (strncmp(*text, words, length) != 0)
        return false;
    *text += length;
    return true;
}

/* What stands between backquotes. */
static bool quoted(const char **text, char word[STATEMENT_WORD]) {
    const char *end = **text == '`' ? strchr(*text + 1, '`') : NULL;
    if (end == NULL || end - *text > STATEMENT_WORD)
        return false;
    const size_t length = (size_t)(end - *text - 1);
    memcpy(word, *text + 1, length);
    word[length] = '\0';
    *text = end + 1;
    return true;
}

static bool power_read(const char **text, double *power) {
    const double sign = pass(text, "1/") ? -1 : 1;
    *power = sign;
    if (!pass(text, "s"))
        return false;
    if (!pass(text, "^"))
        return true;
    const bool fraction = pass(text, "(1/");
    if (!isdigit((unsigned char)**text))
        return false;
    const double number = *(*text)++ - '0';
    *power = sign * (fraction ? 1 / number : number);
    return (!fraction || pass(text, ")"));
}

static bool turn_read(const char **text, turn_t *turn) {
    if (!quoted(text, turn->option) || !pass(text, " times ") || !power_read(text, &turn->power))
        return false;
    return !pass(text, " where ") || quoted(text, turn->condition);
}

static bool rule_read(const char *text, statement_t *statement) {
    if (!pass(&text, "The same steps with loss and gradient times s"))
        return false;
    while (pass(&text, ", "))
        if (statement->turns == STATEMENT_TURNS || !turn_read(&text, &statement->turn[statement->turns++]))
            return false;
    for (int i = 0; i < STATEMENT_ONLY && pass(&text, i == 0 ? "; only with " : " and "); ++i)
        if (!quoted(&text, statement->only[i]))
            return false;
    return pass(&text, ".");
}

statement_t statement_read(const char *folder, const char *name) {
    statement_t statement = {.is_rule = true};
    char *text = page_read(folder, name), *said = paragraph(text);
    if (said == NULL)
        fail_msg("docs/%s/%s.md has no heading \"Scale\"", folder, name);
    const char *start = said;
    if (pass(&start, "No rule: "))
        statement.is_rule = false;
    else if (!rule_read(said, &statement))
        fail_msg("docs/%s/%s.md: not of the form of tests/conformance/statement.h: \"%s\"", folder, name, said);
    free(text);
    return statement;
}
