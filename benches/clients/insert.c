/* Inserts the rows of a file by one prepared statement in one transaction: `insert FILE.db TABLE ROWS.psv KINDS`.
 * A letter of KINDS per column: i integer, r real, t text. The clock stands while lines are parsed. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOME 1000
#define MOST 32

typedef union { sqlite3_int64 integer; double real; struct { char *text; int length; } text; } Value;
static Value values[SOME][MOST];
static char *lines[SOME];

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(int code, sqlite3 *file) {
    if (code != SQLITE_OK && code != SQLITE_DONE) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(file));
        exit(1);
    }
}

static int parse(FILE *input, const char *kinds, int width) {
    static size_t room[SOME];
    int row = 0;
    for (; row < SOME && getline(&lines[row], &room[row], input) > 0; row++) {
        char *rest = lines[row];
        rest[strcspn(rest, "\n")] = 0;
        for (int column = 0; column < width; column++) {
            char *field = strsep(&rest, "|");
            Value *value = &values[row][column];
            if (kinds[column] == 'i') value->integer = strtoll(field, NULL, 10);
            else if (kinds[column] == 'r') value->real = strtod(field, NULL);
            else { value->text.text = field; value->text.length = (int)strlen(field); }
        }
    }
    return row;
}

int main(int count, char **words) {
    if (count != 5) return 2;
    const char *kinds = words[4];
    int width = (int)strlen(kinds), rows;
    FILE *input = fopen(words[3], "r");
    if (!input || width > MOST) return 2;
    double start = now(), spent = 0;
    sqlite3 *file;
    sqlite3_stmt *insert;
    check(sqlite3_open(words[1], &file), file);
    char sql[512];
    int length = snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (?", words[2]);
    for (int column = 1; column < width; column++) length += snprintf(sql + length, sizeof sql - length, ",?");
    snprintf(sql + length, sizeof sql - length, ")");
    check(sqlite3_prepare_v2(file, sql, -1, &insert, NULL), file);
    check(sqlite3_exec(file, "BEGIN", NULL, NULL, NULL), file);
    spent += now() - start;
    while ((rows = parse(input, kinds, width)) > 0) {
        start = now();
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < width; column++) {
                Value *value = &values[row][column];
                if (kinds[column] == 'i') sqlite3_bind_int64(insert, column + 1, value->integer);
                else if (kinds[column] == 'r') sqlite3_bind_double(insert, column + 1, value->real);
                else sqlite3_bind_text(insert, column + 1, value->text.text, value->text.length, SQLITE_STATIC);
            }
            check(sqlite3_step(insert), file);
            sqlite3_reset(insert);
        }
        spent += now() - start;
    }
    start = now();
    check(sqlite3_exec(file, "COMMIT", NULL, NULL, NULL), file);
    sqlite3_finalize(insert);
    check(sqlite3_close(file), file);
    printf("{\"seconds\": %.6f}\n", spent + now() - start);
    return 0;
}
