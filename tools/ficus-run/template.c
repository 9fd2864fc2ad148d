
/*
 * Copyright (C) Ficus authors
 */


#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"


#define RUN_LINE  4096


typedef struct {
    const char  *name;
    char         value[PATH_MAX + 64];
} run_word_t;

typedef struct {
    run_word_t  words[10];
    run_word_t *worker;             /* the one that is written just now */
} run_words_t;


static int run_words(const run_conf_t *conf, run_words_t *words);
static int run_words_user(run_word_t *word);
static int run_words_workers(run_word_t *word);
static int run_word(run_word_t *word, const char *name, const char *value);
static int run_word_port(run_word_t *word, const char *name, unsigned port);
static int run_template(const run_conf_t *conf, run_words_t *words,
    const char *name);
static int run_template_copy(run_words_t *words, FILE *in, FILE *out);
static void run_template_line(const run_words_t *words, const char *line,
    FILE *out);
static const char *run_template_word(const run_words_t *words,
    const char *name, size_t len);


/*
 * conf/NAME.in of the sources becomes conf/NAME of the run directory.  What
 * stands between the lines @EACH_WORKER@ and @END@ is in it once for each
 * worker, @WORKER@ in that is its name; @WORKERS@ are all names, in quotes.
 */

int
run_templates(const run_conf_t *conf)
{
    run_words_t  words;

    memset(&words, 0, sizeof(run_words_t));

    if (run_words(conf, &words) != RUN_OK
        || run_template(conf, &words, "nginx.conf") != RUN_OK)
    {
        return RUN_ERROR;
    }

    return run_template(conf, &words, "nats-server.conf");
}


static int
run_words(const run_conf_t *conf, run_words_t *words)
{
    run_word_t  *word;

    word = words->words;

    if (run_word(word++, "RUN_DIR", conf->dir) != RUN_OK
        || run_word(word++, "CONF_DIR", conf->conf) != RUN_OK
        || run_word(word++, "MODULE", conf->module) != RUN_OK
        || run_word_port(word++, "HTTP_PORT", conf->http_port) != RUN_OK
        || run_word_port(word++, "ADMIN_PORT", conf->admin_port) != RUN_OK
        || run_word_port(word++, "NATS_PORT", conf->nats_port) != RUN_OK
        || run_words_workers(word++) != RUN_OK)
    {
        return RUN_ERROR;
    }

    words->worker = word++;
    words->worker->name = "WORKER";

    return run_words_user(word);
}


static int
run_words_workers(run_word_t *word)
{
    char                 *p, *end;
    const run_service_t  *worker;

    word->name = "WORKERS";
    p = word->value;
    end = p + sizeof(word->value);

    for (worker = run_worker(run_services); worker != NULL;
         worker = run_worker(worker + 1))
    {
        if (run_path(p, (size_t) (end - p), "%s\"%s\"",
                     p == word->value ? "" : ",", worker->name)
            != RUN_OK)
        {
            return RUN_ERROR;
        }

        p += strlen(p);
    }

    return RUN_OK;
}


/* nginx's worker processes are to be who runs this; only root can change */

static int
run_words_user(run_word_t *word)
{
    struct group   *group;
    struct passwd  *user;

    word->name = "USER";

    if (geteuid() != 0) {
        return RUN_OK;
    }

    user = getpwuid(geteuid());
    group = getgrgid(getegid());

    if (user == NULL || group == NULL) {
        run_error("user 0 or group %u has no name", (unsigned) getegid());
        return RUN_ERROR;
    }

    return run_path(word->value, sizeof(word->value), "user %s %s;",
                    user->pw_name, group->gr_name);
}


static int
run_word(run_word_t *word, const char *name, const char *value)
{
    word->name = name;

    if (strpbrk(value, "\"\\$\n") != NULL) {
        run_error("the path %s has a character that configuration files can't "
                  "take", value);
        return RUN_ERROR;
    }

    return run_path(word->value, sizeof(word->value), "%s", value);
}


static int
run_word_port(run_word_t *word, const char *name, unsigned port)
{
    word->name = name;

    return run_path(word->value, sizeof(word->value), "%u", port);
}


static int
run_template(const run_conf_t *conf, run_words_t *words, const char *name)
{
    int    rc;
    char   from[PATH_MAX + 64], to[RUN_PATH];
    FILE  *in, *out;

    if (run_path(from, sizeof(from), "%s/%s.in", conf->conf, name) != RUN_OK
        || run_path(to, sizeof(to), "%s/conf/%s", conf->dir, name) != RUN_OK)
    {
        return RUN_ERROR;
    }

    in = fopen(from, "re");

    if (in == NULL) {
        run_error("%s can't be opened: %s", from, strerror(errno));
        return RUN_ERROR;
    }

    out = fopen(to, "we");

    if (out == NULL) {
        run_error("%s can't be opened: %s", to, strerror(errno));
        fclose(in);
        return RUN_ERROR;
    }

    rc = run_template_copy(words, in, out);

    if ((ferror(in) | ferror(out) | fclose(out)) != 0 && rc == RUN_OK) {
        run_error("%s can't be written: %s", to, strerror(errno));
        rc = RUN_ERROR;
    }

    fclose(in);

    return rc;
}


static int
run_template_copy(run_words_t *words, FILE *in, FILE *out)
{
    char                  line[RUN_LINE];
    long                  each;
    const run_service_t  *worker;

    each = 0;
    worker = NULL;

    while (fgets(line, sizeof(line), in) != NULL) {

        if (strstr(line, "@EACH_WORKER@") != NULL) {
            each = ftell(in);
            worker = run_worker(run_services);

        } else if (strstr(line, "@END@") != NULL) {
            worker = worker != NULL ? run_worker(worker + 1) : NULL;

            if (worker != NULL && fseek(in, each, SEEK_SET) != 0) {
                run_error("a template can't be read: %s", strerror(errno));
                return RUN_ERROR;
            }

        } else {
            run_template_line(words, line, out);
            continue;
        }

        if (worker != NULL
            && run_word(words->worker, "WORKER", worker->name) != RUN_OK)
        {
            return RUN_ERROR;
        }
    }

    return RUN_OK;
}


static void
run_template_line(const run_words_t *words, const char *line, FILE *out)
{
    const char  *p, *at, *end, *value;

    for (p = line; (at = strchr(p, '@')) != NULL; p = end + 1) {
        end = strchr(at + 1, '@');

        if (end == NULL) {
            break;
        }

        value = run_template_word(words, at + 1, (size_t) (end - at - 1));

        if (value == NULL) {

            /* such as the name of an nginx location */

            (void) fwrite(p, 1, (size_t) (end - p), out);
            end--;
            continue;
        }

        (void) fwrite(p, 1, (size_t) (at - p), out);
        fputs(value, out);
    }

    fputs(p, out);
}


static const char *
run_template_word(const run_words_t *words, const char *name, size_t len)
{
    const run_word_t  *word;

    for (word = words->words; word->name != NULL; word++) {

        if (strlen(word->name) == len && memcmp(word->name, name, len) == 0) {
            return word->value;
        }
    }

    return NULL;
}
