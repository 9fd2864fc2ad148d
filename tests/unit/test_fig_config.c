
/*
 * Copyright (C) Ficus authors
 */


/* Where a setting comes from, and every message about a wrong one. */


#include "config.h"
#include "fig_config.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


#define ARGS  8


typedef struct {
    const char  *listen;
    const char  *store;
    uint64_t     threads;
    uint64_t     body;
    uint64_t     timeout;
    uint64_t     any;
    bool         relay;
} conf_t;


static const fig_setting_t  settings[] = {

    { "listen", "UNIT_LISTEN", FIG_CONFIG_STRING, offsetof(conf_t, listen),
      "unix:sock", 1, 12, "where requests come from" },

    { "store", NULL, FIG_CONFIG_STRING, offsetof(conf_t, store),
      NULL, 0, 0, "where the data is" },

    { "threads", "UNIT_THREADS", FIG_CONFIG_NUMBER, offsetof(conf_t, threads),
      "16", 1, 64, "requests served at a time" },

    { "body", NULL, FIG_CONFIG_SIZE, offsetof(conf_t, body),
      "8m", 0, 1024 * 1024 * 1024, "greatest request body" },

    { "timeout", "UNIT_TIMEOUT", FIG_CONFIG_MSEC, offsetof(conf_t, timeout),
      "1s", 10, 0, "longest wait" },

    { "any", NULL, FIG_CONFIG_NUMBER, offsetof(conf_t, any),
      NULL, 0, 0, "any number" },

    { "relay", "UNIT_RELAY", FIG_CONFIG_FLAG, offsetof(conf_t, relay),
      NULL, 0, 0, "send events" },

    { NULL, NULL, FIG_CONFIG_STRING, 0, NULL, 0, 0, NULL }
};


static conf_t  conf;
static bool    check;


/* loads with the arguments, which end with NULL */

static fig_status_t
load(const char *const *args)
{
    int          argc;
    char        *argv[ARGS + 2], name[] = "unit";
    static char  copies[ARGS][256];

    argv[0] = name;

    for (argc = 1; args[argc - 1]; argc++) {
        ck_assert_int_le(argc, ARGS);
        argv[argc] = copies[argc - 1];
        (void) snprintf(argv[argc], sizeof(copies[0]), "%s", args[argc - 1]);
    }

    argv[argc] = NULL;

    memset(&conf, 0xa5, sizeof(conf));
    check = true;

    return fig_config_load(settings, "unit", argc, argv, &conf, &check);
}


#define LOAD(...)  load((const char *const []) { __VA_ARGS__, NULL })


static void
fails(const char *const *args, const char *wanted)
{
    char          *text, line[5000];
    fig_status_t   rc;

    unit_capture(STDERR_FILENO);
    rc = load(args);
    text = unit_captured();

    (void) snprintf(line, sizeof(line), "unit: %s\n", wanted);
    ck_assert_str_eq(text, line);
    ck_assert_int_eq(rc, FIG_INVALID);
    free(text);
}


#define FAILS(wanted, ...)                                                    \
    fails((const char *const []) { __VA_ARGS__, NULL }, wanted)


/* the name of a file with that text, which begins with /proc */

static const char *
file_of(const char *text, size_t len)
{
    int          fd;
    static char  name[64];

    fd = memfd_create("conf", 0);
    ck_assert_int_ne(fd, -1);
    ck_assert_int_eq(write(fd, text, len), (ssize_t) len);
    (void) snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);

    return name;
}


static fig_status_t
load_file(const char *text)
{
    return LOAD("--config", file_of(text, strlen(text)));
}


/* wanted has %s where the name of the file stands */

static void
file_fails(const char *text, size_t len, const char *before,
    const char *behind)
{
    char         line[5000];
    const char  *name;

    name = file_of(text, len);
    (void) snprintf(line, sizeof(line), "%s%s%s", before, name, behind);
    FAILS(line, "--config", name);
}


#define FILE_FAILS(text, behind)                                              \
    file_fails(text, sizeof(text) - 1, "", behind)


static void
set_environment(const char *name, const char *value)
{
    ck_assert_int_eq(setenv(name, value, 1), 0);
}


START_TEST(test_defaults)
{
    ck_assert_int_eq(load((const char *const []) { NULL }), FIG_OK);

    ck_assert_str_eq(conf.listen, "unix:sock");
    ck_assert_ptr_null(conf.store);
    ck_assert_uint_eq(conf.threads, 16);
    ck_assert_uint_eq(conf.body, 8 * 1024 * 1024);
    ck_assert_uint_eq(conf.timeout, 1000);
    ck_assert_uint_eq(conf.any, 0);
    ck_assert(!conf.relay);
    ck_assert(!check);
}
END_TEST


START_TEST(test_options)
{
    ck_assert_int_eq(LOAD("--listen=a=b", "--store", "s", "--threads=64",
                          "--timeout", "10", "--relay", "--check"),
                     FIG_OK);

    ck_assert_str_eq(conf.listen, "a=b");
    ck_assert_str_eq(conf.store, "s");
    ck_assert_uint_eq(conf.threads, 64);
    ck_assert_uint_eq(conf.timeout, 10);
    ck_assert(conf.relay);
    ck_assert(check);

    /* the last holds */
    ck_assert_int_eq(LOAD("--relay", "--threads=1", "--relay=off",
                          "--threads=2", "--check", "--check=off"),
                     FIG_OK);
    ck_assert_uint_eq(conf.threads, 2);
    ck_assert(!conf.relay);
    ck_assert(!check);

    /* = gives what separate words cannot */
    ck_assert_int_eq(LOAD("--store=", "--listen=--x"), FIG_OK);
    ck_assert_str_eq(conf.store, "");
    ck_assert_str_eq(conf.listen, "--x");
    ck_assert_int_eq(LOAD("--store", "-"), FIG_OK);
    ck_assert_str_eq(conf.store, "-");
}
END_TEST


START_TEST(test_units)
{
    size_t  i;

    static const struct {
        const char  *option;
        uint64_t     value;
    } sizes[] = {
        { "--body=0", 0 },
        { "--body=5", 5 },
        { "--body=3k", 3072 },
        { "--body=3K", 3072 },
        { "--body=2m", 2 * 1024 * 1024 },
        { "--body=2M", 2 * 1024 * 1024 },
        { "--body=1g", 1024 * 1024 * 1024 },
        { "--body=1G", 1024 * 1024 * 1024 }
    }, times[] = {
        { "--timeout=10", 10 },
        { "--timeout=15ms", 15 },
        { "--timeout=2s", 2000 },
        { "--timeout=3m", 180 * 1000 },
        { "--timeout=24h", 24 * 3600 * 1000 },
        { "--timeout=18446744073709551615ms", UINT64_MAX }
    };

    for (i = 0; i < UNIT_COUNT(sizes); i++) {
        ck_assert_int_eq(LOAD(sizes[i].option), FIG_OK);
        ck_assert_uint_eq(conf.body, sizes[i].value);
    }

    for (i = 0; i < UNIT_COUNT(times); i++) {
        ck_assert_int_eq(LOAD(times[i].option), FIG_OK);
        ck_assert_uint_eq(conf.timeout, times[i].value);
    }

    ck_assert_int_eq(LOAD("--any=18446744073709551615"), FIG_OK);
    ck_assert_uint_eq(conf.any, UINT64_MAX);
}
END_TEST


/* option, environment, file, default */

START_TEST(test_precedence)
{
    const char  *name;
    const char   text[] = "threads 2\ntimeout 2s\nlisten file\n";

    name = file_of(text, sizeof(text) - 1);

    set_environment("UNIT_THREADS", "3");
    set_environment("UNIT_TIMEOUT", "3s");
    set_environment("UNIT_LISTEN", "");
    set_environment("UNIT_RELAY", "on");

    ck_assert_int_eq(LOAD("--threads=4", "--config", name), FIG_OK);
    ck_assert_uint_eq(conf.threads, 4);
    ck_assert_uint_eq(conf.timeout, 3000);
    ck_assert_str_eq(conf.listen, "file");
    ck_assert(conf.relay);

    ck_assert_int_eq(LOAD("--relay=off"), FIG_OK);
    ck_assert_uint_eq(conf.threads, 3);
    ck_assert_str_eq(conf.listen, "unix:sock");
    ck_assert(!conf.relay);

    /* a string outlives where it came from */

    set_environment("UNIT_LISTEN", "env");
    ck_assert_int_eq(LOAD("--config", name), FIG_OK);
    set_environment("UNIT_LISTEN", "another");
    ck_assert_str_eq(conf.listen, "env");
}
END_TEST


START_TEST(test_file)
{
    ck_assert_int_eq(load_file(""), FIG_OK);
    ck_assert_uint_eq(conf.threads, 16);

    ck_assert_int_eq(load_file("# a comment\n\n"
                               "  threads \t 5   # five\n"
                               "\tstore a b#c #d\r\n"
                               "#threads 6\n"
                               "relay on\n"
                               "listen \"x\""),
                     FIG_OK);

    ck_assert_uint_eq(conf.threads, 5);
    ck_assert_str_eq(conf.store, "a b#c");
    ck_assert(conf.relay);
    ck_assert_str_eq(conf.listen, "\"x\"");
}
END_TEST


START_TEST(test_bad_options)
{
    FAILS("unexpected argument \"x\"; try --help", "x");
    FAILS("unexpected argument \"-h\"; try --help", "-h");
    FAILS("unexpected argument \"--\"; try --help", "--");
    FAILS("unexpected argument \"\"; try --help", "");
    FAILS("unexpected argument \"off\"; try --help", "--relay", "off");
    FAILS("unknown option \"--thread\"; try --help", "--thread=1");
    FAILS("unknown option \"--threadss\"; try --help", "--threadss");
    FAILS("unknown option \"--\"; try --help", "--=1");
    FAILS("unknown option \"--a?b\"; try --help", "--a\nb");
    FAILS("--threads needs a value", "--threads");
    FAILS("--threads needs a value", "--threads", "--check");
    FAILS("--config needs a value", "--config");
    FAILS("--config \"\" must be a text of at least 1 byte", "--config=");

    /* wrong ones are seen before --help */
    FAILS("unknown option \"--x\"; try --help", "--help", "--x");
}
END_TEST


START_TEST(test_bad_values)
{
    FAILS("--threads \"\" must be a number from 1 to 64", "--threads=");
    FAILS("--threads \"0\" must be a number from 1 to 64", "--threads=0");
    FAILS("--threads \"65\" must be a number from 1 to 64", "--threads=65");
    FAILS("--threads \"-1\" must be a number from 1 to 64", "--threads", "-1");
    FAILS("--threads \"1k\" must be a number from 1 to 64", "--threads=1k");
    FAILS("--threads \" 1\" must be a number from 1 to 64", "--threads= 1");
    FAILS("--any \"18446744073709551616\" must be a number",
          "--any=18446744073709551616");

    FAILS("--body \"m\" must be a size such as 512k or 8m, at most 1g",
          "--body=m");
    FAILS("--body \"1t\" must be a size such as 512k or 8m, at most 1g",
          "--body=1t");
    FAILS("--body \"1mb\" must be a size such as 512k or 8m, at most 1g",
          "--body=1mb");
    FAILS("--body \"2g\" must be a size such as 512k or 8m, at most 1g",
          "--body=2g");
    FAILS("--body \"17179869184g\" must be a size such as 512k or 8m, at "
          "most 1g", "--body=17179869184g");

    FAILS("--timeout \"9\" must be a time such as 500ms or 10s, at least "
          "10ms", "--timeout=9");
    FAILS("--timeout \"1d\" must be a time such as 500ms or 10s, at least "
          "10ms", "--timeout=1d");
    FAILS("--timeout \"1S\" must be a time such as 500ms or 10s, at least "
          "10ms", "--timeout=1S");
    FAILS("--timeout \"1.5s\" must be a time such as 500ms or 10s, at least "
          "10ms", "--timeout=1.5s");

    FAILS("--relay \"yes\" must be on or off", "--relay=yes");
    FAILS("--relay \"\" must be on or off", "--relay=");
    FAILS("--check \"1\" must be on or off", "--check=1");

    FAILS("--listen \"\" must be a text of 1 to 12 bytes", "--listen=");
    FAILS("--listen \"1234567890123\" must be a text of 1 to 12 bytes",
          "--listen=1234567890123");
    FAILS("--threads \"a?b\" must be a number from 1 to 64",
          "--threads=a\nb");

    /* the last, right one does not excuse it */
    FAILS("--threads \"x\" must be a number from 1 to 64", "--threads=x",
          "--threads=1");
}
END_TEST


START_TEST(test_bad_environment)
{
    set_environment("UNIT_THREADS", "many");
    FAILS("UNIT_THREADS \"many\" must be a number from 1 to 64", "--check");
    FAILS("UNIT_THREADS \"many\" must be a number from 1 to 64",
          "--threads=1");
}
END_TEST


START_TEST(test_bad_files)
{
    char  large[1024 * 1024 + 1];

    FAILS("/nonexistent/x: No such file or directory",
          "--config=/nonexistent/x");
    FAILS("/: Is a directory", "--config=/");

    FILE_FAILS("thread 1", ":1: unknown setting \"thread\"");
    FILE_FAILS("\n# x\n threadss=1 2\n", ":3: unknown setting \"threadss=1\"");
    FILE_FAILS("config x", ":1: unknown setting \"config\"");
    FILE_FAILS("relay", ":1: relay needs a value");
    FILE_FAILS("store # x\n", ":1: store needs a value");
    FILE_FAILS("any 1\nany 1\n", ":2: any was set on line 1 already");
    FILE_FAILS("\nthreads x y\n",
               ":2: threads \"x y\" must be a number from 1 to 64");
    FILE_FAILS("any 1\nstore a\0b\n", ":2: NUL byte");
    FILE_FAILS("\0", ":1: NUL byte");

    memset(large, '\n', sizeof(large));
    file_fails(large, sizeof(large), "", ": larger than 1 MiB");

    /* one byte less is not too large */
    ck_assert_int_eq(LOAD("--config", file_of(large, sizeof(large) - 1)),
                     FIG_OK);

    /* even where the option overrides it */
    FAILS("/: Is a directory", "--config=/", "--threads=1");
}
END_TEST


START_TEST(test_bad_default)
{
    char           *text, name[] = "unit", *argv[] = { name, NULL };
    fig_setting_t   rows[2];

    memset(rows, 0, sizeof(rows));
    rows[0] = settings[2];
    rows[0].value = "x";

    unit_capture(STDERR_FILENO);
    ck_assert_int_eq(fig_config_load(rows, "unit", 1, argv, &conf, &check),
                     FIG_INVALID);
    text = unit_captured();
    ck_assert_str_eq(text,
                     "unit: threads \"x\" must be a number from 1 to 64\n");
    free(text);
}
END_TEST


static char *
printed(const char *option)
{
    unit_capture(STDOUT_FILENO);
    ck_assert_int_eq(LOAD(option), FIG_DECLINED);

    return unit_captured();
}


START_TEST(test_help)
{
    char  *text;

    text = printed("--help");

    ck_assert_str_eq(text,
        "Usage: unit [OPTION]...\n"
        "\n"
        "  --listen=TEXT     where requests come from\n"
        "                    UNIT_LISTEN, default unix:sock\n"
        "  --store=TEXT      where the data is\n"
        "  --threads=NUMBER  requests served at a time\n"
        "                    UNIT_THREADS, from 1 to 64, default 16\n"
        "  --body=SIZE       greatest request body\n"
        "                    at most 1g, default 8m\n"
        "  --timeout=TIME    longest wait\n"
        "                    UNIT_TIMEOUT, at least 10ms, default 1s\n"
        "  --any=NUMBER      any number\n"
        "  --relay           send events\n"
        "                    UNIT_RELAY\n"
        "\n"
        "  --config=TEXT     read settings from a file with lines "
        "`name value`\n"
        "  --check           check the settings and exit\n"
        "  --help            print this and exit\n"
        "  --version         print the version and exit\n"
        "\n"
        "An option takes precedence over its environment variable, that over "
        "the file.\n");

    free(text);
}
END_TEST


START_TEST(test_version)
{
    char  *text;

    text = printed("--version");
    ck_assert_str_eq(text, "unit ficus-" FICUS_VERSION "\n");
    free(text);
}
END_TEST


START_TEST(test_full_output)
{
    ck_assert_ptr_nonnull(freopen("/dev/full", "w", stdout));
    FAILS("standard output cannot be written", "--help");
}
END_TEST


START_TEST(test_free)
{
    fig_config_free();
    ck_assert_int_eq(LOAD("--store=x"), FIG_OK);
    fig_config_free();
    fig_config_free();
    ck_assert_int_eq(LOAD("--store=y"), FIG_OK);
    ck_assert_str_eq(conf.store, "y");
    fig_config_free();
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_defaults,
        test_options,
        test_units,
        test_precedence,
        test_file,
        test_bad_options,
        test_bad_values,
        test_bad_environment,
        test_bad_files,
        test_bad_default,
        test_help,
        test_version,
        test_full_output,
        test_free
    };

    return unit_run("fig_config", tests, UNIT_COUNT(tests));
}
