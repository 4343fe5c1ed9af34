/* Edits of a module that is there, copies, borrowed weights, annotations, and the layers of a graph. */
#include "ir/edit.h"
#include "ir/annotations.h"
#include "ir/inspect.h"
#include "ir/layers.h"
#include "passes/passes.h"
#include "roads.h"

/* Specs and provenance that a program states itself. */
static graft_status annotate(trial *t) {
  road_load_for_sure(t);
  graft_graph *g = graft_module_get_graph(t->m, 0);
  const graft_node conv = graft_node_first(g);
  const graft_value y = graft_node_result(g, conv, 0);
  const graft_attr high = {.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = 100};
  const graft_place x = graft_place_edge(conv, 0), weight = graft_place_edge(conv, 1);
  const graft_spec observed = {
      .size = sizeof observed, .kind = "spec", .attrs = &high, .attr_count = 1, .origin = "mine"};
  const graft_spec shared = {.size = sizeof shared, .kind = "shared", .places = &x, .place_count = 1};
  const graft_node_options made = {.size = sizeof made,
                                   .op = "relu",
                                   .operands = &y,
                                   .operand_count = 1,
                                   .name = "new",
                                   .from = &conv,
                                   .from_count = 1,
                                   .pass = "mine",
                                   .rule = "made",
                                   .equals = &y};
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < 6 && !s; i++) {
    road_step(t);
    switch (i) {
    case 0: s = graft_spec_set(g, x, &observed); break;
    case 1: s = graft_spec_remove(g, weight); break;
    case 2: s = graft_annotate(g, weight, &shared); break;
    case 3: s = graft_node_create(g, &made) == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK; break;
    case 4: s = graft_module_compact(t->m); break;
    default: s = graft_spec_clear(g); break;
    }
  }
  if (!s) append_module(&t->out, t->m);
  return s;
}
static int lendings, releases;

static void released(void *user, const void *data, size_t size) {
  (void)user, (void)data, (void)size;
  releases++;
}

static void all_is_given_back(void) { ck_assert_int_eq(releases, lendings); }

/* All that edit.h has, each as a whole or not at all; what was lent is given back once, whatever comes. */
static graft_status edit(trial *t) {
  road_load_for_sure(t);
  static float lent[2] = {1, 2};
  graft_graph *g = graft_module_get_graph(t->m, 0), *inner = NULL;
  const graft_type type = graft_type_make(GRAFT_F32, 4, (int64_t[]){2, 2, 4, 4}),
                   row = graft_type_make(GRAFT_F32, 1, (int64_t[]){2});
  road_heap.off = true;
  const graft_value relu = graft_value_find(g, "relu"), sum = graft_value_find(g, "sum"),
                    bn = graft_value_find(g, "bn");
  const graft_tensor bias = graft_tensor_find(t->m, "conv.bias"), mean = graft_tensor_find(t->m, "bn.running_mean");
  road_heap.off = false;
  graft_tensor w = GRAFT_NONE;
  graft_node n = GRAFT_NONE;
  graft_status s = GRAFT_OK;
  lendings = releases = 0;
  t->finish = all_is_given_back;
  for (uint32_t i = 0; i < 27 && !s; i++) {
    road_step(t);
    bool ok = true;
    switch (i) {
    case 0: s = graft_input_rename(g, 0, "image"); break;
    case 1: s = graft_output_rename(g, 0, "classes"); break;
    case 2: s = graft_value_rename(g, relu, "activation"); break;
    case 3: s = graft_tensor_rename(t->m, bias, "conv.offset"); break;
    case 4: s = graft_graph_rename(g, "network"); break;
    case 5: s = graft_input_set_type(g, 0, &type); break;
    case 6: ok = graft_input_add(g, "more", &type) != GRAFT_NONE; break;
    case 7: s = graft_output_add(g, "early", relu); break;
    case 8: s = graft_output_set(g, 1, bn); break;
    case 9: s = graft_output_remove(g, 1); break;
    case 10: s = graft_input_remove(g, 1); break;
    case 11: s = graft_update_remove(g, mean); break;
    case 12: s = graft_tensor_set_kind(t->m, mean, GRAFT_PARAMETER); break;
    case 13:
      n = graft_node_create(g, &(graft_node_options){.size = sizeof(graft_node_options),
                                                     .op = "relu",
                                                     .operands = &sum,
                                                     .operand_count = 1,
                                                     .name = "again",
                                                     .before = graft_node_next(g, graft_value_node(g, sum)),
                                                     .insert = true});
      ok = n != GRAFT_NONE;
      break;
    case 14: s = graft_value_replace_uses_except(g, sum, graft_node_result(g, n, 0), n); break;
    case 15: s = graft_node_move_before(g, graft_node_first(g), graft_node_next(g, graft_node_first(g))); break;
    case 16: s = graft_node_set_user(g, n, &releases); break;
    case 17:
      lendings++,
          ok = (w = graft_tensor_borrow(t->m, "lent", GRAFT_PARAMETER, &row, lent, released, NULL)) != GRAFT_NONE;
      break;
    case 18: lendings++, s = graft_tensor_set_data_borrowed(t->m, bias, lent, released, NULL); break;
    case 19: s = graft_tensor_erase(t->m, w); break;
    case 20: ok = (inner = graft_graph_create(t->m, "inner")) != NULL; break;
    case 21: s = graft_graph_remove(inner); break;
    case 22: s = graft_module_set_user(t->m, &lendings, NULL); break;
    case 23: s = graft_value_replace_uses(g, graft_node_result(g, n, 0), sum); break;
    case 24: s = graft_node_erase(g, n); break;
    case 25: s = graft_update_add(g, mean, graft_node_result(g, graft_value_node(g, bn), 1)); break;
    default: s = graft_module_compact(t->m); break;
    }
    if (!ok) s = GRAFT_NO_MEMORY;
    ck_assert_int_le(releases, lendings);
  }
  if (!s) append_module(&t->out, t->m);
  return s;
}

/* In the same context and in another one. */
static graft_status clone(trial *t) {
  road_load_for_sure(t);
  road_heap.off = true;
  graft_context *other = t->told = heap_context(&road_heap);
  road_heap.off = false;
  graft_status s = GRAFT_OK;
  for (int i = 0; i < 2 && !s; i++) {
    road_step(t);
    t->told = i ? other : NULL;
    graft_module *copy = graft_module_clone(i ? other : NULL, t->m);
    if (copy)
      append_module(&t->out, copy);
    else
      s = GRAFT_NO_MEMORY;
    graft_module_destroy(copy);
  }
  if (!t->told) graft_context_destroy(other);
  return s;
}

static void append_value(bytes *b, const graft_layer_value *v) {
  append(b, &v->value, sizeof v->value);
  append(b, v->scales, v->count * sizeof *v->scales);
  append(b, v->zero_points, v->count * sizeof *v->zero_points);
}

static graft_status walk(trial *t) {
  road_load_for_sure(t);
  road_step(t);
  graft_layers *layers = graft_layers_create(graft_module_get_graph(t->m, 0));
  if (!layers) return GRAFT_NO_MEMORY;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < graft_layers_count(layers) && !s; i++) {
    graft_quantized_layer l = {.size = sizeof l};
    s = graft_layers_get(layers, i, &l);
    if (s) break;
    append_text(&t->out, l.op);
    for (uint32_t k = 0; k < l.operand_count; k++) append_value(&t->out, &l.operands[k]);
    append_value(&t->out, &l.output);
    append(&t->out, l.multipliers, l.channels * sizeof *l.multipliers);
    if (l.bias_i32) append(&t->out, l.bias_i32, l.channels * sizeof *l.bias_i32);
  }
  graft_layers_destroy(layers);
  return s;
}

static const road roads[] = {
    {"annotate", annotate, road_network, "annotate", NULL, 0},
    {"edit", edit, road_network, "annotate", NULL, 0},
    {"clone", clone, road_network, "annotate", NULL, 0},
    {"clone integers", clone, road_layers, CONVERTED ",lower", NULL, 0},
    {"clone graphs", clone, road_branches, NULL, NULL, 0},
    {"walk", walk, road_layers, CONVERTED, NULL, 0},
    {"walk integers", walk, road_layers, CONVERTED ",lower", NULL, 0},
};

int main(int argc, char **argv) { return roads_main(argc, argv, roads, sizeof roads / sizeof *roads); }
