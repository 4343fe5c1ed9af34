/* What torch.save writes: files of state/make.py, and hostile ones that are made here. usage: test_checkpoint FOLDER */
#include "heap.h"
#include "ir/ir_int.h"
#include "ir/state.h"
#include "scratch.h"

static const char *folder;
static graft_context *context;

static void setup(void) { context = graft_context_create(NULL); }
static void teardown(void) { graft_context_destroy(context); }

static const char network[] = "graft 1\n"
                              "tensor %conv.weight: f32[2, 1, 1, 1] parameter = [0.5, -0.25]\n"
                              "tensor %conv.bn.weight: f32[2] parameter = [1.0, 2.0]\n"
                              "tensor %conv.bn.bias: f32[2] parameter = [0.0, 0.0]\n"
                              "tensor %conv.bn.running_mean: f32[2] buffer = [0.0, 0.0]\n"
                              "tensor %conv.bn.running_var: f32[2] buffer = [1.0, 1.0]\n"
                              "tensor %conv.bn.num_batches_tracked: i64[] buffer = 7\n"
                              "graph main() {\n"
                              "  return\n"
                              "}\n";

static graft_module *parse(const char *text) {
  graft_module *m = graft_module_load_memory(context, text, strlen(text), "network", NULL);
  ck_assert_ptr_nonnull(m);
  return m;
}

static double number(graft_module *m, const char *name, size_t index) {
  const graft_tensor t = graft_tensor_find(m, name);
  const char *data = graft_tensor_get_data(m, t);
  const graft_dtype dtype = graft_tensor_get_type(m, t).dtype;
  ck_assert_ptr_nonnull(data);
  return gr_element_float(dtype, data + index * graft_dtype_size(dtype));
}

static const char *said(void) {
  static char all[8192];
  char text[4096];
  all[0] = '\0';
  for (uint32_t i = 0; i < graft_diagnostic_count(context); i++) {
    graft_diagnostic d = graft_diagnostic_get(context, i);
    graft_diagnostic_format(&d, text, sizeof text);
    snprintf(all + strlen(all), sizeof all - strlen(all), "%s\n", text);
  }
  return all;
}

static graft_status load(graft_module *m, const char *name, const graft_state_options *o) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s.pt", folder, name);
  graft_diagnostics_clear(context);
  const graft_status status = graft_state_load(m, path, o);
  ck_assert((status == GRAFT_OK) != graft_context_has_errors(context));
  return status;
}

static const graft_state_options partial = {.size = sizeof partial, .partial = true};

/* ---- good files ---- */

static void check_loaded(graft_module *m, const char *name) {
  static const char *const tensors[] = {"conv.bn.weight", "conv.bn.bias", "conv.bn.running_mean",
                                        "conv.bn.running_var"};
  ck_assert_msg(number(m, "conv.weight", 0) == 1 && number(m, "conv.weight", 1) == 2, "%s", name);
  for (size_t i = 0; i < 8; i++)
    ck_assert_msg(number(m, tensors[i / 2], i % 2) == (double)(3 + i), "%s, %s", name, tensors[i / 2]);
}

START_TEST(states_load) {
  static const struct {
    const char *name;
    double batches;
  } files[] = {{"plain", 12},       {"protocol4", 12}, {"zip64", 12},   {"nested", 12},
               {"unversioned", 12}, {"version1", 12},  {"uncounted", 0}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    graft_module *m = parse(network);
    const bool counted = files[i].batches != 0;
    ck_assert_msg(load(m, files[i].name, NULL) == (counted ? GRAFT_OK : GRAFT_NAME), "%s: %s", files[i].name, said());
    ck_assert_msg(strcmp(said(), "") == 0 || !counted, "%s", said());
    if (counted) check_loaded(m, files[i].name);
    if (counted) ck_assert(number(m, "conv.bn.num_batches_tracked", 0) == files[i].batches);
    if (!counted) ck_assert_ptr_nonnull(strstr(said(), "1 key is missing: conv.bn.num_batches_tracked"));
    graft_module_destroy(m);
  }
}
END_TEST

/* A module that the file says to be of version 2 has no gamma. */
START_TEST(the_file_says_the_version) {
  graft_module *m = parse(network);
  ck_assert_int_eq(load(m, "version2", NULL), GRAFT_NAME);
  ck_assert_ptr_nonnull(strstr(said(), "5 keys are unexpected: conv.gamma, conv.beta, conv.running_mean"));
  graft_module_destroy(m);
}
END_TEST

START_TEST(of_several_dicts_one_is_named) {
  graft_module *m = parse(network);
  graft_state_options o = partial;
  ck_assert_int_eq(load(m, "several", NULL), GRAFT_NAME);
  ck_assert_ptr_nonnull(strstr(said(), "several dicts of tensors, of which one must be named: model, averaged\n"));
  o.dict = "model";
  ck_assert_int_eq(load(m, "several", &o), GRAFT_OK);
  check_loaded(m, "several");
  o.dict = "averaged";
  ck_assert_int_eq(load(m, "several", &o), GRAFT_OK);
  ck_assert(number(m, "conv.bn.weight", 0) == 50 && number(m, "conv.bn.bias", 0) == 5);
  o.dict = "ema.of.net";
  ck_assert_int_eq(load(m, "several", &o), GRAFT_OK);
  ck_assert(number(m, "conv.bn.weight", 1) == 40);
  static const char *const wrong[] = {"e", "ema.of", "ema.of.nets", "model.", "model.conv.weight", "averaged.x"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    o.dict = wrong[i];
    ck_assert_msg(load(m, "several", &o) != GRAFT_OK, "%s", wrong[i]);
  }
  graft_module_destroy(m);
}
END_TEST

START_TEST(views_of_one_storage) {
  graft_module *m = parse("graft 1\n"
                          "tensor %conv.weight: f32[2, 1, 1, 1] parameter = [0, 0]\n"
                          "tensor %conv.bn.weight: f32[2] parameter = [0, 0]\n"
                          "tensor %fc.bias: f32[2] parameter = [0, 0]\n"
                          "tensor %fc.matrix: f32[2, 3] parameter = [0, 0, 0, 0, 0, 0]\n"
                          "graph main() {\n  return\n}\n");
  static const double matrix[] = {1, 3, 5, 2, 4, 6};
  ck_assert_int_eq(load(m, "views", NULL), GRAFT_OK);
  ck_assert(number(m, "conv.weight", 0) == 10 && number(m, "conv.weight", 1) == 19);
  ck_assert(number(m, "conv.bn.weight", 0) == 7 && number(m, "conv.bn.weight", 1) == 7);
  ck_assert(number(m, "fc.bias", 0) == 30 && number(m, "fc.bias", 1) == 33);
  for (size_t i = 0; i < 6; i++) ck_assert(number(m, "fc.matrix", i) == matrix[i]);
  graft_module_destroy(m);
}
END_TEST

START_TEST(quantized_tensors_bring_scale_and_zero_point) {
  graft_module *m = parse("graft 1\n"
                          "tensor %fc.weight: i8[2, 2] buffer = [0, 0, 0, 0]\n"
                          "tensor %fc.weight.scale: f32[2] buffer = [0, 0]\n"
                          "tensor %fc.weight.zero_point: i32[2] buffer = [0, 0]\n"
                          "tensor %one.weight: u8[2] buffer = [0, 0]\n"
                          "tensor %one.weight.scale: f32[] buffer = 0\n"
                          "tensor %one.weight.zero_point: i32[] buffer = 0\n"
                          "tensor %fc.scale: f64[] buffer = 0\n"
                          "tensor %fc.zero_point: i32[] buffer = 0\n"
                          "graph main() {\n  return\n}\n");
  static const double wanted[] = {-1, 2, -3, 4};
  ck_assert_msg(load(m, "quantized", NULL) == GRAFT_OK, "%s", said());
  for (size_t i = 0; i < 4; i++) ck_assert(number(m, "fc.weight", i) == wanted[i]);
  ck_assert(number(m, "fc.weight.scale", 0) == 0.5 && number(m, "fc.weight.scale", 1) == 0.25);
  ck_assert(number(m, "fc.weight.zero_point", 0) == 1 && number(m, "fc.weight.zero_point", 1) == -2);
  ck_assert(number(m, "one.weight", 0) == 200 && number(m, "one.weight.scale", 0) == 0.75);
  ck_assert(number(m, "one.weight.zero_point", 0) == 128);
  ck_assert(number(m, "fc.scale", 0) == 2 && number(m, "fc.zero_point", 0) == 3);
  graft_module_destroy(m);
  m = parse("graft 1\ntensor %fc.weight: f32[2, 2] buffer = [0, 0, 0, 0]\ngraph main() {\n  return\n}\n");
  ck_assert_int_eq(load(m, "quantized", &partial), GRAFT_TYPE);
  ck_assert_ptr_nonnull(strstr(said(), "fc.weight: the file has i8[2, 2], the module f32[2, 2]"));
  graft_module_destroy(m);
}
END_TEST

START_TEST(all_kinds_of_storage) {
  graft_module *m = parse("graft 1\n"
                          "tensor %f64: f64[1] buffer = [0]\ntensor %f16: f16[1] buffer = [0]\n"
                          "tensor %bf16: bf16[1] buffer = [0]\ntensor %i8: i8[1] buffer = [0]\n"
                          "tensor %u8: u8[1] buffer = [0]\ntensor %i16: i16[1] buffer = [0]\n"
                          "tensor %i32: i32[1] buffer = [0]\ntensor %i64: i64[1] buffer = [0]\n"
                          "tensor %bool: bool[2] buffer = [false, true]\ntensor %q32: i32[1] buffer = [0]\n"
                          "tensor %empty: f32[0, 3] buffer = []\n"
                          "tensor %q32.scale: f32[] buffer = 0\ntensor %q32.zero_point: i64[] buffer = 1\n"
                          "graph main() {\n  return\n}\n");
  static const struct {
    const char *name;
    double value;
  } wanted[] = {{"f64", 0.5},    {"f16", 0.5},     {"bf16", 0.5}, {"i8", -8},  {"u8", 200},      {"i16", -300},
                {"i32", -70000}, {"i64", -0x1p40}, {"bool", 1},   {"q32", -9}, {"q32.scale", 1}, {"q32.zero_point", 0}};
  ck_assert_msg(load(m, "kinds", NULL) == GRAFT_OK, "%s", said());
  ck_assert_str_eq(said(), "");
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    ck_assert_msg(number(m, wanted[i].name, 0) == wanted[i].value, "%s", wanted[i].name);
  ck_assert(number(m, "bool", 1) == 0);
  graft_module_destroy(m);
}
END_TEST

START_TEST(what_is_no_tensor_is_unexpected) {
  graft_module *m = parse(network);
  ck_assert_int_ne(load(m, "other", NULL), GRAFT_OK);
  ck_assert_ptr_nonnull(strstr(said(), "1 key is unexpected: steps (no tensor)"));
  ck_assert_ptr_nonnull(strstr(said(), "conv.weight: the file has f32[2], the module f32[2, 1, 1, 1]"));
  ck_assert_int_eq(load(m, "tuple", NULL), GRAFT_FORMAT);
  ck_assert_ptr_nonnull(strstr(said(), "holds no dict of tensors"));
  ck_assert_int_eq(load(m, "class", NULL), GRAFT_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(said(), "refuses global 'net.Net'"));
  graft_module_destroy(m);
}
END_TEST

/* ---- hostile files ---- */

typedef struct archive {
  unsigned char bytes[1 << 16];
  size_t size;
  unsigned char directory[4096];
  size_t directory_size;
  unsigned entries;
} archive;

static void put(unsigned char *to, uint64_t value, unsigned width) {
  for (unsigned i = 0; i < width; i++) to[i] = (unsigned char)(value >> (8 * i));
}

static void add(archive *a, const char *name, const void *data, size_t size) {
  const size_t length = strlen(name), at = a->size;
  unsigned char *local = a->bytes + at, *central = a->directory + a->directory_size;
  memset(local, 0, 30);
  memcpy(local, "PK\3\4", 4);
  put(local + 18, size, 4);
  put(local + 22, size, 4);
  put(local + 26, length, 2);
  memcpy(local + 30, name, length);
  if (size) memcpy(local + 30 + length, data, size);
  a->size += 30 + length + size;
  memset(central, 0, 46);
  memcpy(central, "PK\1\2", 4);
  put(central + 20, size, 4);
  put(central + 24, size, 4);
  put(central + 28, length, 2);
  put(central + 42, at, 4);
  memcpy(central + 46, name, length);
  a->directory_size += 46 + length;
  a->entries++;
}

static void finish(archive *a) {
  unsigned char *end = a->bytes + a->size + a->directory_size;
  memcpy(a->bytes + a->size, a->directory, a->directory_size);
  memset(end, 0, 22);
  memcpy(end, "PK\5\6", 4);
  put(end + 8, a->entries, 2);
  put(end + 10, a->entries, 2);
  put(end + 12, a->directory_size, 4);
  put(end + 16, a->size, 4);
  a->size += a->directory_size + 22;
}

/* Refused with these words, and the module is as it was. */
static void refused(const void *bytes, size_t size, const char *what) {
  graft_module *m = parse(network);
  const uint64_t before = graft_module_hash(m);
  void *exact = malloc(size ? size : 1); /* so that the sanitizer sees a step too far */
  memcpy(exact, bytes, size);
  graft_diagnostics_clear(context);
  const graft_status status = graft_state_load_memory(m, exact, size, "a.pt", &partial);
  free(exact);
  ck_assert_msg(status != GRAFT_OK && graft_context_has_errors(context), "'%s' was not refused", what);
  ck_assert_msg(strstr(said(), what) != NULL, "'%s' lacks '%s'", said(), what);
  ck_assert(graft_module_hash(m) == before);
  graft_module_destroy(m);
}

#define STORAGE "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\2tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define HOOKS \
  "\x89" \
  "ccollections\nOrderedDict\n)R"
#define TENSOR REBUILD "(" STORAGE "K\0K\2\x85K\1\x85" HOOKS "tR"
#define KEY "X\x0e\0\0\0conv.bn.weight"

static void make(archive *a, const void *pickle, size_t size) {
  *a = (archive){.size = 0};
  add(a, "a/data.pkl", pickle, size);
  add(a, "a/data/0", (float[]){30, 40}, 8);
  finish(a);
}

static void refused_pickle(const void *pickle, size_t size, const char *what) {
  static archive a;
  make(&a, pickle, size);
  refused(a.bytes, a.size, what);
}
#define REFUSED(text, what) refused_pickle(text, sizeof(text) - 1, what)

START_TEST(the_files_made_here_are_good) {
  static const char good[] = "\x80\2}" KEY TENSOR "s.";
  static archive a;
  graft_module *m = parse(network);
  make(&a, good, sizeof good - 1);
  ck_assert_msg(graft_state_load_memory(m, a.bytes, a.size, "a.pt", &partial) == GRAFT_OK, "%s", said());
  ck_assert(number(m, "conv.bn.weight", 1) == 40);
  graft_module_destroy(m);
}
END_TEST

START_TEST(nothing_is_called_by_name) {
  REFUSED("\x80\2cos\nsystem\nX\x02\0\0\0ls\x85R.", "data.pkl, byte 13: refuses global 'os.system'");
  REFUSED("\x80\4\x8c\2os\x8c\6system\x93)R.", "refuses global 'os.system'");
  REFUSED("\x80\2c__builtin__\neval\n.", "refuses global '__builtin__.eval'");
  REFUSED("\x80\2ctorch._utils\n_rebuild_tensor\n.", "refuses global 'torch._utils._rebuild_tensor'");
  REFUSED("\x80\2ctorch\nFloatStorage2\n.", "refuses global 'torch.FloatStorage2'");
  REFUSED("\x80\2cnot\ttorch\nFloatStorage\n.", "refuses global 'not?torch.FloatStorage'");
  REFUSED("\x80\2(ios\nsystem\n.", "refuses opcode INST");
  REFUSED("\x80\2ccollections\nOrderedDict\n)\x81.", "refuses opcode NEWOBJ");
  REFUSED("\x80\2\x82\1.", "refuses opcode EXT1");
  REFUSED("\x80\2)(o.", "refuses opcode OBJ");
  REFUSED("\x80\2P1\n.", "refuses opcode PERSID");
  REFUSED("\x80\2\xff.", "no opcode is 0xff");
  REFUSED("\x80\2ctorch\nFloatStorage\n)R.", "REDUCE of what is no function");
  REFUSED("\x80\2))R.", "lacks its operand");
  REFUSED("\x80\2ctorch\nper_tensor_affine\n)R.", "REDUCE of what is no function");
  REFUSED("\x80\2}}b.", "refuses BUILD");
  REFUSED("\x80\2ccollections\nOrderedDict\n)R}X\1\0\0\0x}sb.", "refuses BUILD");
  REFUSED("\x80\2ccollections\nOrderedDict\n}\x85R.", "the arguments of OrderedDict");
}
END_TEST

START_TEST(pickles_that_are_damaged) {
  REFUSED("", "cut short");
  REFUSED("\x80", "cut short");
  REFUSED("\x80\1.", "pickle's protocol 1");
  REFUSED("\x80\6.", "pickle's protocol 6");
  REFUSED("\x80\2}", "cut short");
  REFUSED("\x80\2}..", "bytes follow the pickle");
  REFUSED("\x80\2.", "does not end with one value");
  REFUSED("\x80\2}}.", "does not end with one value");
  REFUSED("\x80\2}(.", "does not end with one value");
  REFUSED("\x80\2X\xff\xff\xff\xff"
          "abc.",
          "cut short");
  REFUSED("\x80\2\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
          "abc.",
          "cut short");
  REFUSED("\x80\2\x8a\xff"
          "abc.",
          "more than 64 bits");
  REFUSED("\x80\2\x8b\xff\xff\xff\x7f"
          "abc.",
          "more than 64 bits");
  REFUSED("\x80\2}r\xff\xff\xff\x7f.", "a memo's number is not the next one");
  REFUSED("\x80\2}q\1.", "a memo's number is not the next one");
  REFUSED("\x80\2q\0.", "lacks its operand");
  REFUSED("\x80\2h\0.", "a memo that was not put");
  REFUSED("\x80\2}j\0\0\0\1.", "a memo that was not put");
  REFUSED("\x80\2}Ns.", "lacks its operand");
  REFUSED("\x80\2}(Nu.", "a key without its value");
  REFUSED("\x80\2N(NNu.", "lacks its operand");
  REFUSED("\x80\2}NNu.", "lacks its mark");
  REFUSED("\x80\2t.", "lacks its mark");
  REFUSED("\x80\2N\x87.", "lacks its operand");
  REFUSED("\x80\2N(\x85.", "lacks its operand");
  REFUSED("\x80\2}(Na.", "lacks its operand");
  REFUSED("\x80\2}(NNsu.", "lacks its operand");
  REFUSED("\x80\2NQ.", "lacks its operand");
  REFUSED("\x80\2)Q.", "the arguments of a storage");
  REFUSED("\x80\2N.", "holds no dict of tensors");
  REFUSED("\x80\2}K\1}K\2K\3ss.", "holds no dict of tensors");
  REFUSED("\x80\2}K\1" TENSOR "s.", "holds no dict of tensors");
  REFUSED("\x80\2}K\1" TENSOR "s" KEY TENSOR "s.", "a key is no text");
  REFUSED("\x80\2}" KEY TENSOR "s" KEY TENSOR "s.", "key conv.bn.weight is there twice");
  REFUSED("\x80\2}X\2\0\0\0a\0" TENSOR "s.", "a key is no text in UTF-8");
  REFUSED("\x80\2}X\2\0\0\0a\xff" TENSOR "s.", "a key is no text in UTF-8");
}
END_TEST

START_TEST(tensors_that_lie) {
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\1K\2\x85K\1\x85" HOOKS "tRs.", "a tensor is outside of its storage");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0K\2\x85K\2\x85" HOOKS "tRs.", "a tensor is outside of its storage");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0J\xff\xff\xff\x7f\x85K\1\x85" HOOKS "tRs.", "outside of its storage");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "J\xff\xff\xff\xffK\2\x85K\1\x85" HOOKS "tRs.",
          "the arguments of _rebuild");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0K\2\x85J\xff\xff\xff\xff\x85" HOOKS "tRs.",
          "the arguments of _rebuild");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0J\xfe\xff\xff\xff\x85K\1\x85" HOOKS "tRs.",
          "the arguments of _rebuild");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0K\2K\2\x86K\1\x85" HOOKS "tRs.", "the arguments of _rebuild");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0N\x85N\x85" HOOKS "tRs.", "the arguments of _rebuild");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0)" HOOKS "tRs.", "the arguments of _rebuild");
  REFUSED("\x80\2}" KEY REBUILD ")Rs.", "the arguments of _rebuild");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t" HOOKS
          "tRs.",
          "9 axes");
  /* Expanded over and over: 2^62 elements of one; of more, none. */
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0(J\0\0\0\x40J\0\0\0\x40K\4t(K\0K\0K\0t" HOOKS "tRs.",
          "the file has f32[");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0(J\0\0\0\x40J\0\0\0\x40K\5t(K\0K\0K\0t" HOOKS "tRs.", "outside of its");
  REFUSED("\x80\2}" KEY REBUILD "(" STORAGE "K\0(J\0\0\0\x40K\2t(\x8a\7\xff\xff\xff\xff\xff\xff\x7fK\1t" HOOKS "tRs.",
          "outside of its");
  REFUSED("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0001X\3\0\0\0cpuK\2tQ.",
          "storage '1' is not in the archive");
  REFUSED("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\3tQ.",
          "has 8 bytes, not 3 elements of f32");
  REFUSED("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpu\x8a\x08\1\0\0\0\0\0\0\x40tQ.",
          "has 8 bytes");
  REFUSED("\x80\2(X\7\0\0\0storagectorch\nQInt8Storage\nX\1\0\0\0000X\3\0\0\0cpuK\2tQ.",
          "has 8 bytes, not 2 elements of i8");
  REFUSED("\x80\2(X\7\0\0\0storagX\1\0\0\0aX\1\0\0\0000X\3\0\0\0cpuK\2tQ.", "data.pkl");
  REFUSED("\x80\2ctorch._utils\n_rebuild_parameter\nN\x85R.", "the arguments of _rebuild_parameter");
  REFUSED("\x80\2ctorch._utils\n_rebuild_qtensor\n(" STORAGE "K\0K\2\x85K\1\x85)" HOOKS "tR.",
          "the arguments of _rebuild_qtensor");
}
END_TEST

/* Bombs: what is deep, circular or repeated costs what its bytes do. */
START_TEST(bombs) {
  static char pickle[60000];
  size_t n = 0;
  memcpy(pickle, "\x80\2", 2);
  for (n = 2; n < 50000; n++) pickle[n] = '(';
  refused_pickle(pickle, n, "cut short");
  for (n = 2; n < 50000; n++) pickle[n] = ']';
  pickle[n++] = '.';
  refused_pickle(pickle, n, "does not end with one value");
  pickle[2] = 'N';
  for (n = 3; n < 50000; n++) pickle[n] = '\x85'; /* a tuple in a tuple … */
  pickle[n++] = '.';
  refused_pickle(pickle, n, "holds no dict of tensors");
  memcpy(pickle + 2, "}q\0", 3); /* a dict that has itself, 10,000 times */
  for (n = 5; n < 50005; n += 5) memcpy(pickle + n, "h\0h\0s", 5);
  pickle[n++] = '.';
  refused_pickle(pickle, n, "holds no dict of tensors");
  memcpy(pickle + 2, ")q\0", 3); /* a billion laughs: each tuple has the one before it twice */
  for (n = 5; n < 5 + 100 * 7; n += 7) {
    const char index = (char)((n - 5) / 7);
    memcpy(pickle + n, (char[]){'h', index, 'h', index, '\x86', 'q', (char)(index + 1)}, 7);
  }
  pickle[n++] = '.';
  refused_pickle(pickle, n, "does not end with one value");
  static const char own[] = "ccollections\nOrderedDict\n)Rq\0}X\x09\0\0\0_metadatah\0sq\1b";
  memcpy(pickle + 2, own, sizeof own - 1); /* a metadata that is its own, set 10,000 times */
  for (n = 2 + sizeof own - 1; n < 30000; n += 3) memcpy(pickle + n, "h\1b", 3);
  pickle[n++] = '.';
  refused_pickle(pickle, n, "holds no dict of tensors");
}
END_TEST

static const char good_pickle[] = "\x80\2}" KEY TENSOR "s.";

START_TEST(archives_that_lie) {
  static archive a, b;
  static const struct {
    const char *what;
    bool central; /* in the directory's first entry, else in the file */
    size_t at;
    unsigned width;
    uint64_t value;
  } lies[] = {
      {"is larger than the archive", true, 20, 8, 0x7FFFFFFF7FFFFFFF},
      {"has two sizes", true, 24, 4, 3},
      {"has another size before its data", false, 18, 4, 3},
      {"is not where the directory says", true, 42, 4, 1},
      {"is not where the directory says", true, 42, 4, 0xFFFFFFF0},
      {"is encrypted", true, 8, 2, 1},
      {"has another size before its data", true, 10, 2, 8},
      {"its directory is cut short", true, 28, 2, 0xFFFF},
      {"its directory has fewer entries", true, 30, 2, 1},
      {"has another name before its data", false, 26, 2, 9},
      {"has another name before its data", false, 30, 1, 'b'},
      {"is larger than the archive", false, 28, 2, 0xFFFF},
  };
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    make(&a, good_pickle, sizeof good_pickle - 1);
    const size_t directory = a.size - 22 - a.directory_size, at = lies[i].at + (lies[i].central ? directory : 0);
    put(a.bytes + at, lies[i].value, lies[i].width);
    refused(a.bytes, a.size, lies[i].what);
  }
  static const struct {
    const char *what;
    size_t at; /* in the last record */
    unsigned width;
    uint64_t value;
  } ends[] = {
      {"several parts", 4, 2, 1},        {"more entries", 10, 2, 1},
      {"fewer entries", 10, 2, 3},       {"directory is not within", 12, 4, 9999},
      {"fewer entries", 16, 4, 3},       {"directory is not within", 16, 4, 0xFFFFFFFF},
      {"it has no directory", 20, 2, 1},
  };
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    make(&a, good_pickle, sizeof good_pickle - 1);
    put(a.bytes + a.size - 22 + ends[i].at, ends[i].value, ends[i].width);
    refused(a.bytes, a.size, ends[i].what);
  }
  /* An entry twice; two that overlap; compressed; none. */
  a = (archive){.size = 0};
  add(&a, "a/data.pkl", good_pickle, sizeof good_pickle - 1);
  add(&a, "a/data.pkl", "", 0);
  finish(&a);
  refused(a.bytes, a.size, "entry 'a/data.pkl' of the archive is there twice");
  b = (archive){.size = 0};
  add(&b, "a/data/0", (float[]){1, 2}, 8);
  a = (archive){.size = 0};
  add(&a, "a/data.pkl", b.bytes, b.size); /* one entry in another */
  put(b.directory + 42, a.size - b.size, 4);
  memcpy(a.directory + a.directory_size, b.directory, b.directory_size);
  a.directory_size += b.directory_size;
  a.entries++;
  finish(&a);
  refused(a.bytes, a.size, "two of its entries overlap");
  make(&a, good_pickle, sizeof good_pickle - 1);
  put(a.bytes + 8, 8, 2);
  put(a.bytes + a.size - 22 - a.directory_size + 10, 8, 2);
  refused(a.bytes, a.size, "'a/data.pkl' of the archive is compressed");
  a = (archive){.size = 0};
  add(&a, "a/b/data.pkl", good_pickle, sizeof good_pickle - 1);
  add(&a, "a/x-data.pkl", good_pickle, sizeof good_pickle - 1);
  finish(&a);
  refused(a.bytes, a.size, "no data.pkl");
  a = (archive){.size = 0};
  add(&a, "a/data.pkl", good_pickle, sizeof good_pickle - 1);
  add(&a, "b/data.pkl", good_pickle, sizeof good_pickle - 1);
  finish(&a);
  refused(a.bytes, a.size, "more than one data.pkl");
  a = (archive){.size = 0};
  add(&a, "a/data.pkl", good_pickle, sizeof good_pickle - 1);
  add(&a, "a/constants.pkl", "", 0);
  finish(&a);
  refused(a.bytes, a.size, "a TorchScript module");
  a = (archive){.size = 0};
  add(&a, "a/data.pkl", good_pickle, sizeof good_pickle - 1);
  add(&a, "a/byteorder", "big", 3);
  finish(&a);
  refused(a.bytes, a.size, "big-endian");
}
END_TEST

START_TEST(other_files) {
  static char tar[512];
  memcpy(tar + 257, "ustar", 5);
  refused("\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3.", 22, "before version 1.6");
  refused(tar, sizeof tar, "before version 1.6");
  refused("graft 1\ngraph main() {}\n", 24, "neither a .safetensors file nor one of torch.save");
  refused("PK\3\4", 4, "cut short");
  refused("PK\3\4PK\3\4PK\3\4", 12, "it has no directory");
}
END_TEST

/* Any prefix of each file is refused, and any byte may be another. */
START_TEST(truncations_and_flips) {
  static const char *const names[] = {"plain", "zip64", "quantized", "nested"};
  static unsigned char bytes[8192];
  graft_module *m = parse(network);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.pt", folder, names[i]);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    const size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t cut = 0; cut < size; cut++) {
      graft_diagnostics_clear(context);
      ck_assert_int_ne(graft_state_load_memory(m, bytes, cut, "cut", &partial), GRAFT_OK);
      ck_assert(graft_context_has_errors(context));
    }
    for (size_t at = 0; at < size; at++) {
      const uint64_t before = graft_module_hash(m);
      bytes[at] ^= (unsigned char)(1u << at % 8);
      graft_diagnostics_clear(context);
      const graft_status status = graft_state_load_memory(m, bytes, size, "flipped", &partial);
      ck_assert((status != GRAFT_OK) == graft_context_has_errors(context));
      ck_assert(status == GRAFT_OK || graft_module_hash(m) == before);
      bytes[at] ^= (unsigned char)(1u << at % 8);
    }
  }
  graft_module_destroy(m);
}
END_TEST

/* ---- every allocation fails ---- */

static test_heap heap;

START_TEST(all_or_nothing_without_memory) {
  static const char *const names[] = {"plain", "version1", "nested", "several", "zip64", "class", "quantized", "views"};
  char path[512];
  snprintf(path, sizeof path, "%s/%s.pt", folder, names[_i]);
  graft_context *outer = context;
  uint64_t calls = 1;
  graft_status right = GRAFT_OK;
  for (uint64_t n = 0; n < 2 * calls + 2; n++) { /* each once and for good */
    context = heap_context(&heap);
    graft_module *m = parse(network);
    const uint64_t before = graft_module_hash(m);
    heap_fail(&heap, n / 2, n % 2);
    const graft_status status = graft_state_load(m, path, &partial);
    const uint64_t there = heap_fail(&heap, 0, false);
    if (n == 0) {
      calls = there;
      right = status;
    }
    ck_assert_msg((status != GRAFT_OK) == graft_context_has_errors(context), "%s, allocation %d: %s", names[_i],
                  (int)n / 2, said());
    ck_assert(status == right || status == GRAFT_NO_MEMORY);
    ck_assert_msg(status == GRAFT_OK || graft_module_hash(m) == before, "%s, allocation %d: half a state", names[_i],
                  (int)n);
    graft_module_destroy(m);
    graft_context_destroy(context);
    ck_assert_msg(heap.live == 0, "%s, allocation %d: %zu bytes leak", names[_i], (int)n / 2, heap.live);
  }
  ck_assert_uint_gt(calls, 10);
  context = outer;
}
END_TEST

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  folder = argv[1];
  Suite *suite = suite_create("checkpoint");
  TCase *c = tcase_create("checkpoint");
  tcase_set_timeout(c, 120);
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, states_load);
  tcase_add_test(c, the_file_says_the_version);
  tcase_add_test(c, of_several_dicts_one_is_named);
  tcase_add_test(c, views_of_one_storage);
  tcase_add_test(c, quantized_tensors_bring_scale_and_zero_point);
  tcase_add_test(c, all_kinds_of_storage);
  tcase_add_test(c, what_is_no_tensor_is_unexpected);
  tcase_add_test(c, the_files_made_here_are_good);
  tcase_add_test(c, nothing_is_called_by_name);
  tcase_add_test(c, pickles_that_are_damaged);
  tcase_add_test(c, tensors_that_lie);
  tcase_add_test(c, bombs);
  tcase_add_test(c, archives_that_lie);
  tcase_add_test(c, other_files);
  tcase_add_test(c, truncations_and_flips);
  tcase_add_loop_test(c, all_or_nothing_without_memory, 0, 8);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
