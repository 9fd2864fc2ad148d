
/*
 * Copyright (C) Ficus authors
 */


#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"


#define CTL_WATCH_ARMS  256
#define CTL_WATCH_BAR   22
#define CTL_WATCH_ROWS  24      /* of a terminal that does not tell */


/* the counts of a second ago, in the order of the answer */

typedef struct {
    size_t    n;
    int64_t   requests[CTL_WATCH_ARMS];
    double    time;
    unsigned  lines;
} ctl_watch_t;


static int ctl_watch_loop(const ctl_options_t *options, const char *split,
    int signals);
static void ctl_watch_begin(void);
static void ctl_watch_leave(void);
static bool ctl_watch_ends(struct pollfd *wait, ctl_watch_t *watch);
static int ctl_watch_once(const ctl_options_t *options, const char *split,
    ctl_watch_t *watch);
static void ctl_watch_draw(const ctl_options_t *options, json_object *json,
    ctl_watch_t *watch);
static void ctl_watch_all(const ctl_options_t *options, json_object *splits,
    double seconds, ctl_watch_t *watch, size_t *at);
static unsigned ctl_watch_height(json_object *split);
static unsigned ctl_watch_rows(void);
static void ctl_watch_split(const ctl_options_t *options, json_object *split,
    double seconds, ctl_watch_t *watch, size_t *at);
static int64_t ctl_watch_new(const ctl_watch_t *watch, json_object *arm,
    size_t at);
static double ctl_watch_now(void);


int
ctl_watch(const ctl_options_t *options, int argc, char **argv)
{
    int       fd, rc;
    sigset_t  signals;

    if (options->json || !isatty(STDOUT_FILENO)) {
        ctl_error("watch draws on a terminal; status --json is for programs");
        return CTL_USAGE;
    }

    (void) sigemptyset(&signals);
    (void) sigaddset(&signals, SIGINT);
    (void) sigaddset(&signals, SIGTERM);
    (void) sigaddset(&signals, SIGTSTP);
    (void) sigprocmask(SIG_BLOCK, &signals, NULL);

    fd = signalfd(-1, &signals, SFD_CLOEXEC);

    if (fd == -1) {
        ctl_error("signals can't be waited for");
        return CTL_USAGE;
    }

    rc = ctl_watch_loop(options, (argc > 0) ? argv[0] : NULL, fd);
    close(fd);

    return rc;
}


static int
ctl_watch_loop(const ctl_options_t *options, const char *split, int signals)
{
    int            rc;
    ctl_watch_t    watch;
    struct pollfd  wait;

    memset(&watch, 0, sizeof(ctl_watch_t));
    wait.fd = signals;
    wait.events = POLLIN;

    ctl_watch_begin();

    do {
        rc = ctl_watch_once(options, split, &watch);
        fflush(stdout);
    } while (rc == CTL_OK && !ctl_watch_ends(&wait, &watch));

    ctl_watch_leave();

    return rc;
}


/* the cursor would dance over the table; a long line must stay one */

static void
ctl_watch_begin(void)
{
    fputs("\033[?25l\033[?7l", stdout);
}


static void
ctl_watch_leave(void)
{
    fputs("\033[?7h\033[?25h", stdout);
    fflush(stdout);
}


/*
 * Waits for the next second, or a signal.  After Ctrl-Z the terminal is the
 * shell's, as it knows it; when it goes on it draws below what is there then.
 */

static bool
ctl_watch_ends(struct pollfd *wait, ctl_watch_t *watch)
{
    struct signalfd_siginfo  info;

    if (poll(wait, 1, 1000) <= 0) {
        return false;
    }

    if (read(wait->fd, &info, sizeof(info)) != (ssize_t) sizeof(info)
        || info.ssi_signo != SIGTSTP)
    {
        return true;
    }

    ctl_watch_leave();
    (void) raise(SIGSTOP);
    ctl_watch_begin();
    watch->lines = 0;

    return false;
}


static int
ctl_watch_once(const ctl_options_t *options, const char *split,
    ctl_watch_t *watch)
{
    int            rc;
    char          *path;
    const char    *member;
    ctl_answer_t   answer;

    member = (split != NULL) ? "arms" : NULL;
    path = (split != NULL) ? ctl_path("splits/%s", split) : ctl_path("splits");
    rc = ctl_call(options, "GET", path, NULL, watch->lines > 0, &answer);

    /* nginx may just be starting again */

    if (rc == CTL_UNREACHABLE && watch->lines > 0) {
        printf("%s%s can't be reached%s\033[K\r",
               ctl_color(options, CTL_RED), options->url,
               ctl_color(options, CTL_PLAIN));
        return CTL_OK;
    }

    if (rc != CTL_OK) {
        return rc;
    }

    if (answer.status != 200 || !ctl_is_ours(answer.json, member)) {
        return ctl_answer(options, &answer, member, NULL);
    }

    ctl_watch_draw(options, answer.json, watch);
    ctl_answer_clear(&answer);

    return CTL_OK;
}


static void
ctl_watch_draw(const ctl_options_t *options, json_object *json,
    ctl_watch_t *watch)
{
    double  now, seconds;
    size_t  n;

    now = ctl_watch_now();
    seconds = (watch->time > 0) ? now - watch->time : 0;
    n = 0;

    if (watch->lines > 0) {
        printf("\033[%uA\r", watch->lines);
    }

    watch->lines = 0;

    if (json_object_is_type(json, json_type_array)) {
        ctl_watch_all(options, json, seconds, watch, &n);

    } else {
        ctl_watch_split(options, json, seconds, watch, &n);
    }

    fputs("\033[J", stdout);

    watch->n = n;
    watch->time = now;
}


/* as many as the screen has room for: what has left it can't be drawn over */

static void
ctl_watch_all(const ctl_options_t *options, json_object *splits,
    double seconds, ctl_watch_t *watch, size_t *at)
{
    size_t        i, n;
    unsigned      rows;
    json_object  *split;

    n = json_object_array_length(splits);
    rows = ctl_watch_rows() - 1;

    for (i = 0; i < n; i++) {
        split = json_object_array_get_idx(splits, i);

        if (i > 0 && watch->lines + ctl_watch_height(split) + (i + 1 < n)
                     > rows)
        {
            printf("  and %zu more; \"ficusctl watch SPLIT\" shows one"
                   "\033[K\n", n - i);
            watch->lines++;
            break;
        }

        ctl_watch_split(options, split, seconds, watch, at);
    }
}


/* lines of a split, as ctl_watch_split() draws it */

static unsigned
ctl_watch_height(json_object *split)
{
    size_t        i, n;
    unsigned      lines;
    json_object  *arms, *ramp;

    arms = ctl_get_array(split, "arms");
    n = (arms != NULL) ? json_object_array_length(arms) : 0;
    lines = 4 + (unsigned) n;

    for (i = 0; i < n; i++) {
        lines += ctl_has_breaker(json_object_array_get_idx(arms, i));
    }

    return lines + (json_object_object_get_ex(split, "ramp", &ramp)
                    && ramp != NULL);
}


static unsigned
ctl_watch_rows(void)
{
    struct winsize  size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_row < 2) {
        return CTL_WATCH_ROWS;
    }

    return size.ws_row;
}


static void
ctl_watch_split(const ctl_options_t *options, json_object *split,
    double seconds, ctl_watch_t *watch, size_t *at)
{
    size_t        i, n;
    double        weight, share;
    int64_t       all, new[CTL_WATCH_ARMS];
    json_object  *arms, *arm;

    arms = ctl_get_array(split, "arms");
    n = (arms != NULL) ? json_object_array_length(arms) : 0;

    if (n > CTL_WATCH_ARMS - *at) {
        n = CTL_WATCH_ARMS - *at;
    }

    for (i = 0, all = 0; i < n; i++) {
        new[i] = ctl_watch_new(watch, json_object_array_get_idx(arms, i),
                               *at + i);
        all += new[i];
    }

    printf("%s%s%s  generation %lld\033[K\n\n"
           "%s  %-16s %8s  %-*s %7s  %10s %8s%s\033[K\n",
           ctl_color(options, CTL_BOLD), ctl_get_text(split, "name"),
           ctl_color(options, CTL_PLAIN),
           (long long) ctl_get_int(split, "generation"),
           ctl_color(options, CTL_DIM), "arm", "weight %", CTL_WATCH_BAR,
           "of the last second", "seen %", "requests/s", "failures",
           ctl_color(options, CTL_PLAIN));

    for (i = 0; i < n; i++) {
        arm = json_object_array_get_idx(arms, i);
        weight = ctl_get_number(arm, "effective");
        share = (all > 0) ? (double) new[i] / (double) all : 0;

        printf("  %-16.16s %8.2f  ", ctl_get_text(arm, "name"), weight);
        ctl_bar(options, share, CTL_WATCH_BAR, CTL_ARMS + (int) i);

        if (all > 0) {
            printf(" %7.2f", share * 100);

        } else {
            printf(" %7s", "-");
        }

        printf("  %10.0f %8lld\033[K\n",
               (seconds > 0) ? (double) new[i] / seconds : 0,
               (long long) ctl_get_int(arm, "failures"));

        watch->requests[*at + i] = ctl_get_int(arm, "requests");

        if (ctl_show_breaker(options, arm)) {
            fputs("\033[K\n", stdout);
            watch->lines++;
        }
    }

    if (ctl_show_ramp_line(options, split)) {
        fputs("\033[K\n", stdout);
        watch->lines++;
    }

    fputs("\033[K\n", stdout);

    watch->lines += 4 + (unsigned) n;
    *at += n;
}


/* requests since the last time; after a restart they count from 0 */

static int64_t
ctl_watch_new(const ctl_watch_t *watch, json_object *arm, size_t at)
{
    int64_t  requests;

    requests = ctl_get_int(arm, "requests");

    if (at >= watch->n || requests < watch->requests[at]) {
        return 0;
    }

    return requests - watch->requests[at];
}


static double
ctl_watch_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}
