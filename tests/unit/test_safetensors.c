/* .safetensors: bounds, holes, overlaps, and that what we write reads back. */
#include "ir/formats/file_int.h"
#include "ir/formats/safetensors_int.h"
#include "scratch.h"

static graft_context *context;

static void setup(void) {
  context = graft_context_create(NULL);
  scratch_create();
}

static void teardown(void) {
  scratch_destroy();
  graft_context_destroy(context);
}

static char seen[256];

static graft_status note(void *user, const char *name, const graft_type *type, const void *data, size_t size) {
  unsigned sum = 0;
  for (size_t i = 0; i < size; i++) sum += ((const unsigned char *)data)[i];
  size_t at = strlen(seen);
  snprintf(seen + at, sizeof seen - at, "%s:%s/%d=%u;", name, graft_dtype_name(type->dtype), type->rank, sum);
  return *(graft_status *)user;
}

static graft_status parse_bytes(const void *bytes, size_t size) {
  gr_buffer *b = gr_buffer_create(context, size);
  if (size) memcpy(b->data, bytes, size);
  graft_status result = GRAFT_OK;
  seen[0] = '\0';
  graft_diagnostics_clear(context);
  graft_status status = gr_safetensors_parse(context, b, "a.safetensors", note, &result);
  ck_assert((status == GRAFT_OK) != graft_context_has_errors(context));
  gr_buffer_release(context, b);
  return status;
}

static size_t make(char *out, const char *header, const void *data, size_t size) {
  uint64_t length = strlen(header);
  memcpy(out, &length, 8);
  memcpy(out + 8, header, length);
  memcpy(out + 8 + length, data, size);
  return 8 + (size_t)length + size;
}

static graft_status parse(const char *header, const char *data) {
  char bytes[1024];
  return parse_bytes(bytes, make(bytes, header, data, strlen(data)));
}

START_TEST(tensors_come_in_file_order) {
  ck_assert_int_eq(
      parse("{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]},\"__metadata__\":{\"k\":\"v\"},"
            "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
            "\"e\":{\"dtype\":\"I64\",\"shape\":[0,3],\"data_offsets\":[6,6]}}  ",
            "\1\1\1\1\2\3"),
      GRAFT_OK);
  ck_assert_str_eq(seen, "a:f32/0=4;b:u8/1=5;e:i64/2=0;");
  ck_assert_int_eq(parse("{}", ""), GRAFT_OK);
}
END_TEST

START_TEST(bad_files) {
  static const struct {
    const char *header, *data;
  } files[] = {
      {"", ""},
      {"[]", ""},
      {"{\"a\":1}", ""},
      {"{} x", ""},
      {"{}", "x"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", "x"},  /* past the end */
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", "xy"}, /* a hole */
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", "xy"}, /* a hole at the end */
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
       "xyz"}, /* an overlap */
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
       "x"}, /* twice */
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", "x"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}}", "x"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", "x"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1.0]}}", "x"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", "x"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", "x"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", "x"},
      {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,2]}}", "xy"},
      {"{\"a\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}", "x"},
      {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", "x"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,2]}}", "xy"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", "x"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967297],\"data_offsets\":[0,1]}}", "x"},
      {"{\"a\":{\"dtype\":\"I64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}}", ""},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,99999999999999999999]}}", "x"},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    ck_assert_msg(parse(files[i].header, files[i].data) != GRAFT_OK, "%s", files[i].header);
  ck_assert_int_eq(parse_bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10), GRAFT_FORMAT);
  ck_assert_int_eq(parse_bytes("\3\0\0\0\0\0\0\0{}", 10), GRAFT_FORMAT);
}
END_TEST

START_TEST(truncations_and_flips) {
  char bytes[512];
  size_t size = make(bytes,
                     "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[8,9]}}",
                     "123456789", 9);
  ck_assert_int_eq(parse_bytes(bytes, size), GRAFT_OK);
  for (size_t cut = 0; cut < size; cut++) ck_assert_int_ne(parse_bytes(bytes, cut), GRAFT_OK);
  for (size_t bit = 0; bit < size * 8; bit++) {
    bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
    parse_bytes(bytes, size);
    bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
  }
}
END_TEST

START_TEST(written_files_read_back) {
  graft_module *m = graft_module_create(context);
  graft_tensor t[3];
  graft_type bytes3 = graft_type_make(GRAFT_I8, 1, (int64_t[]){3}),
             pair = graft_type_make(GRAFT_F64, 1, (int64_t[]){2}), scalar = graft_type_make(GRAFT_BOOL, 0, NULL);
  t[0] = graft_tensor_create(m, "odd \"name\" \xc3\xa9", GRAFT_CONSTANT, &bytes3, "\1\2\3");
  t[1] = graft_tensor_fill(m, "w", GRAFT_PARAMETER, &pair, 0, 0);
  t[2] = graft_tensor_create(m, "flag", GRAFT_BUFFER, &scalar, "\1");
  ck_assert_int_eq(gr_safetensors_write(m, scratch_path("a.safetensors"), t, 3, NULL), GRAFT_OK);
  gr_buffer *b = gr_file_read(context, scratch_path("a.safetensors"), false);
  ck_assert_ptr_nonnull(b);
  graft_status result = GRAFT_OK;
  seen[0] = '\0';
  ck_assert_int_eq(gr_safetensors_parse(context, b, "a", note, &result), GRAFT_OK);
  ck_assert_str_eq(seen, "w:f64/1=0;odd \"name\" \xc3\xa9:i8/1=6;flag:bool/0=1;");
  uint64_t header;
  memcpy(&header, b->data, 8);
  ck_assert_uint_eq(header % 8, 0);
  seen[0] = '\0';
  result = GRAFT_NAME; /* a visitor's refusal ends the walk and is handed on */
  ck_assert_int_eq(gr_safetensors_parse(context, b, "a", note, &result), GRAFT_NAME);
  ck_assert_str_eq(seen, "w:f64/1=0;");
  gr_buffer_release(context, b);

  ck_assert_int_eq(gr_safetensors_write(m, scratch_path("none.safetensors"), NULL, 0, NULL), GRAFT_OK);
  graft_tensor bad = graft_tensor_create(m, "\xff", GRAFT_CONSTANT, &bytes3, "abc");
  ck_assert_int_eq(gr_safetensors_write(m, scratch_path("bad.safetensors"), &bad, 1, NULL), GRAFT_UNSUPPORTED);
  ck_assert_int_eq(access(scratch_path("bad.safetensors"), F_OK), -1);
  graft_module_destroy(m);
}
END_TEST

int main(void) {
  Suite *s = suite_create("safetensors");
  TCase *t = tcase_create("safetensors");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, tensors_come_in_file_order);
  tcase_add_test(t, bad_files);
  tcase_add_test(t, truncations_and_flips);
  tcase_add_test(t, written_files_read_back);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
