
/*
 * Copyright (C) Ficus authors
 */


#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"


#define DEMO_BAR      24
#define DEMO_REDRAW   0.1        /* seconds */


static void demo_show_row(const demo_t *demo, int i);
static void demo_show_bar(const demo_t *demo, double share);
static void demo_show_split(const demo_t *demo);
static double demo_seen(const demo_step_t *step);
static double demo_lag(const demo_t *demo, int step, double quantile);
static int demo_compare(const void *one, const void *two);
static const char *demo_color(const demo_t *demo, const char *code);


void
demo_show_start(demo_t *demo)
{
    printf("P, the share of the old service v1, goes from 100 to 0 while %d\n"
           "requests a second run.  Users change their e-mails and addresses,\n"
           "and the orders have to follow.\n\n"
           "%s   P  %-*s  seen  requests  errors  changes  lag p50   p99%s\n",
           DEMO_RATE, demo_color(demo, "2"), DEMO_BAR, "v1 | v2",
           demo_color(demo, "0"));
    fflush(stdout);
}


/* on a terminal: the rows so far and what goes on, over what was there */

void
demo_show(demo_t *demo, const char *what, bool now)
{
    int     i;
    double  time;

    time = demo_now();

    if (!demo->terminal || (!now && time - demo->drawn < DEMO_REDRAW)) {
        return;
    }

    demo->drawn = time;

    if (demo->lines > 0) {
        printf("\033[%uA\r", demo->lines);
    }

    demo->lines = 0;

    for (i = 0; i <= demo->step; i++) {
        demo_show_row(demo, i);
        fputs("\033[K\n", stdout);
        demo->lines++;
    }

    if (what != NULL) {
        printf("\033[K\n%s%s ...%s\033[K\n", demo_color(demo, "2"), what,
               demo_color(demo, "0"));
        demo->lines += 2;
    }

    fputs("\033[J", stdout);
    fflush(stdout);
}


/* not on a terminal: each row once */

void
demo_show_step(demo_t *demo)
{
    if (demo->terminal) {
        return;
    }

    demo_show_row(demo, demo->step);
    putchar('\n');
    fflush(stdout);
}


static void
demo_show_row(const demo_t *demo, int i)
{
    const demo_step_t  *step;

    step = &demo->steps[i];

    printf(" %3u  ", step->p);
    demo_show_bar(demo, (step->requests > 0) ? demo_seen(step) / 100
                                             : step->p / 100.0);

    if (step->requests > 0) {
        printf(" %5.1f", demo_seen(step));

    } else {
        printf(" %5s", "-");
    }

    printf("  %8u  %s%6u%s  %7u", step->requests,
           (step->errors > 0) ? demo_color(demo, "31") : "", step->errors,
           (step->errors > 0) ? demo_color(demo, "0") : "", step->changes);

    if (step->nlags > 0) {
        printf("  %4.1f ms %5.1f", demo_lag(demo, i, 0.5) * 1000,
               demo_lag(demo, i, 0.99) * 1000);
    }
}


static void
demo_show_bar(const demo_t *demo, double share)
{
    int  i, v1;

    v1 = (int) lround(share * DEMO_BAR);
    fputs(demo_color(demo, "34"), stdout);

    for (i = 0; i < DEMO_BAR; i++) {

        if (i == v1) {
            fputs(demo_color(demo, "32"), stdout);
        }

        fputs(demo->utf8 && demo->color ? "\u2588" : (i < v1) ? "#" : ".",
              stdout);
    }

    fputs(demo_color(demo, "0"), stdout);
}


void
demo_show_end(demo_t *demo, bool clean)
{
    demo_show(demo, NULL, true);

    printf("\n%u users and orders made, %u e-mails and addresses changed, "
           "%u requests.\n\n", demo->made, demo->changes, demo->requests);

    demo_show_split(demo);

    if (demo->changes > 0) {
        printf("orders  %s; lag p50 %.1f ms, p99 %.1f ms\n",
               demo_interrupted ? "followed their users"
               : demo->behind > 0 ? "NOT all have their user's last data"
               : "every one has its user's last e-mail and address",
               demo_lag(demo, -1, 0.5) * 1000,
               demo_lag(demo, -1, 0.99) * 1000);
    }

    if (demo->errors > 0) {
        printf("errors  %s%u%s, the first: %s\n", demo_color(demo, "31"),
               demo->errors, demo_color(demo, "0"), demo->first_error);

    } else {
        printf("errors  none\n");
    }

    printf("\n%s\n", clean ? "P is what it was, and all that was made is "
                             "removed."
                           : "Not all could be put back as it was.");
    fflush(stdout);
}


static void
demo_show_split(const demo_t *demo)
{
    int                 i;
    double              asked, off;
    unsigned            n, v1;
    const demo_step_t  *step;

    for (i = 0, n = 0, v1 = 0, asked = 0, off = 0; i <= demo->step; i++) {
        step = &demo->steps[i];

        if (step->requests > 0) {
            n += step->requests;
            v1 += step->v1;
            asked += step->p / 100.0 * step->requests;
            off = fmax(off, fabs(demo_seen(step) - step->p));
        }
    }

    if (n > 0) {
        printf("split   v1 should get %.0f of %u requests and got %u; %.1f "
               "points off at most\n", asked, n, v1, off);
    }
}


static double
demo_seen(const demo_step_t *step)
{
    return 100.0 * step->v1 / step->requests;
}


/* of a step, or -1: of all */

static double
demo_lag(const demo_t *demo, int step, double quantile)
{
    int            i;
    double         lag;
    size_t         n;
    static double  lags[DEMO_STEPS * DEMO_LAGS];

    for (i = 0, n = 0; i < DEMO_STEPS; i++) {

        if (step == -1 || step == i) {
            memcpy(lags + n, demo->steps[i].lags,
                   demo->steps[i].nlags * sizeof(double));
            n += demo->steps[i].nlags;
        }
    }

    if (n == 0) {
        return 0;
    }

    qsort(lags, n, sizeof(double), demo_compare);
    lag = lags[(size_t) ((double) (n - 1) * quantile + 0.5)];

    return lag;
}


static int
demo_compare(const void *one, const void *two)
{
    double  a, b;

    a = *(const double *) one;
    b = *(const double *) two;

    return (a > b) - (a < b);
}


static const char *
demo_color(const demo_t *demo, const char *code)
{
    static char      buf[8][8];
    static unsigned  i;

    if (!demo->color) {
        return "";
    }

    i = (i + 1) % 8;
    (void) snprintf(buf[i], sizeof(buf[i]), "\033[%sm", code);

    return buf[i];
}
