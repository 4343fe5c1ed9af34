/* .npy: what numpy writes, in all its versions, and what nobody should believe. */
#include "ir/formats/npy_int.h"
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

/* A file with the given header and data. */
static size_t make(unsigned char *out, int version, const char *header, const void *data, size_t size) {
  size_t length = strlen(header), start = version == 1 ? 10 : 12;
  memcpy(out, "\x93NUMPY", 6);
  out[6] = (unsigned char)version;
  out[7] = 0;
  out[8] = (unsigned char)length;
  out[9] = (unsigned char)(length >> 8);
  if (version > 1) out[10] = out[11] = 0;
  memcpy(out + start, header, length);
  if (size) memcpy(out + start + length, data, size);
  return start + length + size;
}

static graft_type type;
static gr_buffer *buffer;

static graft_status parse(const void *bytes, size_t size) {
  /* A copy of exactly this length, so that the sanitizer sees a step too far. */
  unsigned char *copy = malloc(size ? size : 1);
  if (size) memcpy(copy, bytes, size);
  buffer = NULL;
  graft_diagnostics_clear(context);
  graft_status status = gr_npy_parse(context, copy, size, "a.npy", &type, &buffer);
  free(copy);
  ck_assert((status == GRAFT_OK) == (buffer != NULL));
  ck_assert((status == GRAFT_OK) != graft_context_has_errors(context));
  return status;
}

static graft_status parse_header(const char *header, const void *data, size_t size) {
  unsigned char bytes[512];
  return parse(bytes, make(bytes, 1, header, data, size));
}

START_TEST(versions_and_orders) {
  const float c[6] = {1, 2, 3, 4, 5, 6}, f[6] = {1, 4, 2, 5, 3, 6};
  unsigned char bytes[512];
  for (int version = 1; version <= 3; version++) {
    for (int fortran = 0; fortran < 2; fortran++) {
      const char *header = fortran ? "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }   \n"
                                   : "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
      ck_assert_int_eq(parse(bytes, make(bytes, version, header, fortran ? f : c, sizeof c)), GRAFT_OK);
      ck_assert_int_eq(type.dtype, GRAFT_F32);
      ck_assert_int_eq(type.rank, 2);
      ck_assert_int_eq(type.dims[1], 3);
      ck_assert_mem_eq(buffer->data, c, sizeof c);
      gr_buffer_release(context, buffer);
    }
  }
}
END_TEST

START_TEST(fortran_order_of_three_axes) {
  int16_t c[24], f[24];
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 4; k++) c[(i * 3 + j) * 4 + k] = f[(k * 3 + j) * 2 + i] = (int16_t)(100 * i + 10 * j + k);
  ck_assert_int_eq(parse_header("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3, 4)}", f, sizeof f), GRAFT_OK);
  ck_assert_mem_eq(buffer->data, c, sizeof c);
  gr_buffer_release(context, buffer);
}
END_TEST

START_TEST(big_endian_is_swapped) {
  const unsigned char data[8] = {0x3f, 0xf8, 0, 0, 0, 0, 0, 0};
  ck_assert_int_eq(parse_header("{'descr': '>f8', 'fortran_order': False, 'shape': (1,)}", data, 8), GRAFT_OK);
  ck_assert_double_eq(*(double *)buffer->data, 1.5);
  gr_buffer_release(context, buffer);
}
END_TEST

START_TEST(dtypes) {
  static const struct {
    const char *descr;
    graft_dtype dtype;
  } all[] = {{"<f4", GRAFT_F32}, {"<f8", GRAFT_F64}, {"|i1", GRAFT_I8},  {"|u1", GRAFT_U8},
             {"<i2", GRAFT_I16}, {"<i4", GRAFT_I32}, {"<i8", GRAFT_I64}, {"|b1", GRAFT_BOOL},
             {"<f2", GRAFT_F16}, {"<u2", GRAFT_U16}, {"<u4", GRAFT_U32}, {"<u8", GRAFT_U64}};
  const unsigned char data[8] = {1, 0, 1, 1, 0, 1, 0, 0};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    char header[128];
    snprintf(header, sizeof header, "{\"shape\": (), \"descr\": \"%s\", \"fortran_order\": False}\n", all[i].descr);
    ck_assert_int_eq(parse_header(header, data, graft_dtype_size(all[i].dtype)), GRAFT_OK);
    ck_assert_int_eq(type.dtype, all[i].dtype);
    ck_assert_int_eq(type.rank, 0);
    ck_assert_mem_eq(buffer->data, data, graft_dtype_size(all[i].dtype));
    gr_buffer_release(context, buffer);
  }
}
END_TEST

START_TEST(bf16_travels_as_f32) {
  const uint16_t data[4] = {0x3f80, 0xc040, 0x7fc0, 0x0001};
  const uint32_t want[4] = {0x3f800000, 0xc0400000, 0x7fc00000, 0x00010000};
  graft_type t = graft_type_make(GRAFT_BF16, 1, (int64_t[]){4});
  ck_assert_int_eq(gr_npy_write(context, scratch_path("a.npy"), &t, data), GRAFT_OK);
  ck_assert_int_eq(gr_npy_read(context, scratch_path("a.npy"), &type, &buffer), GRAFT_OK);
  ck_assert_int_eq(type.dtype, GRAFT_F32);
  ck_assert_mem_eq(buffer->data, want, sizeof want);
  gr_buffer_release(context, buffer);
}
END_TEST

START_TEST(a_bool_becomes_0_or_1) {
  const unsigned char data[2] = {7, 0};
  ck_assert_int_eq(parse_header("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", data, 2), GRAFT_OK);
  ck_assert_mem_eq(buffer->data, "\1\0", 2);
  gr_buffer_release(context, buffer);
}
END_TEST

START_TEST(bad_headers) {
  static const char *const headers[] = {
      "",
      "{",
      "{}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'other': 1}",
      "{'descr': '<f4', 'fortran_order': False}",
      "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
      "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': 'f4', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
      "{'a-key-that-is-far-too-long-to-be-one-of-ours': 1}",
  };
  const float one = 1;
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
    ck_assert_msg(parse_header(headers[i], &one, sizeof one) != GRAFT_OK, "%s", headers[i]);
}
END_TEST

START_TEST(every_truncation_is_an_error) {
  unsigned char bytes[512];
  const float data[2] = {1, 2};
  size_t size = make(bytes, 2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", data, sizeof data);
  for (size_t cut = 0; cut < size; cut++) ck_assert_int_eq(parse(bytes, cut), GRAFT_FORMAT);
  ck_assert_int_eq(parse(bytes, size), GRAFT_OK);
  gr_buffer_release(context, buffer);
}
END_TEST

START_TEST(every_flipped_bit_is_survived) {
  unsigned char bytes[512];
  const float data[2] = {1, 2};
  size_t size = make(bytes, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2,1), }\n", data, sizeof data);
  for (size_t bit = 0; bit < size * 8; bit++) {
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    if (parse(bytes, size) == GRAFT_OK) gr_buffer_release(context, buffer);
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
}
END_TEST

START_TEST(written_files_read_back) {
  static const int64_t dims[] = {1, 2, 3, 1, 1, 1, 1, 1};
  int32_t data[6] = {1, -2, 3, -4, 5, -6};
  for (int32_t rank = 0; rank <= 8; rank++) {
    graft_type t = graft_type_make(GRAFT_I32, rank, dims);
    size_t size = (size_t)graft_type_elements(&t) * 4;
    ck_assert_int_eq(gr_npy_write(context, scratch_path("a.npy"), &t, data), GRAFT_OK);
    ck_assert_int_eq(gr_npy_read(context, scratch_path("a.npy"), &type, &buffer), GRAFT_OK);
    ck_assert(gr_type_equal(&t, &type));
    ck_assert_uint_eq(buffer->size, size);
    ck_assert_mem_eq(buffer->data, data, size);
    gr_buffer_release(context, buffer);
  }
  graft_type empty = graft_type_make(GRAFT_F64, 2, (int64_t[]){3, 0});
  ck_assert_int_eq(gr_npy_write(context, scratch_path("a.npy"), &empty, NULL), GRAFT_OK);
  ck_assert_int_eq(gr_npy_read(context, scratch_path("a.npy"), &type, &buffer), GRAFT_OK);
  ck_assert(gr_type_equal(&empty, &type));
  gr_buffer_release(context, buffer);
}
END_TEST

START_TEST(failures_leave_nothing) {
  graft_type t = graft_type_make(GRAFT_I32, 0, NULL), unknown = graft_type_make(GRAFT_I32, 1, (int64_t[]){-1});
  int32_t one = 1;
  ck_assert_int_eq(gr_npy_write(context, scratch_path("no/a.npy"), &t, &one), GRAFT_IO);
  ck_assert_int_eq(gr_npy_write(context, scratch_path("a.npy"), &unknown, &one), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(gr_npy_read(context, scratch_path("a.npy"), &type, &buffer), GRAFT_IO);
  ck_assert_int_eq(gr_npy_write(context, "/dev/full", &t, &one), GRAFT_IO);
  ck_assert_int_eq(gr_npy_write(context, "/dev/null", &t, &one), GRAFT_OK);
  ck_assert_uint_eq(scratch_destroy(), 0);
  scratch_create();
}
END_TEST

int main(void) {
  Suite *s = suite_create("npy");
  TCase *t = tcase_create("npy");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, versions_and_orders);
  tcase_add_test(t, fortran_order_of_three_axes);
  tcase_add_test(t, big_endian_is_swapped);
  tcase_add_test(t, dtypes);
  tcase_add_test(t, a_bool_becomes_0_or_1);
  tcase_add_test(t, bf16_travels_as_f32);
  tcase_add_test(t, bad_headers);
  tcase_add_test(t, every_truncation_is_an_error);
  tcase_add_test(t, every_flipped_bit_is_survived);
  tcase_add_test(t, written_files_read_back);
  tcase_add_test(t, failures_leave_nothing);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
