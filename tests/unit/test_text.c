/* Tokens, decimal numbers, quoted strings. */
#include "ir/formats/number_int.h"
#include "ir/formats/sink_int.h"
#include "ir/formats/text/lex_int.h"
#include "ir/ir_int.h"

#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static graft_context *context;
static gr_arena arena;
static gr_lexer lexer;

static void setup(void) {
  context = graft_context_create(NULL);
  gr_arena_init(&arena, context);
}

static void teardown(void) {
  gr_arena_free(&arena);
  graft_context_destroy(context);
}

static void begin(const char *text) { gr_lex_begin(&lexer, context, &arena, "t", text, strlen(text)); }

static void expect(int kind, const char *text) {
  ck_assert_int_eq(lexer.token.kind, kind);
  ck_assert_uint_eq(lexer.token.length, strlen(text));
  ck_assert(memcmp(lexer.token.text, text, lexer.token.length) == 0);
  gr_lex_next(&lexer);
}

START_TEST(tokens_of_the_text_form) {
  begin("%conv.1 = conv2d(%x, _) {stride: [2, -2]}: f32[1, ?] ~3 from \"a\"");
  expect(GR_T_VALUE, "conv.1");
  expect('=', "=");
  expect(GR_T_IDENT, "conv2d");
  expect('(', "(");
  expect(GR_T_VALUE, "x");
  expect(',', ",");
  expect('_', "_");
  expect(')', ")");
  expect('{', "{");
  expect(GR_T_IDENT, "stride");
  expect(':', ":");
  expect('[', "[");
  ck_assert_int_eq(lexer.token.as.i, 2);
  expect(GR_T_INT, "2");
  expect(',', ",");
  ck_assert_int_eq(lexer.token.as.i, -2);
  expect(GR_T_INT, "-2");
  expect(']', "]");
  expect('}', "}");
  expect(':', ":");
  expect(GR_T_IDENT, "f32");
  expect('[', "[");
  expect(GR_T_INT, "1");
  expect(',', ",");
  expect('?', "?");
  expect(']', "]");
  expect('~', "~");
  expect(GR_T_INT, "3");
  expect(GR_T_IDENT, "from");
  expect(GR_T_STRING, "a");
  expect(GR_T_END, "");
}
END_TEST

START_TEST(tokens_of_the_pattern_language) {
  begin("@conv.weight_axis {..$conv} %c.tensors[1..] -> %a->%b == != >= <= < > -inf prepare-qat");
  expect(GR_T_FAMILY, "conv.weight_axis");
  expect('{', "{");
  expect(GR_T_DOTS, "..");
  expect(GR_T_CAPTURE, "conv");
  expect('}', "}");
  expect(GR_T_VALUE, "c.tensors");
  expect('[', "[");
  expect(GR_T_INT, "1");
  expect(GR_T_DOTS, "..");
  expect(']', "]");
  expect(GR_T_ARROW, "->");
  expect(GR_T_VALUE, "a");
  expect(GR_T_ARROW, "->");
  expect(GR_T_VALUE, "b");
  expect(GR_T_EQ, "==");
  expect(GR_T_NE, "!=");
  expect(GR_T_GE, ">=");
  expect(GR_T_LE, "<=");
  expect('<', "<");
  expect('>', ">");
  ck_assert(isinf(lexer.token.as.f) && lexer.token.as.f < 0);
  expect(GR_T_FLOAT, "-inf");
  expect(GR_T_IDENT, "prepare-qat");
  expect(GR_T_END, "");
}
END_TEST

START_TEST(lines_and_columns) {
  begin("# first\n  a b # c\n\n\tc");
  ck_assert(lexer.token.line_start);
  ck_assert_uint_eq(lexer.token.line, 2);
  ck_assert_uint_eq(lexer.token.column, 3);
  ck_assert(lexer.token.source[2] == 'a');
  expect(GR_T_IDENT, "a");
  ck_assert(!lexer.token.line_start);
  ck_assert_uint_eq(lexer.token.column, 5);
  expect(GR_T_IDENT, "b");
  ck_assert(lexer.token.line_start);
  ck_assert_uint_eq(lexer.token.line, 4);
  ck_assert_uint_eq(lexer.token.column, 2);
  expect(GR_T_IDENT, "c");
}
END_TEST

START_TEST(strings_decode_and_encode) {
  begin("\"a\\n\\t\\\"\\\\\\x00\\xfe\" %\"two words\" @\"g\"");
  ck_assert_uint_eq(lexer.token.length, 7);
  ck_assert(memcmp(lexer.token.text, "a\n\t\"\\\0\xfe", 7) == 0);
  gr_lex_next(&lexer);
  expect(GR_T_VALUE, "two words");
  expect(GR_T_FAMILY, "g");
  gr_sink sink;
  gr_sink_init(&sink, context);
  gr_sink_quoted(&sink, "a\n\"\\\0\xfe\xc3\xa9\xed\xa0\x80\x7f", 12);
  gr_sink_write(&sink, "", 1);
  ck_assert_str_eq(sink.bytes.data, "\"a\\n\\\"\\\\\\x00\\xfe\xc3\xa9\\xed\\xa0\\x80\\x7f\"");
  begin(sink.bytes.data);
  ck_assert_uint_eq(lexer.token.length, 12);
  gr_sink_free(&sink);
}
END_TEST

static const struct {
  const char *text, *message;
} wrong[] = {
    {"\"abc", "string without an end"},
    {"\"abc\n\"", "string without an end"},
    {"\"abc\\", "string without an end"},
    {"\"\\q\"", "unknown escape: \\n \\t \\r \\0 \\\\ \\\" and \\xHH are known"},
    {"\"\\x1\"", "unknown escape: \\n \\t \\r \\0 \\\\ \\\" and \\xHH are known"},
    {"9223372036854775808", "integer does not fit in 64 bits"},
    {"-9223372036854775809", "integer does not fit in 64 bits"},
    {"99999999999999999999999999", "integer does not fit in 64 bits"},
    {"0x", "hexadecimal digits expected"},
    {"0x12345678901234567", "number does not fit in 64 bits"},
    {"1e400", "number does not fit a double"},
    {"12ab", "letter in a number"},
    {"% x", "a name expected after %"},
    {"@", "a name expected after @ or $"},
    {"$\"a\"", "a name expected after @ or $"},
    {"`", "unexpected character"},
    {"\x01", "unexpected character"},
};

START_TEST(wrong_tokens_are_errors) {
  begin(wrong[_i].text);
  ck_assert_int_eq(lexer.token.kind, GR_T_ERROR);
  gr_lex_next(&lexer);
  ck_assert(!gr_lex_expect(&lexer, '(', NULL));
  ck_assert_uint_eq(graft_diagnostic_count(context), 1); /* one message, whatever the parser does then */
  ck_assert_str_eq(graft_diagnostic_get(context, 0).message, wrong[_i].message);
}
END_TEST

START_TEST(extreme_integers) {
  begin("-9223372036854775808 9223372036854775807 0xffffffffffffffff -0");
  ck_assert_int_eq(lexer.token.as.i, INT64_MIN);
  gr_lex_next(&lexer);
  ck_assert_int_eq(lexer.token.as.i, INT64_MAX);
  gr_lex_next(&lexer);
  ck_assert_int_eq(lexer.token.as.i, -1);
  gr_lex_next(&lexer);
  ck_assert_int_eq(lexer.token.as.i, 0);
}
END_TEST

START_TEST(plain_names) {
  static const char *const plain[] = {"a", "layer1.0/conv-2$x", "7", "_"};
  static const char *const quoted[] = {"", "a b", "a..b", "a.", "a-", "a:b", "a\"", "\xc3\xa9"};
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
    ck_assert_msg(gr_lex_plain_name(plain[i], strlen(plain[i])), "%s", plain[i]);
  for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++)
    ck_assert_msg(!gr_lex_plain_name(quoted[i], strlen(quoted[i])), "%s", quoted[i]);
}
END_TEST

/* ---- numbers ---- */

static double parse(const char *text) {
  double v = -1;
  ck_assert_msg(gr_number_parse(text, strlen(text), &v), "%s", text);
  return v;
}

START_TEST(numbers_parse_to_the_nearest_double) {
  static const char *const cases[] = {"0.1",
                                      "1e23",
                                      "9007199254740993",
                                      "1.7976931348623157e308",
                                      "5e-324",
                                      "2.2250738585072011e-308",
                                      "1e-400",
                                      "123456.789e3",
                                      "0.30000000000000004",
                                      "8.98846567431158e307",
                                      "1e22",
                                      "1e-22",
                                      "4.35",
                                      "9007199254740992.999999999999999999999999",
                                      "0.000000000000000000000000000000000000000000000000001",
                                      "179769313486231580793728971405301e276"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    ck_assert_msg(parse(cases[i]) == strtod(cases[i], NULL), "%s", cases[i]);
  ck_assert(signbit(parse("-0.0")));
  ck_assert(isnan(parse("nan")));
  double v;
  static const char *const none[] = {"", "-", ".", "e5", "1e", "1e+", "1.2.3", "infinity", "-nan", "+1", "0x1p3", "1 "};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    ck_assert_msg(!gr_number_parse(none[i], strlen(none[i]), &v), "%s", none[i]);
}
END_TEST

START_TEST(a_thousand_digits_round_correctly) {
  /* 1 + 2^-53 is half way between two doubles; one more digit far behind decides. */
  char text[1200] = "1.00000000000000011102230246251565404236316680908203125";
  ck_assert(parse(text) == 1.0);
  size_t n = strlen(text);
  memset(text + n, '0', 1000);
  text[n + 1000] = '1';
  text[n + 1001] = '\0';
  ck_assert(parse(text) > 1.0);
}
END_TEST

static const char *print(double v, bool single) {
  static char text[GR_NUMBER_SIZE];
  gr_number_format(text, v, single);
  return text;
}

START_TEST(numbers_print_short) {
  ck_assert_str_eq(print(0.1, false), "0.1");
  ck_assert_str_eq(print((double)0.1f, true), "0.1");
  ck_assert_str_eq(print((double)0.1f, false), "0.10000000149011612");
  ck_assert_str_eq(print(1e-05, false), "1e-05");
  ck_assert_str_eq(print(1.1920928955078125e-07, false), "1.1920928955078125e-07");
  ck_assert_str_eq(print(0.0001, false), "0.0001");
  ck_assert_str_eq(print(2, true), "2.0");
  ck_assert_str_eq(print(-0.0, true), "-0.0");
  ck_assert_str_eq(print(1e15, false), "1000000000000000.0");
  ck_assert_str_eq(print(1e16, false), "1e+16");
  ck_assert_str_eq(print(1.5e300, false), "1.5e+300");
  ck_assert_str_eq(print(5e-324, false), "5e-324");
  ck_assert_str_eq(print((double)3.4028235e38f, true), "3.4028235e+38");
  ck_assert_str_eq(print((double)INFINITY, true), "inf");
  ck_assert_str_eq(print(-(double)INFINITY, false), "-inf");
  ck_assert_str_eq(print((double)NAN, true), "nan");
  ck_assert_str_eq(print(123456789.0, false), "123456789.0");
}
END_TEST

static uint64_t random_state = 1;
static uint64_t random_bits(void) { return gr_mix(random_state += 0x9e3779b97f4a7c15u); }

START_TEST(numbers_survive_the_round_trip) {
  for (int i = 0; i < 200000; i++) {
    uint64_t bits = random_bits();
    double d;
    float f;
    memcpy(&d, &bits, sizeof d);
    memcpy(&f, &bits, sizeof f);
    if (i % 2) { /* of everyday size */
      d = (double)(int64_t)bits * 0x1p-63;
      f = (float)d;
    }
    if (isfinite(d)) ck_assert_msg(parse(print(d, false)) == d, "%a", d);
    if (isfinite(f)) ck_assert_msg((float)parse(print((double)f, true)) == f, "%a", (double)f);
  }
}
END_TEST

/* The decimal point is a point, whatever the process's locale. */
START_TEST(numbers_know_no_locale) {
  static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
  for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
    if (!setlocale(LC_ALL, locales[i])) continue;
    ck_assert_str_eq(print(1.1920928955078125e-07, false), "1.1920928955078125e-07");
    ck_assert(parse("179769313486231580793728971405301.5e0") == 1.7976931348623158e32);
  }
  setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(the_sink_writes_integers_and_formats) {
  gr_sink sink;
  gr_sink_init(&sink, context);
  gr_sink_int(&sink, INT64_MIN);
  gr_sink_text(&sink, " ");
  gr_sink_int(&sink, 0);
  gr_sink_format(&sink, " %s-%d ", "a", 7);
  gr_sink_float(&sink, 0.5, true);
  gr_sink_write(&sink, "", 1);
  ck_assert_str_eq(sink.bytes.data, "-9223372036854775808 0 a-7 0.5");
  gr_sink_free(&sink);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("text");
  TCase *tests = tcase_create("text");
  tcase_set_timeout(tests, 60); /* a loaded machine is no failure */
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, tokens_of_the_text_form);
  tcase_add_test(tests, tokens_of_the_pattern_language);
  tcase_add_test(tests, lines_and_columns);
  tcase_add_test(tests, strings_decode_and_encode);
  tcase_add_loop_test(tests, wrong_tokens_are_errors, 0, (int)(sizeof wrong / sizeof *wrong));
  tcase_add_test(tests, extreme_integers);
  tcase_add_test(tests, plain_names);
  tcase_add_test(tests, numbers_parse_to_the_nearest_double);
  tcase_add_test(tests, a_thousand_digits_round_correctly);
  tcase_add_test(tests, numbers_print_short);
  tcase_add_test(tests, numbers_survive_the_round_trip);
  tcase_add_test(tests, numbers_know_no_locale);
  tcase_add_test(tests, the_sink_writes_integers_and_formats);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
