
/*
 * Copyright (C) Ficus authors
 */


#include "fig_config_row.h"
#include <inttypes.h>
#include <string.h>


typedef struct {
    const char  *suffix;
    uint64_t     factor;
} fig_config_unit_t;


static fig_status_t fig_config_parse(const fig_config_t *config,
    const fig_setting_t *row, void *base, const char *value);
static fig_status_t fig_config_string(const fig_config_t *config,
    const fig_setting_t *row, void *base, fig_str_t value);
static fig_status_t fig_config_flag(const fig_setting_t *row, void *base,
    fig_str_t value);
static fig_status_t fig_config_number(const fig_setting_t *row, void *base,
    fig_str_t value);
static const fig_config_unit_t *fig_config_units(fig_config_type_t type);
static void fig_config_amount(fig_buf_t *out, fig_config_type_t type,
    uint64_t n);


/* the greatest first; a bare number is of the last */

static const fig_config_unit_t  fig_config_counts[] = {
    { "", 1 },
    { NULL, 0 }
};


static const fig_config_unit_t  fig_config_bytes[] = {
    { "g", (uint64_t) 1024 * 1024 * 1024 },
    { "m", (uint64_t) 1024 * 1024 },
    { "k", 1024 },
    { "", 1 },
    { NULL, 0 }
};


static const fig_config_unit_t  fig_config_times[] = {
    { "h", (uint64_t) 3600 * 1000 },
    { "m", (uint64_t) 60 * 1000 },
    { "s", 1000 },
    { "ms", 1 },
    { NULL, 0 }
};


static const char  *fig_config_wanted[] = {
    "a text",
    "a number",
    "a size such as 512k or 8m",
    "a time such as 500ms or 10s",
    "on or off"
};


/* what stands between that and the range */

static const char  *fig_config_joints[] = {
    " of ",
    " ",
    ", ",
    ", ",
    ""
};


fig_status_t
fig_config_set(const fig_config_t *config, const fig_setting_t *row,
    void *base, const char *value, const char *where)
{
    fig_buf_t     range;
    fig_status_t  rc;

    rc = fig_config_parse(config, row, base, value);

    if (rc == FIG_OK) {
        return FIG_OK;
    }

    if (rc == FIG_NOMEM) {
        return fig_config_fail(config, "out of memory");
    }

    fig_buf_init(&range, 256);
    fig_config_range(&range, row);

    rc = fig_config_fail(config, "%s \"%s\" must be %s%s%s", where, value,
                         fig_config_wanted[row->type],
                         range.len ? fig_config_joints[row->type] : "",
                         range.len ? range.data : "");

    fig_buf_clear(&range);

    return rc;
}


static fig_status_t
fig_config_parse(const fig_config_t *config, const fig_setting_t *row,
    void *base, const char *value)
{
    fig_str_t  s;

    s = fig_str_from(value);

    switch (row->type) {

    case FIG_CONFIG_STRING:
        return fig_config_string(config, row, base, s);

    case FIG_CONFIG_FLAG:
        return fig_config_flag(row, base, s);

    case FIG_CONFIG_NUMBER:
    case FIG_CONFIG_SIZE:
    case FIG_CONFIG_MSEC:
        break;
    }

    return fig_config_number(row, base, s);
}


static fig_status_t
fig_config_string(const fig_config_t *config, const fig_setting_t *row,
    void *base, fig_str_t value)
{
    fig_str_t  copy;

    if (value.data
        && (value.len < row->min || (row->max && value.len > row->max)))
    {
        return FIG_INVALID;
    }

    copy = fig_arena_dup(config->arena, value);

    if (value.data && copy.data == NULL) {
        return FIG_NOMEM;
    }

    memcpy((char *) base + row->offset, &copy.data, sizeof(copy.data));

    return FIG_OK;
}


static fig_status_t
fig_config_flag(const fig_setting_t *row, void *base, fig_str_t value)
{
    bool  flag;

    flag = fig_str_eq(value, FIG_STR("on"));

    if (!flag && value.data && !fig_str_eq(value, FIG_STR("off"))) {
        return FIG_INVALID;
    }

    memcpy((char *) base + row->offset, &flag, sizeof(flag));

    return FIG_OK;
}


static fig_status_t
fig_config_number(const fig_setting_t *row, void *base, fig_str_t value)
{
    uint64_t                  n, factor;
    fig_str_t                 suffix;
    const fig_config_unit_t  *unit;

    n = 0;

    if (value.data) {

        suffix.data = value.data + strspn(value.data, "0123456789");
        suffix.len = value.len - (size_t) (suffix.data - value.data);
        value.len -= suffix.len;
        factor = 0;

        for (unit = fig_config_units(row->type); unit->suffix; unit++) {

            if (suffix.len == 0
                || (row->type == FIG_CONFIG_MSEC
                    ? fig_str_eq(suffix, fig_str_from(unit->suffix))
                    : fig_str_ieq(suffix, fig_str_from(unit->suffix))))
            {
                factor = unit->factor;
            }
        }

        if (factor == 0
            || fig_str_uint(value, UINT64_MAX / factor, &n) != FIG_OK)
        {
            return FIG_INVALID;
        }

        n *= factor;

        if (n < row->min || (row->max && n > row->max)) {
            return FIG_INVALID;
        }
    }

    memcpy((char *) base + row->offset, &n, sizeof(n));

    return FIG_OK;
}


static const fig_config_unit_t *
fig_config_units(fig_config_type_t type)
{
    if (type == FIG_CONFIG_SIZE) {
        return fig_config_bytes;
    }

    return type == FIG_CONFIG_MSEC ? fig_config_times : fig_config_counts;
}


void
fig_config_range(fig_buf_t *out, const fig_setting_t *row)
{
    bool  text;

    text = (row->type == FIG_CONFIG_STRING);

    if (row->type == FIG_CONFIG_FLAG || (row->min == 0 && row->max == 0)) {
        return;
    }

    if (row->max == 0) {
        fig_buf_puts(out, "at least ");
        fig_config_amount(out, row->type, row->min);

    } else if (row->min == 0) {
        fig_buf_puts(out, "at most ");
        fig_config_amount(out, row->type, row->max);

    } else {
        fig_buf_puts(out, text ? "" : "from ");
        fig_config_amount(out, row->type, row->min);
        fig_buf_puts(out, " to ");
        fig_config_amount(out, row->type, row->max);
    }

    if (text) {
        fig_buf_puts(out, row->min + row->max == 1 ? " byte" : " bytes");
    }
}


/* in the greatest unit that leaves no rest */

static void
fig_config_amount(fig_buf_t *out, fig_config_type_t type, uint64_t n)
{
    const fig_config_unit_t  *unit;

    for (unit = fig_config_units(type); unit->factor > 1; unit++) {
        if (n % unit->factor == 0) {
            break;
        }
    }

    fig_buf_printf(out, "%" PRIu64 "%s", n / unit->factor, unit->suffix);
}
