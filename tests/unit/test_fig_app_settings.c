
/*
 * Copyright (C) Ficus authors
 */


/* A worker's options, and what it says of bad ones. */


#include "tiny_worker.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define STORE_WANTED                                                          \
    "tiny: --store must be sqlite:PATH or "                                   \
    "mongodb://[USER:PASSWORD@]HOST[:PORT]/DATABASE\n"


START_TEST(test_help)
{
    tiny_t             process;
    const char *const  args[] = { "--help", NULL };

    tiny_run(&process, args);
    ck_assert_int_eq(tiny_result(&process), 0);
    ck_assert(tiny_said(&process, "Usage: tiny"));
    ck_assert(tiny_said(&process, "--listen=TEXT"));
    ck_assert(tiny_said(&process, "FICUS_STORE"));
    ck_assert(tiny_said(&process, "--greeting=TEXT"));
    tiny_close(&process);
}
END_TEST


START_TEST(test_version)
{
    tiny_t             process;
    const char *const  args[] = { "--version", NULL };

    tiny_run(&process, args);
    ck_assert_int_eq(tiny_result(&process), 0);
    ck_assert(tiny_said(&process, "tiny ficus-"));
    tiny_close(&process);
}
END_TEST


/* nothing is opened or made */

START_TEST(test_check)
{
    char              *text;
    tiny_t             process;
    const char *const  args[] = { "--check", tiny_listen, tiny_store, NULL };

    tiny_setup();
    tiny_run(&process, args);
    ck_assert_int_eq(tiny_result(&process), 0);
    text = tiny_output(&process);
    ck_assert_str_eq(text, "tiny: configuration is ok\n");
    ck_assert_int_eq(access(tiny_database, F_OK), -1);
    ck_assert_int_eq(access(tiny_place.path, F_OK), -1);

    free(text);
    tiny_close(&process);
    tiny_teardown();
}
END_TEST


START_TEST(test_bad_settings)
{
    char       *text;
    size_t      i;
    tiny_t      process;

    static const struct {
        const char  *arg;
        const char  *message;
    } rows[] = {
        { "--listen=here", "tiny: --listen \"here\": it must be a path with a "
          "\"/\" in it, or HOST:PORT\n" },
        { "--listen=", "tiny: --listen" },
        { "--listen-mode=0800", "tiny: --listen-mode \"0800\": it must be "
          "octal, as 0600\n" },
        { "--listen-mode=10000", "tiny: --listen-mode \"10000\": it must be "
          "octal, as 0600\n" },
        { "--listen-mode=rw", "tiny: --listen-mode \"rw\": it must be octal, "
          "as 0600\n" },
        { "--store=/x", STORE_WANTED },
        { "--store=sqlite:", STORE_WANTED },
        { "--store=mongodb://", STORE_WANTED },
        { "--store=mongo://a:secret@b/c", STORE_WANTED },
        { "--store=sqlite:/nowhere/at/all/db", "tiny: --store "
          "\"sqlite:/nowhere/at/all/db\": its directory is not there\n" },
        { "--nats-url=http://a:secret@b", "tiny: --nats-url must be "
          "nats://[USER:PASSWORD@]HOST[:PORT]\n" },
        { "--log-level=loud", "tiny: --log-level \"loud\": it must be error, "
          "warn, info or debug\n" },
        { "--log-format=xml", "tiny: --log-format \"xml\": it must be text, "
          "json or auto\n" },
        { "--threads=0", "tiny: --threads" },
        { "--threads=1025", "tiny: --threads" },
        { "--max-body=2g", "tiny: --max-body" },
        { "--read-timeout=soon", "tiny: --read-timeout" },
        { "--what=1", "tiny: " }
    };

    tiny_setup();

    for (i = 0; i < UNIT_COUNT(rows); i++) {
        const char *const args[] = {
            "--check", tiny_listen, tiny_store, rows[i].arg, NULL
        };

        tiny_run(&process, args);
        ck_assert_msg(tiny_result(&process) == 2, "%s", rows[i].arg);
        text = tiny_output(&process);
        ck_assert_msg(strncmp(text, rows[i].message, strlen(rows[i].message))
                      == 0, "%s: %s", rows[i].arg, text);
        ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
        ck_assert_ptr_null(strstr(text, "secret"));
        free(text);
        tiny_close(&process);
    }

    tiny_teardown();
}
END_TEST


START_TEST(test_missing_settings)
{
    char              *text;
    tiny_t             process;
    const char *const  no_listen[] = { tiny_store, NULL };
    const char *const  no_store[] = { tiny_listen, NULL };

    tiny_setup();

    tiny_run(&process, no_listen);
    ck_assert_int_eq(tiny_result(&process), 2);
    text = tiny_output(&process);
    ck_assert_str_eq(text, "tiny: --listen must be set\n");
    free(text);
    tiny_close(&process);

    tiny_run(&process, no_store);
    ck_assert_int_eq(tiny_result(&process), 2);
    text = tiny_output(&process);
    ck_assert_str_eq(text, "tiny: --store must be set\n");
    free(text);
    tiny_close(&process);

    tiny_teardown();
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_help,
        test_version,
        test_check,
        test_bad_settings,
        test_missing_settings
    };

    return unit_run("fig_app_settings", tests, UNIT_COUNT(tests));
}
