
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>

#include "ctl.h"


#define CTL_ARM_COLORS  6


const char *
ctl_color(const ctl_options_t *options, int color)
{
    static const char  *codes[] = {
        "\033[0m", "\033[1m", "\033[2m", "\033[31m",
        "\033[34m", "\033[32m", "\033[35m", "\033[33m", "\033[36m", "\033[31m"
    };

    if (!options->color) {
        return "";
    }

    if (color >= CTL_ARMS) {
        color = CTL_ARMS + (color - CTL_ARMS) % CTL_ARM_COLORS;
    }

    return codes[color];
}


/* as wide as it was told to be, in eighths of a character */

void
ctl_bar(const ctl_options_t *options, double share, unsigned width, int color)
{
    unsigned            i, eighths, part;
    static const char  *blocks[] = {
        " ", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a",
        "\u2589", "\u2588"
    };

    share = !(share > 0) ? 0 : (share > 1) ? 1 : share;
    eighths = (unsigned) (share * width * 8 + 0.5);

    /* what is not nothing must not look like it */

    if (eighths == 0 && share > 0) {
        eighths = 1;
    }

    fputs(ctl_color(options, color), stdout);

    for (i = 0; i < width; i++) {
        part = (eighths > i * 8) ? eighths - i * 8 : 0;
        part = (part > 8) ? 8 : part;

        if (options->utf8) {
            fputs(blocks[part], stdout);

        } else {
            putchar(part >= 4 || (i == 0 && part > 0) ? '#' : '.');
        }
    }

    fputs(ctl_color(options, CTL_PLAIN), stdout);
}


const char *
ctl_get_text(json_object *object, const char *name)
{
    json_object  *value;

    if (!json_object_object_get_ex(object, name, &value) || value == NULL) {
        return "";
    }

    return json_object_get_string(value);
}


double
ctl_get_number(json_object *object, const char *name)
{
    json_object  *value;

    if (!json_object_object_get_ex(object, name, &value)) {
        return 0;
    }

    return json_object_get_double(value);
}


int64_t
ctl_get_int(json_object *object, const char *name)
{
    json_object  *value;

    if (!json_object_object_get_ex(object, name, &value)) {
        return 0;
    }

    return json_object_get_int64(value);
}


bool
ctl_get_bool(json_object *object, const char *name)
{
    json_object  *value;

    return json_object_object_get_ex(object, name, &value)
           && json_object_get_boolean(value);
}


/* NULL if there is none */

json_object *
ctl_get_array(json_object *object, const char *name)
{
    json_object  *value;

    if (!json_object_object_get_ex(object, name, &value)
        || !json_object_is_type(value, json_type_array))
    {
        return NULL;
    }

    return value;
}


/* of an array; 0 for what is none */

size_t
ctl_length(json_object *json)
{
    return json_object_is_type(json, json_type_array)
           ? json_object_array_length(json) : 0;
}


const char *
ctl_name(json_object *names, size_t i)
{
    const char                *name;
    static const char *const   letters = "abcdefghijklmnopqrstuvwxyz"
                                         "0123456789-_";

    name = json_object_get_string(json_object_array_get_idx(names, i));

    return name != NULL && name[strspn(name, letters)] == '\0' ? name : "";
}
