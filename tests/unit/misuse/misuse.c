/* API misuse: every public function with every kind of bad argument. The calls are generated from the headers
 * (generate.py); here are the values of each type, of which number 0 is good. After each call the module is valid, and
 * what failed has said why. Meant to be run with the sanitizers: memory is exactly as large as it is said to be. */
#include "misuse_headers.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1:detect_leaks=0"; }

typedef struct fixture {
  graft_context *context;
  graft_module *module, *other; /* of the same context */
  graft_graph *graph;
  graft_value x, y, handle, erased_value;
  graft_node relu, erased;
  graft_tensor weight, erased_tensor;
  uint64_t count; /* of the list that was given last */
  bool ok;
  void *taken[32];
  unsigned taken_count;
} fixture;

typedef enum result { SAYS_NOTHING, SAYS_STATUS, SAYS_NO_WORD } result;
typedef struct row {
  const char *name;
  void (*call)(fixture *f, const unsigned *values);
  unsigned params, values[12];
  result says;
  unsigned sized, filled; /* bit i: parameter i begins with its size; it is filled by the function */
} row;

static void *scratch(fixture *f, size_t size) {
  void *p = calloc(1, size ? size : 1);
  if (!p || f->taken_count == sizeof f->taken / sizeof *f->taken) abort();
  return f->taken[f->taken_count++] = p;
}

/* ---- handles ---- */

static graft_type vector(void) { return graft_type_make(GRAFT_F32, 2, (int64_t[]){1, 2}); }

static graft_module *make_module(graft_context *c, fixture *f) {
  const graft_type type = vector();
  const float data[2] = {1, 2};
  graft_module *m = graft_module_create(c);
  graft_graph *g = graft_graph_create(m, "main");
  const graft_value x = graft_input_add(g, "x", &type);
  const graft_tensor t = graft_tensor_create(m, "w", GRAFT_PARAMETER, &type, data);
  const graft_value handle = graft_tensor_value(g, t), gone = graft_build(g, "sigmoid", &x, 1, NULL, 0);
  const graft_node n = graft_value_node(g, gone);
  if (graft_node_erase(g, n)) abort();
  const graft_value sum = graft_build(g, "add", (graft_value[]){x, handle}, 2, NULL, 0);
  const graft_value y = graft_build(g, "relu", &sum, 1, NULL, 0);
  if (graft_output_add(g, "y", y)) abort();
  if (f) {
    f->graph = g;
    f->x = x;
    f->y = y;
    f->handle = handle;
    f->relu = graft_value_node(g, y);
    f->erased = n;
    f->erased_value = gone;
    f->weight = t;
    f->erased_tensor = graft_tensor_count(m) + 1; /* none was erased: one that there will never be */
  }
  return m;
}

static void *good_graft_context(fixture *f, bool foreign) {
  (void)foreign;
  return f->context;
}
static void *good_graft_module(fixture *f, bool foreign) { return foreign ? f->other : f->module; }
static void *good_graft_graph(fixture *f, bool foreign) {
  return foreign ? graft_module_get_graph(f->other, 0) : f->graph;
}
static void *good_graft_session(fixture *f, bool foreign) {
  return graft_session_create(good_graft_graph(f, foreign), NULL);
}
static void *good_graft_compare(fixture *f, bool foreign) {
  return graft_compare_create(f->graph, good_graft_graph(f, foreign), NULL);
}
static void *good_graft_rules(fixture *f, bool foreign) {
  (void)foreign;
  return graft_rules_create(f->context, false);
}
static void *good_graft_quantizers(fixture *f, bool foreign) {
  (void)foreign;
  return graft_quantizers_create(f->context, false);
}
static void *good_graft_layers(fixture *f, bool foreign) { return graft_layers_create(good_graft_graph(f, foreign)); }

/* 0 and 4: as it is; NULL, another kind of thing, a dead one. */
static void *handle(fixture *f, void *good, unsigned v) {
  if (v == 1) return NULL;
  if (v == 2) return good == (void *)f->context ? (void *)f->module : (void *)f->context;
  if (v != 3) return good;
  if (good == (void *)f->context) return good; /* a context that is gone for good cannot be told */
  if (good == (void *)f->graph || good == (void *)f->module) {
    graft_module *dead = make_module(f->context, NULL);
    good = good == (void *)f->graph ? (void *)graft_module_get_graph(dead, 0) : (void *)dead;
    graft_module_destroy(dead);
    return good;
  }
  graft_session_destroy(good); /* of its kind; the others are refused, and say so */
  graft_compare_destroy(good);
  graft_rules_destroy(good);
  graft_quantizers_destroy(good);
  graft_layers_destroy(good);
  graft_diagnostics_clear(f->context);
  return good;
}

/* ---- structs that begin with their size ---- */

typedef void (*filler)(fixture *f, void *out);
enum { SIZES = 15 };
static const char *const size_names[SIZES] = {"good",
                                              "NULL",
                                              "0",
                                              "1",
                                              "7",
                                              "1 too few",
                                              "1 too many",
                                              "64 too many, set",
                                              "SIZE_MAX",
                                              "64 unset",
                                              "the size alone",
                                              "two words",
                                              "half",
                                              "without the last word",
                                              "1 MiB"};
static bool is_wrong_size(unsigned v) { return (v >= 2 && v <= 8) || v == 14; }

static void *sized(fixture *f, size_t size, filler fill, unsigned v) {
  size_t given = size;
  switch (v) {
  case 1: return NULL;
  case 2: given = 0; break;
  case 3: given = 1; break;
  case 4: given = 7; break;
  case 5: given = size - 1; break;
  case 6: given = size + 1; break;
  case 7:
  case 9: given = size + 64; break;
  case 8: given = SIZE_MAX; break;
  case 10: given = sizeof(size_t); break;
  case 11: given = 2 * sizeof(size_t); break;
  case 12: given = size / 16 * 8; break;
  case 13: given = size - sizeof(size_t); break;
  case 14: given = (size_t)1 << 20; break;
  default: break;
  }
  const bool wild = v == 8 || v == 14;
  const size_t bytes = wild ? size + 2048 : given < sizeof(size_t) ? sizeof(size_t) : given;
  char *whole = scratch(f, size), *out = scratch(f, bytes);
  if (fill) fill(f, whole);
  memcpy(out, whole, size < bytes ? size : bytes);
  if (bytes > size && v != 9) memset(out + size, 0xA5, bytes - size);
  memcpy(out, &given, sizeof given);
  return out;
}

static void fill_graft_node_options(fixture *f, void *out) {
  graft_node_options *o = out;
  o->op = "relu";
  o->operands = &f->x;
  o->operand_count = 1;
}
static void fill_graft_conv_arguments(fixture *f, void *out) {
  static const int64_t one = 1;
  graft_conv_arguments *o = out;
  (void)f;
  o->dims = 1;
  o->in_channels = o->out_channels = 1;
  o->kernel_size = &one;
}
static void fill_graft_linear_arguments(fixture *f, void *out) {
  graft_linear_arguments *o = out;
  (void)f;
  o->in_features = 2;
  o->out_features = 1;
}
static void fill_graft_qconfig(fixture *f, void *out) {
  (void)f;
  ((graft_qconfig *)out)->quantizer = "fx";
}
static void fill_graft_qat_arguments(fixture *f, void *out) {
  graft_qconfig *q = scratch(f, sizeof *q);
  q->size = sizeof *q;
  q->quantizer = "fx";
  ((graft_qat_arguments *)out)->qconfig = q;
}
static void fill_graft_qparams_config(fixture *f, void *out) {
  graft_qparams_config *o = out;
  (void)f;
  o->dtype = GRAFT_U8;
  o->quant_max = 255;
  o->eps = 1e-6;
}
static bool holds(void *user, const graft_graph *graph, const graft_value *values, uint32_t count) {
  (void)user, (void)graph, (void)values, (void)count;
  return true;
}
static void fill_graft_predicate(fixture *f, void *out) {
  graft_predicate *o = out;
  (void)f;
  o->name = "mine";
  o->arity = 1;
  o->holds = holds;
}
static void fill_graft_spec(fixture *f, void *out) {
  (void)f;
  ((graft_spec *)out)->kind = "spec";
}

/* ---- numbers, texts, enums ---- */

enum { ENUMS = 5 };
static int an_enum(fixture *f, unsigned v) {
  static const int values[ENUMS] = {1, 0, 77, 99, -1};
  (void)f;
  return values[v];
}

#define NUMBERS(type, ...) \
  __attribute__((unused)) static type value_##type(fixture *f, unsigned v) { \
    static const type values[] = {__VA_ARGS__}; \
    (void)f; \
    return values[v]; \
  } \
  enum { VALUES_##type = sizeof((const type[]){__VA_ARGS__}) / sizeof(type) };
NUMBERS(uint32_t, 0, 1, GRAFT_NONE, 0xFFFFFFFE, 1000000)
NUMBERS(int32_t, 2, 0, -1, -5, 99, INT32_MAX, INT32_MIN)
NUMBERS(int64_t, 1, 0, -1, -7, INT64_MAX, INT64_MIN, (int64_t)1 << 40)
NUMBERS(uint64_t, 1, 0, UINT64_MAX, (uint64_t)1 << 40)
NUMBERS(size_t, 0, 1, 64)
NUMBERS(double, 1, 0, -1, (double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, 1e-320)
NUMBERS(float, 1, 0, -1, NAN, INFINITY, -INFINITY, 1e38f, 1e-40f)
NUMBERS(bool, false, true)

enum { VALUES_graft_node = 5, VALUES_graft_value = 7, VALUES_graft_tensor = 5, VALUES_graft_place = 5 };
static graft_node value_graft_node(fixture *f, unsigned v) {
  return (graft_node[]){f->relu, GRAFT_NONE, 0xFFFFFFFE, 12345678, f->erased}[v];
}
static graft_value value_graft_value(fixture *f, unsigned v) {
  return (graft_value[]){f->x, f->y, f->handle, GRAFT_NONE, 0xFFFFFFFE, 12345678, f->erased_value}[v];
}
static graft_tensor value_graft_tensor(fixture *f, unsigned v) {
  return (graft_tensor[]){f->weight, GRAFT_NONE, 0xFFFFFFFE, 12345678, f->erased_tensor}[v];
}
static graft_place value_graft_place(fixture *f, unsigned v) {
  return (graft_place[]){{f->x, 0, 0},
                         {GRAFT_NONE, f->relu, 0},
                         {GRAFT_NONE, f->erased, 0},
                         {GRAFT_NONE, f->relu, 77},
                         {0xFFFFFFFE, GRAFT_NONE, GRAFT_NONE}}[v];
}

enum { TEXTS = 8, LONG = 70000 };
static const char *long_text(void) {
  static char text[LONG + 1];
  memset(text, 'a', LONG);
  return text;
}
static const char *a_text(fixture *f, unsigned v) {
  (void)f;
  return (const char *[TEXTS]){"x", "y", "", NULL, long_text(), "\x01\xff\",{}\n%s%n", "relu", "w_4294967295"}[v];
}
static const char *text_path(fixture *f, unsigned v) {
  (void)f;
  return (const char *[TEXTS]){"file.gir",  "file.safetensors",  "",  NULL,
                               long_text(), "/nowhere/file.gfb", ".", "\xff.json"}[v];
}
static const char *text_pipeline(fixture *f, unsigned v) {
  (void)f;
  return (const char *[TEXTS]){
      "canonicalize", "prepare-qat{quantizer=xnnpack}", "", NULL, long_text(), "{{{,", "nosuch", "convert{"}[v];
}
static const char *text_op(fixture *f, unsigned v) {
  (void)f;
  return (const char *[TEXTS]){"relu", "vendor.op", "", NULL, long_text(), "conv2d", "spec", "add"}[v];
}

/* ---- structs and pointers ---- */

enum { TYPES = 11, VALUES_const_graft_type_p = TYPES + 1 };
static const graft_type *value_const_graft_type_p(fixture *f, unsigned v) {
  const graft_type values[TYPES] = {vector(),
                                    {.dtype = GRAFT_F32},
                                    {GRAFT_F32, 1, {0}},
                                    {GRAFT_F32, -1, {0}},
                                    {GRAFT_F32, 9, {1, 1, 1, 1, 1, 1, 1, 1}},
                                    {GRAFT_F32, INT32_MAX, {1}},
                                    {GRAFT_F32, 1, {-7}},
                                    {GRAFT_F32, 4, {INT64_MAX, INT64_MAX, 2, 2}},
                                    {(graft_dtype)77, 1, {2}},
                                    {(graft_dtype)-1, 1, {2}},
                                    {GRAFT_UNKNOWN, 1, {2}}};
  if (v == TYPES) return NULL;
  graft_type *all = scratch(f, 16 * sizeof *all);
  for (int i = 0; i < 16; i++) all[i] = values[v];
  return all;
}

/* Handles that there are in callbacks alone; `ONLY_IN_CALLBACKS(NAME)`: NULL is all that they are given. */
#define ONLY_IN_CALLBACKS(type)
ONLY_IN_CALLBACKS(graft_pass_call)

enum { VALUES_void_p = 2 };
__attribute__((unused)) static void *value_void_p(fixture *f, unsigned v) { return v ? scratch(f, 16) : NULL; }

enum { VALUES_const_graft_attr_p = 12 };
static const graft_attr *value_const_graft_attr_p(fixture *f, unsigned v) {
  static const graft_attr values[VALUES_const_graft_attr_p - 1] = {
      {.name = "alpha", .kind = GRAFT_ATTR_FLOAT, .as.f = 1},
      {.name = NULL, .kind = GRAFT_ATTR_INT},
      {.name = "", .kind = GRAFT_ATTR_INT},
      {.name = "alpha", .kind = (graft_attr_kind)99},
      {.name = "alpha", .kind = GRAFT_ATTR_INTS, .count = 3},
      {.name = "alpha", .kind = GRAFT_ATTR_FLOATS, .count = 3},
      {.name = "alpha", .kind = GRAFT_ATTR_STRING},
      {.name = "alpha", .kind = GRAFT_ATTR_DTYPE, .as.dtype = (graft_dtype)77},
      {.name = "alpha", .kind = GRAFT_ATTR_GRAPH, .as.graph = 999},
      {.name = "alpha", .kind = GRAFT_ATTR_FLOAT, .as.f = (double)NAN},
      {.name = "alpha", .kind = GRAFT_ATTR_NONE}};
  if (v == VALUES_const_graft_attr_p - 1) return NULL;
  graft_attr *a = scratch(f, sizeof *a);
  *a = values[v];
  return a;
}

enum { VALUES_const_graft_quantized_value_p = 4 };
static const graft_quantized_value *value_const_graft_quantized_value_p(fixture *f, unsigned v) {
  graft_quantized_value *q = scratch(f, sizeof *q);
  *q = (graft_quantized_value[]){
      {f->x, f->x, f->x}, {GRAFT_NONE, GRAFT_NONE, GRAFT_NONE}, {0xFFFFFFFE, f->erased_value, 12345678}}[v % 3];
  return v == 3 ? NULL : q;
}

enum { VALUES_const_graft_diagnostic_p = 4 };
static const graft_diagnostic *value_const_graft_diagnostic_p(fixture *f, unsigned v) {
  graft_diagnostic *d = scratch(f, sizeof *d);
  *d = graft_diagnostic_get(f->context, 0);
  if (v == 2) memset(d, 0, sizeof *d);
  if (v == 3) d->severity = (graft_severity)99;
  return v == 1 ? NULL : d;
}

enum { VALUES_const_graft_statistics_p = 2, VALUES_const_void_p = 2, VALUES_const_int64_t_p = 4 };
static const graft_statistics *value_const_graft_statistics_p(fixture *f, unsigned v) {
  return v ? NULL : scratch(f, sizeof(graft_statistics));
}
static const void *value_const_void_p(fixture *f, unsigned v) { return v ? NULL : scratch(f, 65536); }
static const int64_t *value_const_int64_t_p(fixture *f, unsigned v) {
  int64_t *p = scratch(f, 16 * sizeof *p);
  for (int i = 0; i < 16; i++) p[i] = (int64_t[]){2, 0, -7, INT64_MAX}[v];
  return v == 1 ? NULL : p;
}
enum { VALUES_const_void_pconst_p = 3 };
static const void *const *value_const_void_pconst_p(fixture *f, unsigned v) {
  const void **p = scratch(f, 16 * sizeof *p);
  for (int i = 0; i < 16 && v == 0; i++) p[i] = i ? p[0] : scratch(f, 65536);
  return v == 1 ? NULL : p;
}

/* ---- lists, with their length ---- */

enum {
  LIST_char_p = 4,
  LIST_const_char_p = 5,
  LIST_const_void_p = 5,
  LIST_void_p = 1,
  LIST_const_graft_value_p = 5,
  LIST_const_graft_attr_p = 13
};
static char *list_char_p(fixture *f, unsigned v) {
  static const size_t sizes[LIST_char_p] = {64, 0, 1, 0};
  f->count = sizes[v];
  return v == 1 ? NULL : scratch(f, sizes[v]);
}
static void *list_bytes(fixture *f, unsigned v) {
  static const size_t sizes[] = {40, 0, 5, 0, 64};
  char *p = scratch(f, sizes[v]);
  if (v == 0) memcpy(p, "graph main(%x: f32[2]) { return y = %x }", 40);
  if (v == 4) memset(p, 0xA5, 64);
  f->count = sizes[v];
  return v == 1 || v == 2 ? NULL : p;
}
static const char *list_const_char_p(fixture *f, unsigned v) { return list_bytes(f, v); }
static const void *list_const_void_p(fixture *f, unsigned v) { return list_bytes(f, v); }
static void *list_void_p(fixture *f, unsigned v) {
  (void)v;
  f->count = 0;
  return NULL;
}
static const graft_value *list_const_graft_value_p(fixture *f, unsigned v) {
  graft_value *p = scratch(f, 2 * sizeof *p);
  p[0] = v == 4 ? f->erased_value : f->x;
  p[1] = v == 3 ? 0xFFFFFFFE : GRAFT_NONE;
  f->count = (uint64_t[]){1, 0, 3, 2, 2}[v];
  return v == 1 || v == 2 ? NULL : p;
}
static const graft_attr *list_const_graft_attr_p(fixture *f, unsigned v) {
  f->count = v > 0;
  return v == 0 ? NULL : value_const_graft_attr_p(f, v - 1);
}

#include "misuse_rows.h"

/* ---- the test ---- */

static const char *running = "";
static void crashed(int signal_number) {
  (void)!write(2, running, strlen(running));
  (void)!write(2, ": crashed\n", 10);
  _exit(128 + signal_number);
}

static unsigned failures;
static char text_of_call[512];

static const char *describe(const row *r, const unsigned *values) {
  int n = snprintf(text_of_call, sizeof text_of_call, "%s(", r->name);
  for (unsigned i = 0; i < r->params && n < 400; i++)
    n += snprintf(text_of_call + n, sizeof text_of_call - (size_t)n, "%s%u%s%s%s", i ? ", " : "", values[i],
                  r->sized >> i & 1 ? " (size " : "", r->sized >> i & 1 ? size_names[values[i]] : "",
                  r->sized >> i & 1 ? ")" : "");
  snprintf(text_of_call + n, sizeof text_of_call - (size_t)n, ")");
  return text_of_call;
}

static void fail(const char *why) {
  failures++;
  fprintf(stderr, "%s: %s\n", running, why);
}

static void *bounded(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user, (void)old_size;
  if (new_size) return new_size > (size_t)256 << 20 ? NULL : realloc(pointer, new_size);
  free(pointer);
  return NULL;
}

/* Those that give back the code that they are given, and those whose handle is there in callbacks alone. */
static bool says_nothing(const char *name) {
  return strcmp(name, "graft_node_diagnostic") == 0 || strcmp(name, "graft_diagnostic_add") == 0 ||
         strncmp(name, "graft_pass_call_", strlen("graft_pass_call_")) == 0;
}

/* What it gave back, and whether it said why it did not. */
static bool call(const row *r, const unsigned *values, bool alone) {
  fixture f = {.context = graft_context_create(
                   &(graft_context_options){.size = sizeof(graft_context_options), .allocator = bounded})};
  graft_context *c = f.context;
  graft_module *keeper = f.module = make_module(c, &f); /* the context lives as long as it does */
  f.other = make_module(c, NULL);
  graft_graph *second = graft_graph_create(f.module, "second");
  (void)second;
  running = describe(r, values);
  f.ok = true;
  r->call(&f, values);
  bool has_context = false;
  for (unsigned i = 0; i < r->params; i++) has_context |= values[i] != 1; /* of a NULL alone none is known */
  if (strcmp(r->name, "graft_module_clone") == 0) has_context = values[0] == 0 || values[1] == 0;
  const bool said = graft_context_has_errors(c);
  if (r->says == SAYS_STATUS && !f.ok && !said && has_context && values[0] != 1 && !says_nothing(r->name))
    fail("failed, and nothing is said");
  if (r->says == SAYS_STATUS && f.ok && said && alone && strstr(r->name, "_destroy") == NULL && !says_nothing(r->name))
    fail("an error is said, and none given");
  graft_diagnostics_clear(c);
  const graft_status valid = graft_module_verify(keeper);
  if (valid && strcmp(r->name, "graft_module_destroy") != 0) {
    fail("the module is not valid any more");
    for (uint32_t i = 0; i < graft_diagnostic_count(c); i++)
      fprintf(stderr, "  %s\n", graft_diagnostic_get(c, i).message);
  }
  graft_module_destroy(f.other);
  graft_module_destroy(keeper);
  if (strcmp(r->name, "graft_context_destroy") != 0 || values[0] == 1 || values[0] == 2) graft_context_destroy(c);
  for (unsigned i = 0; i < f.taken_count; i++) free(f.taken[i]);
  return f.ok;
}

static uint32_t next(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u, *seed >> 8; }

static void try_row(const row *r, unsigned random_calls) {
  unsigned values[12] = {0};
  const bool good = call(r, values, true);
  for (unsigned i = 0; i < r->params; i++) {
    for (values[i] = 1; values[i] < r->values[i]; values[i]++) {
      const bool ok = call(r, values, true);
      if (!(r->sized >> i & 1)) continue;
      const bool no_size = is_wrong_size(values[i]) && !(values[i] == 7 && r->filled >> i & 1);
      if (ok && r->says != SAYS_NOTHING && no_size) fail("such a size is to be refused");
      if (ok != good && values[i] == 9) fail("what is not set does not matter");
    }
    values[i] = 0;
  }
  uint32_t seed = 1;
  for (unsigned k = 0; k < random_calls && r->params > 1; k++) {
    for (unsigned i = 0; i < r->params; i++) values[i] = next(&seed) % 2 ? next(&seed) % r->values[i] : 0;
    (void)call(r, values, false);
  }
}

int main(int argc, char **argv) { /* [CALLS [FUNCTION]]: random calls of each function; one alone */
  const unsigned random_calls = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20;
  char folder[] = "/tmp/graft-misuse-XXXXXX";
  if (!mkdtemp(folder) || chdir(folder)) return 2;
  signal(SIGSEGV, crashed);
  signal(SIGABRT, crashed);
  signal(SIGFPE, crashed);
  unsigned count = 0;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (argc > 2 && strcmp(argv[2], rows[i].name) != 0) continue;
    try_row(&rows[i], random_calls);
    count++;
  }
  for (const char *const *s =
           (const char *const[]){"file.gir", "file.safetensors", "\xff.json", "x", "y", "relu", "w_4294967295", NULL};
       *s; s++)
    (void)unlink(*s);
  if (!chdir("/")) (void)rmdir(folder);
  printf("%u functions, %u failures\n", count, failures);
  return failures > 0;
}
