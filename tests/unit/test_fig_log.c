
/*
 * Copyright (C) Ficus authors
 */


/* The lines that the log writes, byte by byte. */


#include "fig_log.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define THREADS  8
#define LINES    500

/* "2026-11-21T10:00:00.123Z" */
#define TIME_LEN  24


static const fig_str_t  none;


/* what a line says behind the time; the line has to be one */

static char *
rest_of_line(const char *lead)
{
    char    *text, *rest;
    size_t   len;

    text = unit_captured();
    len = strlen(text);

    ck_assert_uint_gt(len, strlen(lead) + TIME_LEN);
    ck_assert_ptr_eq(strchr(text, '\n'), text + len - 1);
    ck_assert_mem_eq(text, lead, strlen(lead));

    rest = strdup(text + strlen(lead) + TIME_LEN);
    free(text);

    return rest;
}


static char *
logged(const char *lead, void (*log)(const char *fmt, ...), const char *message)
{
    unit_capture(STDERR_FILENO);
    log("%s", message);

    return rest_of_line(lead);
}


static void
is_line(const char *lead, void (*log)(const char *fmt, ...),
    const char *message, const char *wanted)
{
    char  *rest;

    rest = logged(lead, log, message);
    ck_assert_str_eq(rest, wanted);
    free(rest);
}


static void
is_silent(void (*log)(const char *fmt, ...))
{
    char  *text;

    unit_capture(STDERR_FILENO);
    log("%s", "nothing");
    text = unit_captured();
    ck_assert_str_eq(text, "");
    free(text);
}


START_TEST(test_before_init)
{
    is_line("", fig_log_error, "a", " error a\n");
    is_line("", fig_log_warn, "a b", " warn a b\n");
    is_line("", fig_log_info, "", " info \n");
    is_silent(fig_log_debug);
}
END_TEST


START_TEST(test_text)
{
    fig_log_init("orders", FIG_LOG_DEBUG, FIG_LOG_TEXT);

    is_line("", fig_log_debug, "a", " debug orders: a\n");

    fig_log_context(FIG_STR("r1"), FIG_STR("t1"));
    is_line("", fig_log_info, "a",
            " info orders: a request_id=r1 trace_id=t1\n");

    errno = ENOENT;
    is_line("", fig_log_errno, "open failed",
            " error orders: open failed: No such file or directory"
            " request_id=r1 trace_id=t1\n");

    fig_log_context(none, FIG_STR("t2"));
    is_line("", fig_log_info, "a", " info orders: a trace_id=t2\n");
    fig_log_context(FIG_STR("r2"), FIG_STR(""));
    is_line("", fig_log_info, "a", " info orders: a request_id=r2\n");
    fig_log_context(none, none);
    is_line("", fig_log_info, "a", " info orders: a\n");
}
END_TEST


START_TEST(test_json)
{
    fig_log_init("orders", FIG_LOG_INFO, FIG_LOG_JSON);

    is_line("{\"time\":\"", fig_log_info, "a",
            "\",\"level\":\"info\",\"name\":\"orders\",\"msg\":\"a\"}\n");

    fig_log_context(FIG_STR("r1"), FIG_STR("t\"1"));
    errno = EACCES;
    is_line("{\"time\":\"", fig_log_errno, "a",
            "\",\"level\":\"error\",\"name\":\"orders\",\"msg\":\"a\","
            "\"request_id\":\"r1\",\"trace_id\":\"t\\\"1\","
            "\"error\":\"Permission denied\"}\n");
}
END_TEST


/* to a file or a pipe */

START_TEST(test_auto_is_json)
{
    unit_capture(STDERR_FILENO);
    errno = EXDEV;
    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_AUTO);
    ck_assert_int_eq(errno, EXDEV);
    free(unit_captured());

    is_line("{\"time\":\"", fig_log_info, "a",
            "\",\"level\":\"info\",\"name\":\"a\",\"msg\":\"a\"}\n");
}
END_TEST


START_TEST(test_auto_is_text)
{
    int      terminal, saved;
    char     text[200];
    ssize_t  n;

    terminal = posix_openpt(O_RDWR|O_NOCTTY);
    ck_assert_int_ne(terminal, -1);
    ck_assert_int_eq(grantpt(terminal), 0);
    ck_assert_int_eq(unlockpt(terminal), 0);

    saved = dup(STDERR_FILENO);
    ck_assert_int_eq(close(STDERR_FILENO), 0);
    ck_assert_int_eq(open(ptsname(terminal), O_RDWR|O_NOCTTY), STDERR_FILENO);

    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_AUTO);
    fig_log_info("b");

    n = read(terminal, text, sizeof(text) - 1);
    ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_gt(n, TIME_LEN);
    text[n] = '\0';
    ck_assert_str_eq(text + TIME_LEN, " info a: b\r\n");
}
END_TEST


START_TEST(test_time)
{
    char       *text, *end;
    time_t      before, now;
    struct tm   tm;

    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_TEXT);

    before = time(NULL);
    unit_capture(STDERR_FILENO);
    fig_log_info("b");
    text = unit_captured();

    memset(&tm, 0, sizeof(tm));
    end = strptime(text, "%Y-%m-%dT%H:%M:%S.", &tm);
    ck_assert_ptr_nonnull(end);
    ck_assert_uint_eq(strspn(end, "0123456789"), 3);
    ck_assert_int_eq(end[3], 'Z');
    ck_assert_int_eq(end[4], ' ');

    now = timegm(&tm);
    ck_assert_int_ge(now, before);
    ck_assert_int_le(now, time(NULL));

    free(text);
}
END_TEST


START_TEST(test_levels)
{
    fig_log_level_t  level;

    fig_log_init("a", FIG_LOG_ERROR, FIG_LOG_TEXT);
    is_silent(fig_log_warn);
    is_silent(fig_log_info);
    is_silent(fig_log_debug);
    is_line("", fig_log_error, "b", " error a: b\n");

    fig_log_init("a", FIG_LOG_WARN, FIG_LOG_TEXT);
    is_silent(fig_log_info);
    is_line("", fig_log_warn, "b", " warn a: b\n");

    ck_assert_int_eq(fig_log_level_parse(FIG_STR("error"), &level), FIG_OK);
    ck_assert_int_eq(level, FIG_LOG_ERROR);
    ck_assert_int_eq(fig_log_level_parse(FIG_STR("warn"), &level), FIG_OK);
    ck_assert_int_eq(level, FIG_LOG_WARN);
    ck_assert_int_eq(fig_log_level_parse(FIG_STR("info"), &level), FIG_OK);
    ck_assert_int_eq(level, FIG_LOG_INFO);
    ck_assert_int_eq(fig_log_level_parse(FIG_STR("debug"), &level), FIG_OK);
    ck_assert_int_eq(level, FIG_LOG_DEBUG);

    ck_assert_int_eq(fig_log_level_parse(FIG_STR("INFO"), &level),
                     FIG_INVALID);
    ck_assert_int_eq(fig_log_level_parse(FIG_STR("inf"), &level), FIG_INVALID);
    ck_assert_int_eq(fig_log_level_parse(FIG_STR(""), &level), FIG_INVALID);
    ck_assert_int_eq(fig_log_level_parse(none, &level), FIG_INVALID);
}
END_TEST


/* nobody forges a line, steers a terminal or breaks the JSON */

START_TEST(test_escapes)
{
    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_TEXT);

    is_line("", fig_log_info, "x\ny\r\t\x1b[1m\x7f\"\\z",
            " info a: x\\x0ay\\x0d\\x09\\x1b[1m\\x7f\"\\z\n");
    is_line("", fig_log_info, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
            " info a: \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n");
    is_line("", fig_log_info, "\xc2\x9b" "1m\xc2\xa0",
            " info a: \xef\xbf\xbd" "1m\xc2\xa0\n");

    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_JSON);

    is_line("{\"time\":\"", fig_log_info, "x\ny\x1f\x7f\"\\/z",
            "\",\"level\":\"info\",\"name\":\"a\","
            "\"msg\":\"x\\u000ay\\u001f\\u007f\\\"\\\\/z\"}\n");
    is_line("{\"time\":\"", fig_log_info, "\xff\xc3(\xed\xa0\x80",
            "\",\"level\":\"info\",\"name\":\"a\","
            "\"msg\":\"\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd"
            "\xef\xbf\xbd\"}\n");
}
END_TEST


START_TEST(test_context_is_cut)
{
    char       id[200];
    fig_str_t  s;

    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_TEXT);

    memset(id, 'x', sizeof(id));
    s.data = id;
    s.len = sizeof(id);

    fig_log_context(s, none);
    memset(id, 'y', sizeof(id));

    is_line("", fig_log_info, "b", " info a: b request_id="
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "\n");
}
END_TEST


/* all of the message, or its beginning and dots in a line that is full */

static void
is_message(const char *line, const char *message, bool replaced)
{
    size_t               len;
    const char          *msg;
    struct json_object  *object, *member;

    object = json_tokener_parse(line);
    ck_assert(json_object_object_get_ex(object, "msg", &member));
    msg = json_object_get_string(member);
    len = strlen(msg);

    if (len > 3 && strcmp(msg + len - 3, "...") == 0) {
        ck_assert_uint_gt(strlen(line), 4096 - 1200);
        ck_assert(replaced || strncmp(msg, message, len - 3) == 0);

    } else if (replaced) {
        ck_assert_uint_eq(len, 3 * strlen(message));

    } else {
        ck_assert_str_eq(msg, message);
    }

    json_object_put(object);
}


/* whatever is in it, a long line is whole, one line, and JSON */

START_TEST(test_long)
{
    int          i, length;
    char        *text, message[9000], id[64];
    fig_str_t    s;

    static const char *const  fills[] = {
        "x", "\n", "\"", "\xc3\xa4", "\xf0\x9f\x98\x80", "\xff"
    };

    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_JSON);

    memset(id, '\n', sizeof(id));
    s.data = id;
    s.len = sizeof(id);
    fig_log_context(s, s);

    for (i = 0; i < (int) UNIT_COUNT(fills); i++) {
        for (length = 0; length < 9000 - 4; length += 97) {

            message[0] = '\0';

            for (text = message; text < message + length; /* void */ ) {
                text = stpncpy(text, fills[i], 5);
            }

            unit_capture(STDERR_FILENO);
            errno = ENOTRECOVERABLE;
            fig_log_errno("%s", message);
            text = unit_captured();

            ck_assert_uint_le(strlen(text), 4096);
            ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
            ck_assert_ptr_nonnull(strstr(text, "\"error\":\"State not "
                                         "recoverable\"}\n"));
            is_message(text, message, fills[i][0] == '\xff');
            free(text);
        }
    }
}
END_TEST


START_TEST(test_errno_is_kept)
{
    unit_capture(STDERR_FILENO);

    errno = EXDEV;
    fig_log_info("a");
    fig_log_errno("a");
    fig_log_debug("a");
    fig_log_context(FIG_STR("a"), FIG_STR("b"));
    ck_assert_int_eq(errno, EXDEV);

    /* even where nobody reads */
    ck_assert_int_eq(close(STDERR_FILENO), 0);
    fig_log_info("a");
    ck_assert_int_eq(errno, EXDEV);
}
END_TEST


START_TEST(test_one_write)
{
    int      fd[2], saved;
    char     text[5000];
    ssize_t  n;

    /* each read gives what one write wrote */
    ck_assert_int_eq(pipe2(fd, O_DIRECT), 0);

    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_JSON);
    fig_log_context(FIG_STR("a"), FIG_STR("b"));

    saved = dup(STDERR_FILENO);
    ck_assert_int_eq(dup2(fd[1], STDERR_FILENO), STDERR_FILENO);
    fig_log_info("first %03000d", 1);
    fig_log_info("second");
    ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);

    n = read(fd[0], text, sizeof(text));
    ck_assert_int_gt(n, 2900);
    ck_assert_int_eq(text[n - 1], '\n');
    ck_assert_ptr_eq(memchr(text, '\n', (size_t) n), text + n - 1);
}
END_TEST


static void *
talk(void *data)
{
    int        i;
    char       id[8];
    fig_str_t  s;

    memset(id, 'a' + *(int *) data, sizeof(id));
    s.data = id;
    s.len = sizeof(id);

    for (i = 0; i < LINES; i++) {
        fig_log_context(s, none);
        fig_log_info("%.8s", id);
    }

    return NULL;
}


/* every line whole, each with its own thread's context */

START_TEST(test_threads)
{
    int         i, n[THREADS], count[THREADS];
    char       *text, *line, *next;
    pthread_t   thread[THREADS];

    fig_log_init("a", FIG_LOG_INFO, FIG_LOG_TEXT);
    memset(count, 0, sizeof(count));

    unit_capture(STDERR_FILENO);

    for (i = 0; i < THREADS; i++) {
        n[i] = i;
        ck_assert_int_eq(pthread_create(&thread[i], NULL, talk, &n[i]), 0);
    }

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
    }

    text = unit_captured();

    for (line = text; *line; line = next + 1) {
        next = strchr(line, '\n');
        ck_assert_ptr_nonnull(next);
        ck_assert_int_eq(next - line, TIME_LEN + 9 + 8 + 12 + 8);
        ck_assert_mem_eq(line + TIME_LEN, " info a: ", 9);
        ck_assert_mem_eq(line + TIME_LEN + 17, " request_id=", 12);
        ck_assert_mem_eq(line + TIME_LEN + 9, line + TIME_LEN + 29, 8);
        count[line[TIME_LEN + 9] - 'a']++;
    }

    for (i = 0; i < THREADS; i++) {
        ck_assert_int_eq(count[i], LINES);
    }

    free(text);
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_before_init,
        test_text,
        test_json,
        test_auto_is_json,
        test_auto_is_text,
        test_time,
        test_levels,
        test_escapes,
        test_context_is_cut,
        test_long,
        test_errno_is_kept,
        test_one_write,
        test_threads
    };

    return unit_run("fig_log", tests, UNIT_COUNT(tests));
}
