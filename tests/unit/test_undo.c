/* Undo: after any edits the module is, byte for byte, the one before, or the one with the edits. */
#include "heap.h"
#include "ir/ir_int.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static test_heap heap;

static const char network[] = "graft 1\n"
                              "tensor %w: f32[2, 2] parameter = [0.5, -0.25, 0.125, 1.0]\n"
                              "tensor %s: f32[2, 2] buffer = fill(\"s\", -0.5, 0.5)\n"
                              "tensor %c: f32[2, 2] constant = [1.0, 2.0, 3.0, 4.0]\n"
                              "graph main(%x: f32[2, 2], %y: f32[2, 2]) {\n"
                              "  %add = add(%x, %w): f32[2, 2] from \"first\"\n"
                              "  %relu = relu(%add): f32[2, 2]\n"
                              "  %mul = mul(%relu, %s): f32[2, 2]\n"
                              "  %add_1 = add(%mul, %y): f32[2, 2]\n"
                              "  return %add_1 as \"z\"\n"
                              "  update %s = %mul\n"
                              "}\n";

typedef struct fixture {
  graft_context *c;
  graft_module *m;
  graft_graph *g;
  uint64_t random;
} fixture;

static fixture make(uint64_t seed) {
  fixture f = {.random = seed};
  heap_fail(&heap, 0, false);
  f.c = heap_context(&heap);
  f.m = graft_module_load_memory(f.c, network, sizeof network - 1, "network", NULL);
  ck_assert_ptr_nonnull(f.m);
  f.g = graft_module_get_graph(f.m, 0);
  return f;
}

static void drop(fixture *f) {
  graft_module_destroy(f->m);
  graft_context_destroy(f->c);
}

static uint32_t below(fixture *f, uint32_t n) {
  f->random = f->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(f->random >> 33) % n;
}

/* Both files of the module; the caller frees. */
static char *printed(fixture *f, size_t *size) {
  char *text = NULL, *binary = NULL;
  size_t text_size = 0, binary_size = 0;
  ck_assert_int_eq(graft_module_print(f->m, GRAFT_FORMAT_TEXT, &text, &text_size), GRAFT_OK);
  ck_assert_int_eq(graft_module_print(f->m, GRAFT_FORMAT_BINARY, &binary, &binary_size), GRAFT_OK);
  char *all = malloc(text_size + 1 + binary_size);
  memcpy(all, text, text_size);
  all[text_size] = '\0';
  memcpy(all + text_size + 1, binary, binary_size);
  *size = text_size + 1 + binary_size;
  graft_free(f->c, text, text_size);
  graft_free(f->c, binary, binary_size);
  return all;
}

static void same(fixture *f, const char *before, size_t before_size) {
  size_t size;
  char *now = printed(f, &size);
  ck_assert_msg(size == before_size && memcmp(now, before, size) == 0, "the module is another one:\n%s\nfor\n%s", now,
                before);
  free(now);
  ck_assert_msg(graft_module_verify(f->m) == GRAFT_OK, "not valid: %s", graft_diagnostic_get(f->c, 0).message);
}

/* A live value that is defined before node `n`: `n` reads only such ones. */
static graft_value earlier(fixture *f, graft_node n) {
  graft_graph *g = f->g;
  graft_value found = g->inputs.data[below(f, g->inputs.len)];
  uint32_t steps = below(f, 8);
  for (graft_node at = gr_node_at(g, n)->prev; at != GRAFT_NONE && steps; at = gr_node_at(g, at)->prev, steps--)
    found = gr_result(g, at, 0);
  if (below(f, 4) == 0) {
    graft_tensor t = below(f, f->m->tensors.len);
    if (!f->m->tensors.data[t].erased) found = gr_handle(g, t);
  }
  return found;
}

static graft_node any_node(fixture *f) {
  graft_node n = f->g->first;
  for (uint32_t i = below(f, f->g->live); i && gr_node_at(f->g, n)->next != GRAFT_NONE; i--)
    n = gr_node_at(f->g, n)->next;
  return n;
}

static const float data[2][4] = {{1, 2, 3, 4}, {5, 6, 7, 8}};

/* One edit that leaves a valid module; which, the generator says. */
static void edit(fixture *f) {
  graft_graph *g = f->g;
  graft_module *m = f->m;
  graft_node n = any_node(f);
  const graft_value v = gr_result(g, n, 0);
  const graft_type type = graft_type_make(GRAFT_F32, 2, (int64_t[]){2, 2});
  switch (below(f, 18)) {
  case 0:
  case 1:
  case 2: {
    const graft_value operands[] = {earlier(f, n), earlier(f, n)};
    const bool binary = below(f, 2);
    gr_node_desc d = {.op = binary ? GR_OP_mul : GR_OP_relu,
                      .operands = operands,
                      .operand_count = binary ? 2 : 1,
                      .result_count = 1,
                      .before = n};
    graft_node made = gr_node_add(g, &d);
    if (made != GRAFT_NONE) gr_use_set(g, gr_node_at(g, n)->first_use, gr_result(g, made, 0));
    break;
  }
  case 3: { /* more operands than before, or fewer */
    const graft_value operands[] = {earlier(f, n), earlier(f, n), earlier(f, n)};
    const bool cat = below(f, 2);
    gr_attr_builder b;
    const gr_op_info *op = gr_op_get(cat ? GR_OP_add : GR_OP_relu);
    gr_attrs_begin(&b, op);
    gr_node_desc d = {.op = cat ? GR_OP_add : GR_OP_relu,
                      .attrs = gr_attrs_intern(m, &b, op, (gr_loc){0}),
                      .operands = operands,
                      .operand_count = cat ? 2 : 1,
                      .result_count = 1,
                      .before = GRAFT_NONE};
    if (d.attrs != GRAFT_NONE) gr_node_become(g, n, &d);
    break;
  }
  case 4: /* users read what the node reads */
    if (gr_operand(g, n, 0) != GRAFT_NONE) gr_replace_uses(g, v, gr_operand(g, n, 0));
    break;
  case 5:
    if (g->live > 2 && gr_unused(g, v)) gr_node_erase(g, n);
    break;
  case 6: gr_use_set(g, gr_node_at(g, n)->first_use, earlier(f, n)); break;
  case 7: gr_value_rename(g, v, gr_name_next(m, gr_value_at(g, v)->name.base)); break;
  case 8:
  case 9: {
    gr_attr_builder b;
    const gr_op_info *op = gr_spec_info(GR_SPEC_spec);
    gr_attrs_begin(&b, op);
    uint32_t spec = gr_spec_intern(m, GR_SPEC_spec, gr_attrs_intern(m, &b, op, (gr_loc){0}), NULL, 0);
    if (spec == GRAFT_NONE) break;
    if (below(f, 2))
      gr_spec_set_use(g, gr_node_at(g, n)->first_use, below(f, 3) ? spec : 0);
    else
      gr_spec_set_value(g, v, below(f, 3) ? spec : 0);
    break;
  }
  case 10:
    if (below(f, 4) == 0) gr_spec_clear(g);
    break;
  case 11: {
    char name[16] = {(char)('a' + below(f, 26)), (char)('a' + g->outputs.len % 26), (char)('a' + g->outputs.len / 26)};
    graft_output_add(g, name, v);
    break;
  }
  case 12: {
    uint32_t u = below(f, g->updates.len + 1);
    if (u < g->updates.len && g->updates.data[u].tensor != GRAFT_NONE)
      gr_update_erase(g, u);
    else {
      graft_tensor t = graft_tensor_create(m, "state", GRAFT_BUFFER, &type, data[0]);
      if (t != GRAFT_NONE) graft_update_add(g, t, v);
    }
    break;
  }
  case 13: {
    graft_tensor t = gr_constant(m, "k", &type, data[below(f, 2)]);
    if (t != GRAFT_NONE) gr_use_set(g, gr_node_at(g, n)->first_use, gr_handle(g, t));
    break;
  }
  case 14:
  case 15: { /* a tensor's bytes, its name, or the tensor itself */
    graft_tensor t = below(f, m->tensors.len);
    if (m->tensors.data[t].erased) break;
    const graft_value handle = gr_handle_of(g, t);
    bool updated = false;
    for (uint32_t i = 0; i < g->updates.len; i++) updated |= g->updates.data[i].tensor == t;
    uint32_t which = below(f, 4); /* constants are found by their bytes, which stay */
    if ((which == 1 || which == 2) && m->tensors.data[t].kind == GRAFT_CONSTANT) break;
    if (which == 0 && !updated && (handle == GRAFT_NONE || gr_unused(g, handle)))
      gr_tensor_erase(m, t);
    else if (which == 1)
      graft_tensor_set_data(m, t, data[below(f, 2)]);
    else if (which == 2) {
      float *bytes = gr_tensor_write(m, t);
      if (bytes) bytes[below(f, 4)] = (float)below(f, 100);
    } else {
      gr_name name = gr_name_derived(m, m->tensors.data[t].name);
      if (name.base != GRAFT_NONE) gr_tensor_rename(m, t, name);
    }
    break;
  }
  case 16: /* builds the maps of names, at any moment */ gr_find_value(g, gr_value_at(g, v)->name); break;
  default: {
    gr_record r = {.source = gr_intern(m, "source", 6)};
    uint32_t record = r.source == GRAFT_NONE ? GRAFT_NONE : gr_record_intern(m, &r, NULL);
    if (record != GRAFT_NONE) gr_node_set_provenance(g, n, record);
  }
  }
}

static void edits(fixture *f, uint32_t count) {
  while (count--) edit(f);
}

/* Edits that are kept are those made without any undoing, whatever was undone between them. */
START_TEST(undone_edits_leave_no_trace) {
  const uint64_t seed = (uint64_t)_i;
  fixture plain = make(seed), marked = make(seed);
  edits(&plain, 30);
  size_t first_size, size;
  char *first = printed(&marked, &first_size);
  gr_edit edit = gr_edit_begin(marked.m);
  for (uint32_t round = 0; round < 3; round++) {
    const uint64_t random = marked.random;
    size_t before_size;
    char *before = printed(&marked, &before_size);
    gr_edit inner = gr_edit_begin(marked.m);
    edits(&marked, 1 + below(&marked, 40));
    gr_edit innermost = gr_edit_begin(marked.m);
    edits(&marked, 5);
    ck_assert_int_eq(gr_edit_end(marked.m, innermost, round ? GRAFT_OK : GRAFT_PASS), round ? GRAFT_OK : GRAFT_PASS);
    edits(&marked, 5);
    ck_assert_int_eq(gr_edit_end(marked.m, inner, GRAFT_PASS), GRAFT_PASS);
    same(&marked, before, before_size);
    free(before);
    marked.random = random;
    edits(&marked, 10);
  }
  char *wanted = printed(&plain, &size);
  same(&marked, wanted, size);
  free(wanted);
  const bool keep = _i % 2;
  wanted = printed(&marked, &size);
  ck_assert_int_eq(gr_edit_end(marked.m, edit, keep ? GRAFT_OK : GRAFT_RUN), keep ? GRAFT_OK : GRAFT_RUN);
  if (keep)
    same(&marked, wanted, size);
  else
    same(&marked, first, first_size);
  free(first);
  free(wanted);
  drop(&plain);
  drop(&marked);
}
END_TEST

/* Without memory changes are refused, and the module is the one before. */
START_TEST(without_memory_the_module_is_the_one_before) {
  fixture f = make((uint64_t)_i);
  edits(&f, 10);
  size_t size;
  char *before = printed(&f, &size);
  gr_edit edit = gr_edit_begin(f.m);
  edits(&f, 1 + below(&f, 30));
  heap_fail(&heap, 1, true);
  edits(&f, 200); /* more than what fits into the room there is */
  heap_fail(&heap, 0, false);
  edits(&f, 3); /* lost stays lost */
  ck_assert_int_eq(gr_edit_end(f.m, edit, GRAFT_OK), GRAFT_NO_MEMORY);
  ck_assert(graft_context_has_errors(f.c));
  graft_diagnostics_clear(f.c);
  same(&f, before, size);
  free(before);
  drop(&f);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("undo");
  TCase *c = tcase_create("undo");
  tcase_add_loop_test(c, undone_edits_leave_no_trace, 0, 300);
  tcase_add_loop_test(c, without_memory_the_module_is_the_one_before, 0, 100);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_set_fork_status(runner, CK_NOFORK);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
