
/*
 * Copyright (C) Ficus authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"


static void ctl_problem(const ctl_answer_t *answer);
static const char *ctl_hint(long status, const char *detail);


int
ctl_get(const ctl_options_t *options, char *path, const char *member,
    ctl_show_pt show)
{
    return ctl_ask(options, "GET", path, NULL, member, show);
}


int
ctl_ask(const ctl_options_t *options, const char *method, char *path,
    json_object *body, const char *member, ctl_show_pt show)
{
    int           rc;
    ctl_answer_t  answer;

    rc = ctl_call(options, method, path, body, false, &answer);

    return rc == CTL_OK ? ctl_answer(options, &answer, member, show) : rc;
}


/* clears the answer; show is NULL where no answer is a success */

int
ctl_answer(const ctl_options_t *options, ctl_answer_t *answer,
    const char *member, ctl_show_pt show)
{
    int  rc;

    rc = (answer->status / 100 == 2 && show != NULL) ? CTL_OK : CTL_REFUSED;

    if (rc == CTL_OK && !ctl_is_ours(answer->json, member)) {
        ctl_foreign(options, answer);
        rc = CTL_UNREACHABLE;

    } else if (options->json) {
        fputs(answer->body, stdout);

        if (answer->body[answer->len - 1] != '\n') {
            putchar('\n');
        }

    } else if (rc == CTL_OK) {
        show(options, answer->json);

    } else {
        ctl_problem(answer);
    }

    ctl_answer_clear(answer);

    return rc;
}


/* another server may take any path, and answer it with JSON of its own */

bool
ctl_is_ours(json_object *json, const char *member)
{
    return member == NULL ? json_object_is_type(json, json_type_array)
                          : json_object_object_get_ex(json, member, NULL);
}


void
ctl_foreign(const ctl_options_t *options, const ctl_answer_t *answer)
{
    ctl_error("%s answers, with %ld, but is no admin port of Ficus",
              options->url, answer->status);
}


static void
ctl_problem(const ctl_answer_t *answer)
{
    size_t        i;
    const char   *detail;
    json_object  *errors, *error, *value;

    detail = ctl_get_text(answer->json, "detail");
    ctl_error("refused with %ld: %s%s", answer->status, detail,
              ctl_hint(answer->status, detail));

    errors = ctl_get_array(answer->json, "errors");

    for (i = 0; errors != NULL && i < json_object_array_length(errors); i++) {
        error = json_object_array_get_idx(errors, i);

        fprintf(stderr, "  %s: %s", ctl_get_text(error, "field"),
                ctl_get_text(error, "message"));

        /* of a member that nobody knows the value is not at fault */

        if (strcmp(ctl_get_text(error, "code"), "unknown") != 0
            && json_object_object_get_ex(error, "value", &value))
        {
            fprintf(stderr, ", not %s", json_object_to_json_string(value));
        }

        fputc('\n', stderr);
    }
}


/* what to do about it, where that is always the same */

static const char *
ctl_hint(long status, const char *detail)
{
    switch (status) {

    case 401:
        return "; --token-file=FILE sends it";

    case 404:
        return strncmp(detail, "there is no split", 17) == 0
               ? "; ficusctl status lists them"
               : strncmp(detail, "there is nothing", 16) == 0
               ? "; is this the admin port?" : "";

    case 500:
        return "; the error log of nginx has the cause";

    case 412:
        return "; ficusctl status shows it, history who has made it";

    default:
        return "";
    }
}


void
ctl_error(const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    fputs("ficusctl: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}
