
/*
 * Copyright (C) Ficus authors
 */


/* The records of FastCGI 1.0, byte by byte. */


#include "fcgi_client.h"
#include "fig_fcgi_record.h"
#include "unit.h"
#include <string.h>


START_TEST(test_record)
{
    fig_fcgi_record_t  record;
    unsigned char      bytes_out[FIG_FCGI_END];

    fig_fcgi_record_encode(bytes_out, FIG_FCGI_STDOUT, 0x1234, 65535);
    ck_assert_mem_eq(bytes_out, "\1\6\x12\x34\xff\xff\0\0", 8);

    fig_fcgi_end_encode(bytes_out, 0x1234, FIG_FCGI_OVERLOADED);
    ck_assert_mem_eq(bytes_out, "\1\3\x12\x34\0\x8\0\0\0\0\0\0\2\0\0\0", 16);

    fig_fcgi_record_decode((const unsigned char *)
                           "\1\4\xff\1\x80\x02\xff\x55", &record);
    ck_assert_uint_eq(record.version, 1);
    ck_assert_uint_eq(record.type, FIG_FCGI_PARAMS);
    ck_assert_uint_eq(record.id, 0xff01);
    ck_assert_uint_eq(record.length, 0x8002);
    ck_assert_uint_eq(record.padding, 255);
}
END_TEST


START_TEST(test_pairs)
{
    char         value[200];
    fig_buf_t    out;
    fig_str_t    rest;
    fig_param_t  pair;

    memset(value, 'v', sizeof(value));
    value[199] = '\0';

    fig_buf_init(&out, 65536);
    fcgi_param(&out, "A", "bc");
    ck_assert_mem_eq(out.data, "\1\2Abc", 5);
    fcgi_param(&out, "", "");
    fcgi_param(&out, "LONG", value);
    ck_assert_mem_eq(out.data + 5, "\0\0\4\x80\0\0\xc7LONGvv", 13);

    rest = fig_buf_view(&out);

    ck_assert_int_eq(fig_fcgi_pair_decode(&rest, &pair), FIG_OK);
    ck_assert(fig_str_eq(pair.name, FIG_STR("A")));
    ck_assert(fig_str_eq(pair.value, FIG_STR("bc")));
    ck_assert_int_eq(fig_fcgi_pair_decode(&rest, &pair), FIG_OK);
    ck_assert_uint_eq(pair.name.len + pair.value.len, 0);
    ck_assert_int_eq(fig_fcgi_pair_decode(&rest, &pair), FIG_OK);
    ck_assert(fig_str_eq(pair.value, fig_str_from(value)));
    ck_assert_int_eq(fig_fcgi_pair_decode(&rest, &pair), FIG_DECLINED);

    fig_buf_clear(&out);
}
END_TEST


START_TEST(test_pairs_broken)
{
    size_t       i;
    fig_str_t    rest;
    fig_param_t  pair;

    static const fig_str_t  texts[] = {
        fig_str("\1"),
        fig_str("\1\1"),
        fig_str("\1\1a"),
        fig_str("\x80"),
        fig_str("\1\x80\0\0"),
        fig_str("\x80\0\0\1\x80\0\0"),
        fig_str("\xff\xff\xff\xff\xff\xff\xff\xff" "ab"),
        fig_str("\0\xff\xff\xff\xff" "ab"),
        fig_str("\2\1ab")
    };

    for (i = 0; i < UNIT_COUNT(texts); i++) {
        rest = texts[i];
        ck_assert_int_eq(fig_fcgi_pair_decode(&rest, &pair), FIG_INVALID);
    }
}
END_TEST


int
main(void)
{
    const TTest *const tests[] = {
        test_record,
        test_pairs,
        test_pairs_broken
    };

    return unit_run("fig_fcgi_record", tests, UNIT_COUNT(tests));
}
