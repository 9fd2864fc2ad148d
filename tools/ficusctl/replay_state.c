
/*
 * Copyright (C) Ficus authors
 */


#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"


#define CTL_HUNDREDTHS  100


static int ctl_split_ask(ctl_split_t *split, const ctl_options_t *options,
    const char *name);
static int ctl_split_only(const ctl_options_t *options, char **name);
static const char *ctl_split_read(ctl_split_t *split);
static const char *ctl_split_arms(ctl_split_t *split, json_object *json);
static int ctl_split_arm(const ctl_split_t *split, const char *name);
static const char *ctl_split_slots(ctl_split_t *split, json_object *json);
static const char *ctl_split_salt(ctl_split_t *split, const char *hex);
static void ctl_split_sources(ctl_split_t *split, json_object *json);
static bool ctl_split_weight(ctl_split_t *split, const char *name,
    json_object *value, unsigned *sum);
static int ctl_split_capture(ctl_split_t *split, const char *regex,
    unsigned source, const char *name);


int
ctl_split_load(ctl_split_t *split, const ctl_options_t *options,
    const char *name)
{
    int          rc;
    const char  *file, *wrong;

    file = options->extra[CTL_OPT_STATE];

    if (file != NULL) {
        split->answer.json = json_object_from_file(file);

        if (split->answer.json == NULL) {
            ctl_error("%s can't be read, or is no JSON", file);
            return CTL_USAGE;
        }

    } else {
        rc = ctl_split_ask(split, options, name);

        if (rc != CTL_OK) {
            return rc;
        }
    }

    wrong = ctl_split_read(split);

    if (wrong != NULL) {
        ctl_error("%s is not what ficusctl --json slots prints: %s",
                  file != NULL ? file : "the answer", wrong);
        return CTL_USAGE;
    }

    if (name != NULL && strcmp(name, split->name) != 0) {
        ctl_error("%s is of the split %s, not %s", file, split->name, name);
        return CTL_USAGE;
    }

    return CTL_OK;
}


static int
ctl_split_ask(ctl_split_t *split, const ctl_options_t *options,
    const char *name)
{
    int    rc;
    char  *only;

    only = NULL;

    if (name == NULL) {
        rc = ctl_split_only(options, &only);

        if (rc != CTL_OK) {
            return rc;
        }
    }

    rc = ctl_call(options, "GET",
                  ctl_path("splits/%s/slots", name != NULL ? name : only),
                  NULL, false, &split->answer);
    free(only);

    if (rc == CTL_OK && split->answer.status != 200) {
        rc = ctl_answer(options, &split->answer, NULL, NULL);
    }

    return rc;
}


/* without a name it is the only split that there is */

static int
ctl_split_only(const ctl_options_t *options, char **name)
{
    int           rc;
    ctl_answer_t  answer;

    rc = ctl_call(options, "GET", ctl_path("splits"), NULL, false, &answer);

    if (rc != CTL_OK) {
        return rc;
    }

    if (answer.status != 200) {
        return ctl_answer(options, &answer, NULL, NULL);
    }

    if (!json_object_is_type(answer.json, json_type_array)
        || json_object_array_length(answer.json) != 1)
    {
        ctl_error("which split? ficusctl status lists them");
        rc = CTL_USAGE;

    } else {
        *name = strdup(ctl_get_text(json_object_array_get_idx(answer.json, 0),
                                    "name"));

        if (*name == NULL) {
            ctl_error("out of memory");
            rc = CTL_REFUSED;
        }
    }

    ctl_answer_clear(&answer);

    return rc;
}


/* what is wrong with it, or NULL */

static const char *
ctl_split_read(ctl_split_t *split)
{
    const char   *wrong;
    json_object  *json;

    json = split->answer.json;

    if (!json_object_is_type(json, json_type_object)) {
        return "it is no object";
    }

    if (strcmp(ctl_get_text(json, "hash"), "murmur2") != 0) {
        return "the hash is not murmur2";
    }

    split->name = ctl_get_text(json, "split");
    split->generation = ctl_get_int(json, "generation");

    wrong = ctl_split_arms(split, json);

    if (wrong == NULL) {
        wrong = ctl_split_slots(split, json);
    }

    if (wrong == NULL) {
        wrong = ctl_split_salt(split, ctl_get_text(json, "salt"));
    }

    if (wrong == NULL) {
        ctl_split_sources(split, json);
    }

    return wrong;
}


static const char *
ctl_split_arms(ctl_split_t *split, json_object *json)
{
    int           baseline;
    size_t        i, n;
    double        weight;
    json_object  *arms, *arm;

    arms = ctl_get_array(json, "arms");
    n = (arms != NULL) ? json_object_array_length(arms) : 0;

    if (n == 0 || n > NGX_HTTP_STRANGLER_ARMS) {
        return "it has no arms, or too many";
    }

    split->now.narms = (unsigned) n;

    for (i = 0; i < n; i++) {
        arm = json_object_array_get_idx(arms, i);
        weight = ctl_get_number(arm, "configured");

        if (!(weight >= 0 && weight <= 100)) {
            return "a weight is out of range";
        }

        split->arms[i] = ctl_get_text(arm, "name");
        split->now.weight[i] = (uint16_t) (weight * CTL_HUNDREDTHS + 0.5);
    }

    baseline = ctl_split_arm(split, ctl_get_text(json, "baseline"));

    if (baseline == -1) {
        return "the baseline is none of the arms";
    }

    split->now.baseline = (unsigned) baseline;
    split->then = split->now;

    return NULL;
}


static int
ctl_split_arm(const ctl_split_t *split, const char *name)
{
    unsigned  i;

    for (i = 0; i < split->now.narms; i++) {
        if (strcmp(split->arms[i], name) == 0) {
            return (int) i;
        }
    }

    return -1;
}


static const char *
ctl_split_slots(ctl_split_t *split, json_object *json)
{
    int           arm;
    size_t        i, n;
    int64_t       first, count, at;
    json_object  *runs, *run;

    runs = ctl_get_array(json, "slots");
    n = (runs != NULL) ? json_object_array_length(runs) : 0;

    for (i = 0, at = 0; i < n; i++) {
        run = json_object_array_get_idx(runs, i);
        first = ctl_get_int(run, "first");
        count = ctl_get_int(run, "count");
        arm = ctl_split_arm(split, ctl_get_text(run, "arm"));

        if (arm == -1 || first != at || count < 1
            || count > NGX_HTTP_STRANGLER_SLOTS - at)
        {
            return "the slots do not follow each other";
        }

        memset(&split->slot[at], arm, (size_t) count);
        at += count;
    }

    return at == NGX_HTTP_STRANGLER_SLOTS ? NULL : "slots are missing";
}


static const char *
ctl_split_salt(ctl_split_t *split, const char *hex)
{
    char    byte[3];
    size_t  i;

    split->salt_len = strlen(hex) / 2;
    split->salt = malloc(split->salt_len + 1);

    if (split->salt == NULL) {
        return "out of memory";
    }

    if (strlen(hex) % 2 != 0
        || strspn(hex, "0123456789abcdef") != strlen(hex))
    {
        return "the salt is not hexadecimal";
    }

    for (i = 0; i < split->salt_len; i++) {
        memcpy(byte, &hex[2 * i], 2);
        byte[2] = '\0';
        split->salt[i] = (unsigned char) strtoul(byte, NULL, 16);
    }

    return NULL;
}


static void
ctl_split_sources(ctl_split_t *split, json_object *json)
{
    size_t        i, n;
    json_object  *sources, *source;

    sources = ctl_get_array(json, "key_sources");
    n = (sources != NULL) ? json_object_array_length(sources) : 0;
    n = (n > CTL_REPLAY_SOURCES) ? CTL_REPLAY_SOURCES : n;

    for (i = 0; i < n; i++) {
        source = json_object_array_get_idx(sources, i);
        split->sources[i] = json_object_get_string(source);
    }

    split->nsources = n;
}


/* v1=30,v2=70, every arm, and the table that they make */

int
ctl_split_weights(ctl_split_t *split, const char *text)
{
    unsigned                     given, sum;
    json_object                 *weights;
    struct json_object_iterator  it, end;

    weights = ctl_weights(text);

    if (weights == NULL) {
        return CTL_USAGE;
    }

    given = 0;
    sum = 0;
    it = json_object_iter_begin(weights);
    end = json_object_iter_end(weights);

    while (!json_object_iter_equal(&it, &end)) {
        if (!ctl_split_weight(split, json_object_iter_peek_name(&it),
                              json_object_iter_peek_value(&it), &sum))
        {
            json_object_put(weights);
            return CTL_USAGE;
        }

        json_object_iter_next(&it);
        given++;
    }

    json_object_put(weights);

    if (given != split->then.narms || sum != NGX_HTTP_STRANGLER_SLOTS) {
        ctl_error("--weights must have all %u arms and add up to 100, not "
                  "%.10g", split->then.narms, (double) sum / CTL_HUNDREDTHS);
        return CTL_USAGE;
    }

    memcpy(split->next, split->slot, sizeof(split->next));
    ngx_http_strangler_table_apply(split->next, &split->then);

    return CTL_OK;
}


static bool
ctl_split_weight(ctl_split_t *split, const char *name, json_object *value,
    unsigned *sum)
{
    int     arm;
    double  weight;

    arm = ctl_split_arm(split, name);
    weight = json_object_get_double(value) * CTL_HUNDREDTHS;

    if (arm == -1) {
        ctl_error("%s is no arm of %s", name, split->name);
        return false;
    }

    if (weight < 0 || weight > NGX_HTTP_STRANGLER_SLOTS
        || fabs(weight - round(weight)) > 1e-6)
    {
        ctl_error("%s=%s is no weight, 0 to 100 with at most two decimals",
                  name, json_object_get_string(value));
        return false;
    }

    split->then.weight[arm] = (uint16_t) lround(weight);
    *sum += split->then.weight[arm];

    return true;
}


/* those of the state, or one that was given instead */

int
ctl_split_captures(ctl_split_t *split, const char *regex)
{
    int           rc;
    size_t        i, n;
    unsigned      source;
    json_object  *paths, *path;

    if (regex != NULL) {

        if (split->nsources < CTL_REPLAY_SOURCES) {
            split->sources[split->nsources++] = "--key";
        }

        return ctl_split_capture(split, regex,
                                 (unsigned) split->nsources - 1, NULL);
    }

    paths = ctl_get_array(split->answer.json, "paths");
    n = (paths != NULL) ? json_object_array_length(paths) : 0;
    n = (n > CTL_REPLAY_PATHS) ? CTL_REPLAY_PATHS : n;

    for (i = 0; i < n; i++) {
        path = json_object_array_get_idx(paths, i);

        for (source = 0; source < split->nsources; source++) {

            if (strcmp(split->sources[source], ctl_get_text(path, "source"))
                != 0)
            {
                continue;
            }

            rc = ctl_split_capture(split, ctl_get_text(path, "regex"), source,
                                   split->sources[source] + 1);

            if (rc != CTL_OK) {
                return rc;
            }
        }
    }

    return CTL_OK;
}


/* the group of that name, or the first one */

static int
ctl_split_capture(ctl_split_t *split, const char *regex, unsigned source,
    const char *name)
{
    int             error, number;
    uint32_t        count;
    PCRE2_SIZE      at;
    ctl_capture_t  *c;
    unsigned char   text[128];

    c = &split->captures[split->ncaptures];
    c->source = source;
    c->code = pcre2_compile((PCRE2_SPTR) regex, PCRE2_ZERO_TERMINATED, 0,
                            &error, &at, NULL);

    if (c->code == NULL) {
        (void) pcre2_get_error_message(error, text, sizeof(text));
        ctl_error("\"%s\" is no regular expression: %s", regex, text);
        return CTL_USAGE;
    }

    split->ncaptures++;

    c->match = pcre2_match_data_create_from_pattern(c->code, NULL);
    (void) pcre2_jit_compile(c->code, PCRE2_JIT_COMPLETE);
    (void) pcre2_pattern_info(c->code, PCRE2_INFO_CAPTURECOUNT, &count);

    number = (name == NULL) ? 1
             : pcre2_substring_number_from_name(c->code, (PCRE2_SPTR) name);

    if (c->match == NULL || number < 1 || (uint32_t) number > count) {
        ctl_error("\"%s\" captures no key, as (...) does", regex);
        return CTL_USAGE;
    }

    c->capture = (uint32_t) number;

    return CTL_OK;
}


bool
ctl_split_moves(const ctl_split_t *split, unsigned bucket)
{
    return split->slot[bucket] != split->next[bucket];
}


void
ctl_split_clear(ctl_split_t *split)
{
    size_t  i;

    for (i = 0; i < split->ncaptures; i++) {
        pcre2_match_data_free(split->captures[i].match);
        pcre2_code_free(split->captures[i].code);
    }

    free(split->salt);
    ctl_answer_clear(&split->answer);
}
