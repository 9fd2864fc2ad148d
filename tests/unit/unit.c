
/*
 * Copyright (C) Ficus authors
 */


#include "unit.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define UNIT_TIMEOUT  60


/* what the sanitizers ask for: no memory is NULL for them, too */

const char *__asan_default_options(void);
const char *__tsan_default_options(void);


static int  unit_fd;
static int  unit_file;
static int  unit_saved;


const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}


const char *
__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}


int
unit_run(const char *name, const TTest *const *tests, size_t count)
{
    int       failed;
    TCase    *tc;
    Suite    *suite;
    size_t    i;
    SRunner  *runner;

    suite = suite_create(name);
    tc = tcase_create("all");

    tcase_set_timeout(tc, UNIT_TIMEOUT);

    for (i = 0; i < count; i++) {
        tcase_add_test(tc, tests[i]);
    }

    suite_add_tcase(suite, tc);

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}


void
unit_capture(int fd)
{
    unit_fd = fd;
    unit_saved = dup(fd);
    unit_file = memfd_create("captured", MFD_CLOEXEC);

    ck_assert_int_ne(unit_saved, -1);
    ck_assert_int_ne(unit_file, -1);

    /* as several threads write to it */
    ck_assert_int_eq(fcntl(unit_file, F_SETFL, O_APPEND), 0);

    ck_assert_int_eq(dup2(unit_file, fd), fd);
}


char *
unit_captured(void)
{
    char         *text;
    size_t        size;
    struct stat   st;

    ck_assert_int_eq(dup2(unit_saved, unit_fd), unit_fd);
    ck_assert_int_eq(fstat(unit_file, &st), 0);

    size = (size_t) st.st_size;
    text = malloc(size + 1);

    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(pread(unit_file, text, size, 0), st.st_size);
    text[size] = '\0';

    ck_assert_int_eq(close(unit_file), 0);
    ck_assert_int_eq(close(unit_saved), 0);

    return text;
}
