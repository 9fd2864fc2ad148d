
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>

#include "ctl.h"


#define CTL_PAGE  1000


static int ctl_dlq_list(const ctl_options_t *options, const char *after);
static void ctl_show_letters(const ctl_options_t *options, json_object *json);
static void ctl_show_row(const ctl_options_t *options, json_object *letter);
static void ctl_show_letter(const ctl_options_t *options, json_object *json);
static void ctl_show_redriven(const ctl_options_t *options,
    json_object *json);
static void ctl_show_dropped(const ctl_options_t *options, json_object *json);


int
ctl_dlq(const ctl_options_t *options, int argc, char **argv)
{
    const char  *id, *what;

    what = argv[0];
    id = (argc == 2) ? argv[1] : NULL;

    if (strcmp(what, "list") == 0) {
        return ctl_dlq_list(options, id);
    }

    if (id != NULL && id[0] != '\0') {

        if (strcmp(what, "show") == 0) {
            return ctl_get(options, ctl_path("/workers/%s/dlq/%s?source=%s",
                                             options->worker, id,
                                             ctl_source(options)),
                           "payload", ctl_show_letter);
        }

        if (strcmp(what, "redrive") == 0) {
            return ctl_ask(options, "POST",
                           ctl_path("/workers/%s/dlq/%s/redrive?source=%s",
                                    options->worker, id, ctl_source(options)),
                           NULL, "version", ctl_show_redriven);
        }

        if (strcmp(what, "drop") == 0) {
            return ctl_ask(options, "DELETE",
                           ctl_path("/workers/%s/dlq/%s?source=%s",
                                    options->worker, id, ctl_source(options)),
                           NULL, "id", ctl_show_dropped);
        }
    }

    fputs("usage: ficusctl dlq list [AFTER]\n"
          "       ficusctl dlq show|redrive|drop ID\n", stderr);

    return CTL_USAGE;
}


static int
ctl_dlq_list(const ctl_options_t *options, const char *after)
{
    return ctl_get(options, ctl_path("/workers/%s/dlq?limit=1000&after=%s"
                                     "&source=%s", options->worker,
                                     after != NULL ? after : "",
                                     ctl_source(options)),
                   NULL, ctl_show_letters);
}


static void
ctl_show_letters(const ctl_options_t *options, json_object *json)
{
    size_t        i, n;
    json_object  *letter;

    n = ctl_length(json);

    if (n == 0) {
        puts("there are no dead letters");
        return;
    }

    for (i = 0; i < n; i++) {
        ctl_show_row(options, json_object_array_get_idx(json, i));
    }

    if (n == CTL_PAGE) {
        letter = json_object_array_get_idx(json, n - 1);
        fputs("there may be more: ficusctl dlq list ", stdout);
        ctl_text(ctl_get_text(letter, "id"));
        putchar('\n');
    }
}


/* which event, whose, what is wrong with it */

static void
ctl_show_row(const ctl_options_t *options, json_object *letter)
{
    int64_t      tries;
    const char  *key;

    key = ctl_get_text(letter, "key");
    tries = ctl_get_int(letter, "tries");

    fputs(ctl_color(options, CTL_BOLD), stdout);
    ctl_text(ctl_get_text(letter, "id"));
    printf("%s  %s\n    ", ctl_color(options, CTL_PLAIN),
           ctl_get_text(letter, "time"));

    if (key[0] != '\0') {
        fputs("of ", stdout);
        ctl_text(key);
        printf(", version %lld, ", (long long) ctl_get_int(letter, "version"));
    }

    printf("%s, %lld %s: ", ctl_get_text(letter, "cause"), (long long) tries,
           tries == 1 ? "try" : "tries");
    ctl_text(ctl_get_text(letter, "error"));
    putchar('\n');
}


static void
ctl_show_letter(const ctl_options_t *options, json_object *json)
{
    size_t                    i;
    static const char *const  names[] = {
        "id", "key", "version", "cause", "error", "stream", "seq", "tries",
        "time", "size"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        printf("%s%-8s%s  ", ctl_color(options, CTL_DIM), names[i],
               ctl_color(options, CTL_PLAIN));
        ctl_text(ctl_get_text(json, names[i]));
        putchar('\n');
    }

    putchar('\n');
    ctl_text(ctl_get_text(json, "payload"));
    putchar('\n');
}


static void
ctl_show_redriven(const ctl_options_t *options, json_object *json)
{
    printf("brought in, with version %lld\n",
           (long long) ctl_get_int(json, "version"));
}


static void
ctl_show_dropped(const ctl_options_t *options, json_object *json)
{
    fputs("dropped ", stdout);
    ctl_text(ctl_get_text(json, "id"));
    putchar('\n');
}
