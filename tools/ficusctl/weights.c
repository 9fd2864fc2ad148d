
/*
 * Copyright (C) Ficus authors
 */


#include <stdlib.h>
#include <string.h>

#include "ctl.h"


#define CTL_NUMBER_MAX  32


/* v1=30,v2=70; NULL: it was said what is wrong */

json_object *
ctl_weights(const char *text)
{
    size_t        len;
    json_object  *weights;

    weights = json_object_new_object();

    do {
        len = strcspn(text, ",");

        if (!ctl_weights_add(weights, text, len)) {
            json_object_put(weights);
            return NULL;
        }

        text += len + (text[len] == ',');
    } while (*text != '\0');

    return weights;
}


bool
ctl_weights_add(json_object *weights, const char *text, size_t len)
{
    bool          added;
    char         *arm;
    size_t        name;
    const char   *equals;
    json_object  *weight;

    equals = memchr(text, '=', len);
    name = (equals != NULL) ? (size_t) (equals - text) : 0;
    weight = (name > 0) ? ctl_number(equals + 1, len - name - 1) : NULL;

    if (weight == NULL) {
        ctl_error("\"%.*s\" is not ARM=WEIGHT, such as v1=40", (int) len,
                  text);
        return false;
    }

    arm = strndup(text, name);
    added = false;

    if (arm == NULL) {
        ctl_error("out of memory");

    } else if (json_object_object_get_ex(weights, arm, NULL)) {
        ctl_error("%s has two weights", arm);

    } else {
        (void) json_object_object_add(weights, arm, json_object_get(weight));
        added = true;
    }

    json_object_put(weight);
    free(arm);

    return added;
}


/*
 * A JSON number as it was typed, which the server judges; NULL if it is no
 * number at all.
 */

json_object *
ctl_number(const char *text, size_t len)
{
    char         number[CTL_NUMBER_MAX];
    size_t       whole, part;
    const char  *p;

    if (len >= sizeof(number)) {
        return NULL;
    }

    memcpy(number, text, len);
    number[len] = '\0';

    p = number + (number[0] == '-');
    whole = strspn(p, "0123456789");
    p += whole;

    if (*p == '.') {
        part = strspn(p + 1, "0123456789");
        p += 1 + part;

        if (part == 0) {
            return NULL;
        }
    }

    if (whole == 0 || p != number + len) {
        return NULL;
    }

    return json_object_new_double_s(strtod(number, NULL), number);
}
