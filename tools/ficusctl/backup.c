
/*
 * Copyright (C) Ficus authors
 */


/*
 * Backup and restore of the databases of this machine, without the admin port.
 */


#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl.h"
#include "fig_buf.h"
#include "fig_log.h"
#include "fig_store.h"


#define CTL_RAISE_MAX  1000000


typedef struct {
    const char         *name;
    char                path[PATH_MAX];
    char                file[PATH_MAX];
    fig_restore_conf_t  conf;
    fig_restore_t      *restore;
} ctl_database_t;


static size_t ctl_databases(const ctl_options_t *options, int argc,
    char **argv, ctl_database_t *databases);
static int ctl_database(const ctl_store_t *store, const char *data,
    const char *directory, ctl_database_t *database);
static int ctl_backup_one(const ctl_database_t *database, json_object *list);
static int ctl_restore_prepare(const ctl_options_t *options, size_t n,
    ctl_database_t *databases);
static int ctl_restore_finish(size_t n, ctl_database_t *databases,
    json_object *list);
static void ctl_restored(ctl_database_t *database, json_object *list);
static void ctl_print(const ctl_options_t *options, json_object *list,
    ctl_show_pt show);
static void ctl_show_backup(const ctl_options_t *options, json_object *list);
static void ctl_show_restore(const ctl_options_t *options, json_object *list);
static double ctl_now(void);


int
ctl_backup(const ctl_options_t *options, int argc, char **argv)
{
    int              rc;
    size_t           i, n;
    json_object     *list;
    ctl_database_t   databases[CTL_STORES];

    n = ctl_databases(options, argc, argv, databases);

    if (n == 0) {
        return CTL_USAGE;
    }

    if (mkdir(argv[0], 0700) != 0 && errno != EEXIST) {
        ctl_error("%s can't be made: %s", argv[0], strerror(errno));
        return CTL_REFUSED;
    }

    rc = CTL_OK;
    list = json_object_new_array();

    for (i = 0; i < n && rc == CTL_OK; i++) {
        rc = ctl_backup_one(&databases[i], list);
    }

    ctl_print(options, list, ctl_show_backup);
    json_object_put(list);

    return rc;
}


int
ctl_restore(const ctl_options_t *options, int argc, char **argv)
{
    int              rc;
    size_t           i, n;
    json_object     *list;
    ctl_database_t   databases[CTL_STORES];

    if (options->extra[CTL_OPT_MONGODB] != NULL) {
        return ctl_restore_mongodb(options, argc, argv);
    }

    n = ctl_databases(options, argc, argv, databases);

    if (n == 0) {
        return CTL_USAGE;
    }

    list = json_object_new_array();
    rc = ctl_restore_prepare(options, n, databases);

    if (rc == CTL_OK) {
        rc = ctl_restore_finish(n, databases, list);
    }

    for (i = 0; i < n; i++) {
        fig_restore_close(databases[i].restore);
    }

    ctl_print(options, list, ctl_show_restore);
    json_object_put(list);

    return rc;
}


/* those that the command names, or all; 0: it is wrong */

static size_t
ctl_databases(const ctl_options_t *options, int argc, char **argv,
    ctl_database_t *databases)
{
    int                 a, rc;
    size_t              n;
    const char         *data;
    const ctl_store_t  *store;

    fig_log_init("ficusctl", FIG_LOG_WARN, FIG_LOG_TEXT);
    (void) signal(SIGXFSZ, SIG_IGN);           /* an error does */
    data = ctl_data_directory(options);
    rc = CTL_OK;
    n = 0;

    for (store = ctl_own(ctl_stores); store != NULL && rc == CTL_OK;
         store = ctl_own(store + 1))
    {
        for (a = 1; a < argc && strcmp(argv[a], store->name) != 0; a++) {
            /* void */
        }

        if (argc == 1 || a != argc) {
            rc = ctl_database(store, data, argv[0], &databases[n++]);
        }
    }

    if (rc == CTL_OK && argc > 1 && n != (size_t) argc - 1) {
        ctl_own_error("the databases, each once, are:");
        rc = CTL_USAGE;
    }

    return rc == CTL_OK ? n : 0;
}


static int
ctl_database(const ctl_store_t *store, const char *data, const char *directory,
    ctl_database_t *database)
{
    int  len, file;

    memset(database, 0, sizeof(ctl_database_t));
    database->name = store->name;
    database->conf.own = store->own;

    len = snprintf(database->path, PATH_MAX, "%s/%s.db", data, store->name);
    file = snprintf(database->file, PATH_MAX, "%s/%s.db", directory,
                    store->name);

    if (len >= PATH_MAX || file >= PATH_MAX) {
        ctl_error("%s is too long", len >= PATH_MAX ? data : directory);
        return CTL_USAGE;
    }

    return CTL_OK;
}


const char *
ctl_data_directory(const ctl_options_t *options)
{
    const char   *run;
    static char   text[PATH_MAX];

    if (options->extra[CTL_OPT_DATA] != NULL) {
        return options->extra[CTL_OPT_DATA];
    }

    run = getenv("FICUS_RUN_DIR");
    (void) snprintf(text, sizeof(text), "%s/data",
                    run != NULL && run[0] != '\0' ? run : "run");

    return text;
}


static int
ctl_backup_one(const ctl_database_t *database, json_object *list)
{
    double        started;
    json_object  *row;
    struct stat   st;

    started = ctl_now();

    if (fig_store_backup(database->path, database->file) != FIG_OK) {
        ctl_error("%s: no backup was made", database->name);
        return CTL_REFUSED;
    }

    memset(&st, 0, sizeof(struct stat));
    (void) stat(database->file, &st);

    row = json_object_new_object();
    (void) json_object_object_add(row, "name",
                                  json_object_new_string(database->name));
    (void) json_object_object_add(row, "file",
                                  json_object_new_string(database->file));
    (void) json_object_object_add(row, "bytes",
                                  json_object_new_int64(st.st_size));
    (void) json_object_object_add(row, "seconds",
                                  json_object_new_double(ctl_now() - started));
    (void) json_object_array_add(list, row);

    return CTL_OK;
}


/* all, before the first of them is replaced */

static int
ctl_restore_prepare(const ctl_options_t *options, size_t n,
    ctl_database_t *databases)
{
    int                  rc;
    size_t               i;
    unsigned             raise;
    fig_restore_conf_t  *conf;

    rc = ctl_raise_times(options, &raise);

    if (rc != CTL_OK) {
        return rc;
    }

    for (i = 0; i < n; i++) {
        conf = &databases[i].conf;
        conf->path = databases[i].path;
        conf->file = databases[i].file;
        conf->raise = raise;

        if (fig_restore_prepare(conf, &databases[i].restore) != FIG_OK) {
            ctl_error("%s can't be restored; nothing was changed",
                      databases[i].name);
            return CTL_REFUSED;
        }
    }

    return CTL_OK;
}


int
ctl_raise_times(const ctl_options_t *options, unsigned *times)
{
    uint64_t     raise;
    const char  *text;

    raise = 1;
    text = options->extra[CTL_OPT_RAISE];

    if (text != NULL
        && (fig_str_uint(fig_str_from(text), CTL_RAISE_MAX, &raise)
            != FIG_OK || raise == 0))
    {
        ctl_error("--raise is \"%s\"; it must be 1 to %d", text,
                  CTL_RAISE_MAX);
        return CTL_USAGE;
    }

    *times = (unsigned) raise;

    return CTL_OK;
}


static int
ctl_restore_finish(size_t n, ctl_database_t *databases, json_object *list)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (fig_restore_finish(databases[i].restore) != FIG_OK) {
            ctl_error("%s was not restored; do it again", databases[i].name);
            return CTL_REFUSED;
        }

        ctl_restored(&databases[i], list);
    }

    return CTL_OK;
}


static void
ctl_restored(ctl_database_t *database, json_object *list)
{
    json_object         *row;
    fig_restore_conf_t  *conf;

    conf = &database->conf;
    row = json_object_new_object();

    (void) json_object_object_add(row, "name",
                                  json_object_new_string(database->name));
    (void) json_object_object_add(row, "database",
                                  json_object_new_string(database->path));
    (void) json_object_object_add(row, "documents",
                        json_object_new_int64((int64_t) conf->documents));
    (void) json_object_object_add(row, "base",
                                  json_object_new_int64((int64_t) conf->base));
    (void) json_object_object_add(row, "base_known",
                                  json_object_new_boolean(!conf->unknown));
    (void) json_object_array_add(list, row);
}


static void
ctl_print(const ctl_options_t *options, json_object *list, ctl_show_pt show)
{
    if (options->json) {
        puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN));

    } else {
        show(options, list);
    }
}


static void
ctl_show_backup(const ctl_options_t *options, json_object *list)
{
    size_t        i;
    json_object  *row;

    for (i = 0; i < json_object_array_length(list); i++) {
        row = json_object_array_get_idx(list, i);

        printf("%s%-6s%s  %s, %.1f MB in %.2f s\n",
               ctl_color(options, CTL_BOLD), ctl_get_text(row, "name"),
               ctl_color(options, CTL_PLAIN), ctl_get_text(row, "file"),
               ctl_get_number(row, "bytes") / 1e6,
               ctl_get_number(row, "seconds"));
    }
}


static void
ctl_show_restore(const ctl_options_t *options, json_object *list)
{
    bool          known;
    size_t        i;
    json_object  *row;

    known = true;

    for (i = 0; i < json_object_array_length(list); i++) {
        row = json_object_array_get_idx(list, i);
        known = known && ctl_get_int(row, "base_known");

        printf("%s%-6s%s  %lld documents, versions above %lld; "
               "what was there is %s.replaced\n",
               ctl_color(options, CTL_BOLD), ctl_get_text(row, "name"),
               ctl_color(options, CTL_PLAIN),
               (long long) ctl_get_int(row, "documents"),
               (long long) ctl_get_int(row, "base"),
               ctl_get_text(row, "database"));
    }

    if (json_object_array_length(list) != 0) {
        puts("Start the workers, then: ficusctl sync repair");
    }

    if (!known) {
        puts("What was there could not be read. If this backup has been "
             "restored before, N times,\nrestore it again with --raise=N+1.");
    }
}


static double
ctl_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}
