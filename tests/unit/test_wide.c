/* Many graphs, tensors, nodes, users of one value, updates and specs: what a module takes, and what is done with it by
 * every pass and format, grows with them, not with their product. Counted in bytes that are allocated, since each byte
 * is filled once or more. */
#include "ir/edit.h"
#include "ir/formats/file_int.h"
#include "ir/formats/gfb/gfb_int.h"
#include "ir/formats/sink_int.h"
#include "ir/formats/text/text_int.h"
#include "ir/inspect.h"
#include "passes/passes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 20000, MANY = 2 * FEW };

static uint64_t allocated; /* in all: what grows counts again */

static void *allocate(void *user, void *p, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size == 0) return free(p), NULL;
  allocated += new_size;
  return realloc(p, new_size);
}

/* Each graph reads a parameter of its own, which it updates, and a number that all of them read. */
static graft_module *wide(graft_context *c, uint32_t count) {
  graft_module *m = graft_module_create(c);
  const graft_type one = graft_type_make(GRAFT_F32, 1, (int64_t[]){1});
  for (uint32_t i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "part%u", i);
    graft_graph *g = graft_graph_create(m, name);
    snprintf(name, sizeof name, "w%u.a", i);
    const graft_tensor w = graft_tensor_create(m, name, GRAFT_PARAMETER, &one, &(float){(float)i});
    const graft_value operands[] = {graft_tensor_value(g, w), graft_scalar(g, GRAFT_F32, 2)};
    const graft_value y = graft_build(g, "mul", operands, 2, NULL, 0);
    ck_assert_int_eq(graft_output_add(g, "y", y), GRAFT_OK);
    if (i % 2) ck_assert_int_eq(graft_update_add(g, w, y), GRAFT_OK);
  }
  return m;
}

enum { BUILD, VERIFY, PRINT, PARSE, SAVE, OPEN, CLONE, DCE, COMPACT, STEPS };
static const char *const names[STEPS] = {"building",     "verifying", "printing .gir", "reading .gir", "writing .gfb",
                                         "reading .gfb", "cloning",   "dce",           "compacting"};

static uint64_t taken(void) {
  const uint64_t bytes = allocated;
  allocated = 0;
  return bytes;
}

static void measure(uint32_t count, uint64_t bytes[STEPS]) {
  graft_context *c =
      graft_context_create(&(graft_context_options){.size = sizeof(graft_context_options), .allocator = allocate});
  taken();
  graft_module *m = wide(c, count);
  bytes[BUILD] = taken();
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  bytes[VERIFY] = taken();
  const uint64_t hash = graft_module_hash(m);
  gr_sink text, file;
  gr_sink_init(&text, c);
  gr_sink_init(&file, c);
  taken();
  ck_assert_int_eq(gr_text_print(m, &text, &(gr_text_options){.large = UINT32_MAX}), GRAFT_OK);
  bytes[PRINT] = taken();
  graft_module *read = graft_module_load_memory(c, text.bytes.data, text.bytes.len, "wide.gir", NULL);
  bytes[PARSE] = taken();
  ck_assert_ptr_nonnull(read);
  ck_assert_uint_eq(graft_module_hash(read), hash);
  taken();
  ck_assert_int_eq(gr_gfb_print(m, NULL, &file), GRAFT_OK);
  bytes[SAVE] = taken();
  graft_module *again = graft_module_load_memory(c, file.bytes.data, file.bytes.len, "wide.gfb", NULL);
  bytes[OPEN] = taken();
  ck_assert_ptr_nonnull(again);
  ck_assert_uint_eq(graft_module_hash(again), hash);
  taken();
  graft_module *copy = graft_module_clone(c, again);
  bytes[CLONE] = taken();
  ck_assert_uint_eq(graft_module_hash(copy), hash);
  /* Every second graph reads another one's tensor. */
  const graft_tensor kept = graft_tensor_find(copy, "w1.a");
  ck_assert_uint_ne(kept, GRAFT_NONE);
  for (uint32_t i = 0; i < count; i += 2) {
    graft_graph *g = graft_module_get_graph(copy, i);
    const graft_node n = graft_node_first(g);
    ck_assert_int_eq(gr_use_set(g, gr_node_at(g, n)->first_use, graft_tensor_value(g, kept)), GRAFT_OK);
  }
  taken();
  ck_assert_int_eq(graft_run_passes(copy, "dce", NULL), GRAFT_OK);
  bytes[DCE] = taken();
  const uint64_t less = graft_module_hash(copy);
  ck_assert_uint_ne(less, hash);
  taken();
  ck_assert_int_eq(graft_module_compact(copy), GRAFT_OK);
  bytes[COMPACT] = taken();
  ck_assert_uint_eq(graft_module_hash(copy), less);
  ck_assert_uint_eq(graft_tensor_limit(copy), count / 2 + 1);
  ck_assert_int_eq(graft_module_verify(copy), GRAFT_OK);
  gr_sink_free(&text);
  gr_sink_free(&file);
  graft_module_destroy(m);
  graft_module_destroy(read);
  graft_module_destroy(again);
  graft_module_destroy(copy);
  graft_context_destroy(c);
}

START_TEST(twice_as_wide_takes_twice_as_much) {
  uint64_t few[STEPS], many[STEPS];
  measure(FEW, few);
  measure(MANY, many);
  for (int i = 0; i < STEPS; i++) { /* tables grow by half or double: not quite twice */
    if (getenv("WIDE_VERBOSE"))
      fprintf(stderr, "%-14s %9llu %9llu\n", names[i], (unsigned long long)few[i], (unsigned long long)many[i]);
    ck_assert_msg(many[i] < 3 * few[i], "%s: %llu bytes, %llu of twice as many graphs", names[i],
                  (unsigned long long)few[i], (unsigned long long)many[i]);
    ck_assert_msg(few[i] < (uint64_t)FEW * 8192, "%s: %llu bytes a graph", names[i], (unsigned long long)few[i] / FEW);
  }
}
END_TEST

/* ---- what passes take ---- */

typedef struct shape {
  const char *name;
  void (*build)(graft_module *m, uint32_t size);
} shape;

static graft_tensor filled(graft_module *m, const char *name, uint32_t number, graft_tensor_kind kind, int rank) {
  char text[32];
  snprintf(text, sizeof text, "l%u.%s", number, name);
  const graft_type type = graft_type_make(GRAFT_F32, rank, (int64_t[]){2, 2, 1, 1});
  const graft_tensor t = graft_tensor_fill(m, text, kind, &type, 0.5, 1.5);
  ck_assert_uint_ne(t, GRAFT_NONE);
  return t;
}

static graft_graph *graph_with_input(graft_module *m, uint32_t number, graft_value *x) {
  char name[32];
  snprintf(name, sizeof name, "g%u", number);
  graft_graph *g = graft_graph_create(m, name);
  const graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){1, 2, 2, 2});
  *x = graft_input_add(g, "x", &type);
  ck_assert_uint_ne(*x, GRAFT_NONE);
  return g;
}

static graft_value conv(graft_graph *g, graft_value x, graft_tensor w) {
  const graft_value operands[] = {x, graft_tensor_value(g, w)};
  return graft_build(g, "conv2d", operands, 2, NULL, 0);
}

/* conv, batch norm with its updates, relu: with tensors of its own. */
static graft_value layer(graft_graph *g, graft_value x, uint32_t number) {
  graft_module *m = graft_graph_get_module(g);
  static const char *const parts[] = {"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"};
  graft_tensor t[4];
  graft_value operands[5] = {conv(g, x, filled(m, "weight", number, GRAFT_PARAMETER, 4))};
  for (int i = 0; i < 4; i++) {
    t[i] = filled(m, parts[i], number, i < 2 ? GRAFT_PARAMETER : GRAFT_BUFFER, 1);
    operands[i + 1] = graft_tensor_value(g, t[i]);
  }
  const graft_attr training = {.name = "training", .kind = GRAFT_ATTR_BOOL, .as.b = true};
  const graft_node n = graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                                  .op = "batch_norm",
                                                                  .operands = operands,
                                                                  .operand_count = 5,
                                                                  .attrs = &training,
                                                                  .attr_count = 1,
                                                                  .result_count = 3});
  ck_assert_uint_ne(n, GRAFT_NONE);
  for (uint32_t i = 0; i < 2; i++)
    ck_assert_int_eq(graft_update_add(g, t[2 + i], graft_node_result(g, n, 1 + i)), GRAFT_OK);
  const graft_value y = graft_node_result(g, n, 0);
  return graft_build(g, "relu", &y, 1, NULL, 0);
}

static void graphs_of_layers(graft_module *m, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) {
    graft_value x;
    graft_graph *g = graph_with_input(m, i, &x);
    ck_assert_int_eq(graft_output_add(g, "y", layer(g, x, i)), GRAFT_OK);
  }
}

static void graphs_of_one_weight(graft_module *m, uint32_t size) {
  const graft_tensor w = filled(m, "weight", 0, GRAFT_PARAMETER, 4);
  for (uint32_t i = 0; i < size; i++) {
    graft_value x;
    graft_graph *g = graph_with_input(m, i, &x);
    ck_assert_int_eq(graft_output_add(g, "y", conv(g, x, w)), GRAFT_OK);
  }
}

static void layers_in_a_row(graft_module *m, uint32_t size) {
  graft_value x;
  graft_graph *g = graph_with_input(m, 0, &x);
  for (uint32_t i = 0; i < size; i++) x = layer(g, x, i);
  ck_assert_int_eq(graft_output_add(g, "y", x), GRAFT_OK);
}

static void users_of_one_value(graft_module *m, uint32_t size) {
  graft_value x;
  graft_graph *g = graph_with_input(m, 0, &x);
  const graft_tensor w = filled(m, "weight", 0, GRAFT_PARAMETER, 4);
  for (uint32_t i = 0; i < size; i++) {
    char name[32];
    snprintf(name, sizeof name, "y%u", i);
    ck_assert_int_eq(graft_output_add(g, name, conv(g, x, w)), GRAFT_OK);
  }
}

static void sums_of_constants(graft_module *m, uint32_t size) {
  graft_value x;
  graft_graph *g = graph_with_input(m, 0, &x);
  for (uint32_t i = 0; i < size; i++) {
    const graft_value c = graft_scalar(g, GRAFT_F32, i), both[] = {c, c};
    const graft_value operands[] = {x, graft_build(g, "mul", both, 2, NULL, 0)};
    x = graft_build(g, "add", operands, 2, NULL, 0);
  }
  ck_assert_int_eq(graft_output_add(g, "y", x), GRAFT_OK);
}

static const shape shapes[] = {{"graphs of layers", graphs_of_layers},
                               {"graphs of one weight", graphs_of_one_weight},
                               {"layers in a row", layers_in_a_row},
                               {"users of one value", users_of_one_value},
                               {"sums of constants", sums_of_constants}};

/* One after the other, on one module. */
static const char *const passes[] = {"canonicalize",
                                     "fold-constants{max-elements=1}",
                                     "reset-bn-parameters",
                                     "freeze-bn",
                                     "unfreeze-bn",
                                     "prepare-qat{quantizer=xnnpack}",
                                     "enable-param-learning",
                                     "to-eval",
                                     "convert",
                                     "u8-activations",
                                     "cse",
                                     "lower",
                                     "to-onnx"};
/* Each on a module of its own. */
static const char *const others[] = {"fuse-modules{auto=true,qat=true,quantizer=xnnpack},qat-to-float",
                                     "to-eval,equalize"};
enum { PASSES = sizeof passes / sizeof *passes, OTHERS = sizeof others / sizeof *others, ALL = PASSES + OTHERS + 2 };

static const char *step_name(int i) {
  return i < PASSES            ? passes[i]
         : i < PASSES + OTHERS ? others[i - PASSES]
         : i == ALL - 2        ? "writing annotated .gfb"
                               : "printing annotated .gir";
}

static void run(graft_context *c, graft_module *m, const char *pipeline) {
  const graft_status status = graft_run_passes(m, pipeline, NULL);
  const uint32_t said = graft_diagnostic_count(c);
  ck_assert_msg(status == GRAFT_OK, "%s: %s", pipeline, said ? graft_diagnostic_get(c, said - 1).message : "");
}

static void measure_passes(const shape *s, uint32_t size, uint64_t bytes[ALL]) {
  graft_context *c =
      graft_context_create(&(graft_context_options){.size = sizeof(graft_context_options), .allocator = allocate});
  graft_module *m[1 + OTHERS];
  for (int i = 0; i < 1 + OTHERS; i++) {
    m[i] = graft_module_create(c);
    s->build(m[i], size);
  }
  run(c, m[0], passes[0]); /* rules are read once */
  gr_sink text, file;
  gr_sink_init(&text, c);
  gr_sink_init(&file, c);
  for (int i = 0; i < PASSES; i++) {
    taken();
    run(c, m[0], passes[i]);
    bytes[i] = taken();
    if (strncmp(passes[i], "prepare-qat", 11) != 0) continue;
    ck_assert_int_eq(gr_gfb_print(m[0], NULL, &file), GRAFT_OK);
    bytes[ALL - 2] = taken();
    ck_assert_int_eq(gr_text_print(m[0], &text, NULL), GRAFT_OK);
    bytes[ALL - 1] = taken();
  }
  for (int i = 0; i < OTHERS; i++) {
    taken();
    run(c, m[1 + i], others[i]);
    bytes[PASSES + i] = taken();
  }
  gr_sink_free(&text);
  gr_sink_free(&file);
  for (int i = 0; i < 1 + OTHERS; i++) graft_module_destroy(m[i]);
  graft_context_destroy(c);
}

/* Of two doublings, since a table that grows in one of them grows by more than half. */
START_TEST(passes_take_twice_as_much) {
  const shape *s = &shapes[_i];
  uint64_t bytes[3][ALL];
  for (uint32_t i = 0; i < 3; i++) measure_passes(s, 800u << i, bytes[i]);
  for (int i = 0; i < ALL; i++) {
    const double first = (double)bytes[1][i] / (double)(bytes[0][i] + 1),
                 second = (double)bytes[2][i] / (double)(bytes[1][i] + 1);
    if (getenv("WIDE_VERBOSE"))
      fprintf(stderr, "%-22s %-40.40s %10llu bytes, then %.2f and %.2f times as many\n", s->name, step_name(i),
              (unsigned long long)bytes[0][i], first, second);
    ck_assert_msg(first < 2.5 || second < 2.5, "%s, %s: %llu bytes, then %.2f and %.2f times as many", s->name,
                  step_name(i), (unsigned long long)bytes[0][i], first, second);
  }
}
END_TEST

/* Handles come and go in one graph of many tensors, in an order that makes their slots collide; each is found, those
 * erased are not, and what an edit does is taken back. */
START_TEST(handles_are_found) {
  graft_context *c = graft_context_create(NULL);
  graft_module *m = graft_module_create(c);
  graft_graph *g = graft_graph_create(m, "main");
  const graft_type one = graft_type_make(GRAFT_F32, 1, (int64_t[]){1});
  enum { TENSORS = 3000 };
  static graft_value handle[TENSORS];
  for (uint32_t t = 0; t < TENSORS; t++) {
    char name[16];
    snprintf(name, sizeof name, "t%u.x", t);
    ck_assert_uint_eq(graft_tensor_create(m, name, GRAFT_PARAMETER, &one, &(float){1}), t);
    handle[t] = GRAFT_NONE;
  }
  uint64_t random = 1;
  for (int round = 0; round < 200; round++) {
    const gr_edit edit = gr_edit_begin(m);
    const bool keep = round % 3 != 0;
    static graft_value before[TENSORS];
    memcpy(before, handle, sizeof before);
    for (int i = 0; i < 40; i++) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const graft_tensor t = TENSORS - 1 - (uint32_t)(random >> 33) % (10 + (uint32_t)round * 14);
      if (random >> 62 == 0 && handle[t] != GRAFT_NONE) {
        ck_assert(gr_undo_room(m, 3));
        gr_handle_erase(g, gr_handle_slot(g, t));
        handle[t] = GRAFT_NONE;
      } else {
        handle[t] = gr_handle(g, t);
        ck_assert_uint_ne(handle[t], GRAFT_NONE);
      }
    }
    ck_assert_int_eq(gr_edit_end(m, edit, keep ? GRAFT_OK : GRAFT_NO_MEMORY), keep ? GRAFT_OK : GRAFT_NO_MEMORY);
    if (!keep) memcpy(handle, before, sizeof handle);
    uint32_t count = 0;
    for (graft_tensor t = 0; t < TENSORS; t++) {
      ck_assert_uint_eq(gr_handle_of(g, t), handle[t]);
      count += handle[t] != GRAFT_NONE;
    }
    ck_assert_uint_eq(gr_handle_count(g), count);
    ck_assert_uint_le(g->handles.len, 3 * count + 64);
    gr_held_list list = {0};
    ck_assert(gr_handles_list(g, &list));
    ck_assert_uint_eq(list.len, count);
    for (uint32_t i = 0; i < count; i++) {
      ck_assert_uint_eq(list.data[i].value, handle[list.data[i].tensor]);
      ck_assert(i == 0 || list.data[i - 1].tensor < list.data[i].tensor);
    }
    gr_vec_free(c, &list);
    ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
    if (round % 50 == 49) {
      ck_assert_int_eq(graft_module_compact(m), GRAFT_OK);
      graft_value next = 0; /* in the order of the tensors */
      for (graft_tensor t = 0; t < TENSORS; t++) {
        if (handle[t] != GRAFT_NONE) handle[t] = next++;
        ck_assert_uint_eq(gr_handle_of(g, t), handle[t]);
      }
    }
  }
  graft_module_destroy(m);
  graft_context_destroy(c);
}
END_TEST

int main(void) {
  Suite *s = suite_create("wide");
  TCase *t = tcase_create("wide");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, twice_as_wide_takes_twice_as_much);
  tcase_add_loop_test(t, passes_take_twice_as_much, 0, sizeof shapes / sizeof *shapes);
  tcase_add_test(t, handles_are_found);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
