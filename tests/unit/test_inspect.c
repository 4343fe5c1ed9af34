/* What a backend reads, by public headers alone: the digits' network as it is read, annotated, prepared, converted and
 * lowered, each fact held against another road to it (operands and users, first and next, the JSON). Then specs and
 * provenance that a program sets itself. */
#include "ir/annotations.h"
#include "ir/inspect.h"
#include "ir/op_table.h"
#include "passes/passes.h"
#include "patterns/patterns.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *digits;
static graft_context *context;
static graft_module *module;
static graft_graph *graph;

static void setup(void) {
  context = graft_context_create(NULL);
  module = graft_module_load(context, digits, NULL);
  ck_assert_ptr_nonnull(module);
  graph = graft_module_get_graph(module, 0);
}
static void teardown(void) {
  graft_module_destroy(module);
  graft_context_destroy(context);
}

static void run(const char *pipeline) {
  ck_assert_msg(graft_run_passes(module, pipeline, NULL) == GRAFT_OK, "%s: %s", pipeline,
                graft_diagnostic_get(context, 0).message);
}

/* What the network becomes, in the order of a backend's work. */
static const char *const stages[] = {NULL, "canonicalize,annotate{quantizer=xnnpack,per-channel=true,qat=true}",
                                     "prepare-qat{quantizer=xnnpack,per-channel=true}",
                                     "prepare-qat{quantizer=xnnpack,per-channel=true},to-eval,convert",
                                     "prepare-qat{quantizer=xnnpack,per-channel=true},to-eval,convert,lower"};
enum { STAGES = sizeof stages / sizeof *stages };

static const char *node_name(graft_node n) {
  static char buffers[4][256];
  static unsigned next;
  char *b = buffers[next++ % 4];
  graft_node_name(graph, n, b, sizeof buffers[0]);
  return b;
}
static const char *value_name(graft_value v) {
  static char buffers[4][256];
  static unsigned next;
  char *b = buffers[next++ % 4];
  graft_value_name(graph, v, b, sizeof buffers[0]);
  return b;
}

/* ---- uses, order, indices ---- */

/* Every use is found from its value, once, and every operand, output and update is such a use. */
static void check_uses(void) {
  uint32_t by_value = 0, by_user = 0;
  for (graft_value v = 0; v < graft_value_limit(graph); v++) {
    uint32_t uses = 0;
    for (graft_use u = graft_value_first_use(graph, v); u != GRAFT_NONE; u = graft_use_next(graph, u), uses++) {
      const graft_user user = graft_use_get(graph, u);
      ck_assert_uint_eq(user.value, v);
      if (user.kind == GRAFT_USER_NODE)
        ck_assert_uint_eq(graft_node_operand(graph, user.node, user.index), v);
      else if (user.kind == GRAFT_USER_OUTPUT)
        ck_assert_uint_eq(graft_output_get(graph, user.index), v);
      else if (user.kind == GRAFT_USER_UPDATE)
        ck_assert_uint_eq(graft_update_value(graph, user.index), v);
      else
        ck_abort_msg("a use of nothing");
      ck_assert((user.kind == GRAFT_USER_NODE) == (user.node != GRAFT_NONE));
    }
    ck_assert_uint_eq(uses, graft_value_use_count(graph, v));
    ck_assert(graft_value_is_live(graph, v) || uses == 0);
    by_value += uses;
  }
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n))
    for (uint32_t i = 0; i < graft_node_operand_count(graph, n); i++)
      by_user += graft_node_operand(graph, n, i) != GRAFT_NONE;
  for (uint32_t i = 0; i < graft_update_count(graph); i++) {
    by_user += graft_update_value(graph, i) != GRAFT_NONE;
    ck_assert((graft_update_value(graph, i) == GRAFT_NONE) == (graft_update_tensor(graph, i) == GRAFT_NONE));
  }
  ck_assert_uint_eq(by_value, by_user + graft_output_count(graph));
}

static void check_indices(void) {
  uint32_t nodes = 0, live_nodes = 0, tensors = 0, live_tensors = 0;
  graft_node last = GRAFT_NONE;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n), nodes++) {
    ck_assert_uint_eq(graft_node_prev(graph, n), last);
    ck_assert_uint_lt(n, graft_node_limit(graph));
    for (uint32_t i = 0; i < graft_node_result_count(graph, n); i++) {
      const graft_value v = graft_node_result(graph, n, i);
      ck_assert(v == GRAFT_NONE || graft_value_index(graph, v) == i);
    }
    last = n;
  }
  ck_assert_uint_eq(graft_node_last(graph), last);
  for (graft_node n = 0; n < graft_node_limit(graph); n++) live_nodes += graft_node_is_live(graph, n);
  ck_assert_uint_eq(nodes, graft_node_count(graph));
  ck_assert_uint_eq(live_nodes, nodes);
  for (graft_tensor t = graft_tensor_first(module); t != GRAFT_NONE; t = graft_tensor_next(module, t), tensors++)
    ck_assert(graft_tensor_is_live(module, t));
  for (graft_tensor t = 0; t < graft_tensor_limit(module); t++) live_tensors += graft_tensor_is_live(module, t);
  ck_assert_uint_eq(tensors, graft_tensor_count(module));
  ck_assert_uint_eq(live_tensors, tensors);
  ck_assert(!graft_node_is_live(graph, graft_node_limit(graph)));
  ck_assert(!graft_value_is_live(graph, graft_value_limit(graph)));
  ck_assert(!graft_tensor_is_live(module, graft_tensor_limit(module)));
  for (uint32_t i = 0; i < graft_input_count(graph); i++)
    ck_assert_uint_eq(graft_value_index(graph, graft_input_get(graph, i)), i);
}

START_TEST(users_and_indices_agree) {
  if (stages[_i]) run(stages[_i]);
  check_uses();
  check_indices();
  const uint32_t nodes = graft_node_count(graph), tensors = graft_tensor_count(module);
  if (_i >= 3) ck_assert_uint_gt(graft_node_limit(graph), nodes); /* convert erased some */
  ck_assert_int_eq(graft_module_compact(module), GRAFT_OK);
  ck_assert_uint_eq(graft_node_limit(graph), nodes);
  ck_assert_uint_eq(graft_tensor_limit(module), tensors);
  check_uses();
  check_indices();
}
END_TEST

START_TEST(graphs_are_named) {
  ck_assert_ptr_eq(graft_graph_get_module(graph), module);
  ck_assert_uint_eq(graft_graph_get_index(graph), 0);
  ck_assert_ptr_eq(graft_module_find_graph(module, graft_graph_get_name(graph)), graph);
  ck_assert_ptr_null(graft_module_find_graph(module, "nothing"));
  graft_graph *second = graft_graph_create(module, "second");
  ck_assert_ptr_eq(graft_module_find_graph(module, "second"), second);
  ck_assert_uint_eq(graft_graph_get_index(second), 1);
  ck_assert_str_eq(graft_graph_get_name(second), "second");
  ck_assert_uint_eq(graft_node_last(second), GRAFT_NONE);
}
END_TEST

/* ---- the JSON says the same ---- */

static json_t *get(json_t *object, const char *key) { return json_object_get(object, key); }
static const char *text_of(json_t *object, const char *key) {
  return get(object, key) ? json_string_value(get(object, key)) : "";
}

static json_t *as_json(bool no_provenance) {
  char *bytes;
  size_t size;
  const graft_save_options options = {
      .size = sizeof options, .format = GRAFT_FORMAT_JSON, .no_provenance = no_provenance};
  ck_assert_int_eq(graft_module_print_with(module, &options, &bytes, &size), GRAFT_OK);
  json_error_t error;
  json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
  ck_assert_msg(root != NULL, "%s", error.text);
  graft_free(context, bytes, size);
  return root;
}

static void check_record(json_t *records, json_t *object, graft_record id) {
  const graft_provenance p = graft_record_get(module, id);
  ck_assert_str_eq(text_of(object, "source"), graft_record_source(module, id));
  ck_assert_str_eq(text_of(object, "pass"), p.pass);
  ck_assert_str_eq(text_of(object, "rule"), p.rule);
  ck_assert_str_eq(text_of(object, "equals"), p.equals);
  json_t *parents = get(object, "parents");
  if (get(object, "record"))
    parents = get(json_array_get(records, (size_t)json_integer_value(get(object, "record"))), "parents");
  ck_assert_uint_eq(json_array_size(parents), p.parent_count);
  for (uint32_t i = 0; i < p.parent_count; i++) { /* down to those that have none */
    ck_assert_uint_lt(p.parents[i], id);
    check_record(records, json_array_get(records, (size_t)json_integer_value(json_array_get(parents, i))),
                 p.parents[i]);
  }
}

static bool same_attr(json_t *j, const graft_attr *a) {
  switch (a->kind) {
  case GRAFT_ATTR_NONE: return json_is_null(j);
  case GRAFT_ATTR_BOOL: return json_is_boolean(j) && json_is_true(j) == a->as.b;
  case GRAFT_ATTR_INT: return json_integer_value(j) == a->as.i;
  case GRAFT_ATTR_FLOAT: return json_is_string(j) || json_number_value(j) == a->as.f;
  case GRAFT_ATTR_STRING: return strcmp(json_string_value(j), a->as.s) == 0;
  case GRAFT_ATTR_DTYPE: return strcmp(json_string_value(j), graft_dtype_name(a->as.dtype)) == 0;
  case GRAFT_ATTR_INTS:
    for (uint32_t i = 0; i < a->count; i++)
      if (json_integer_value(json_array_get(j, i)) != a->as.ints[i]) return false;
    return json_array_size(j) == a->count;
  default: return false;
  }
}

static void check_spec(json_t *table, json_t *said, graft_place at) {
  json_t *spec = json_array_get(table, (size_t)json_integer_value(get(said, "spec")));
  ck_assert_str_eq(text_of(spec, "kind"), graft_spec_kind(graph, at));
  ck_assert_str_eq(text_of(said, "origin"), graft_spec_origin(graph, at));
  ck_assert_str_ne(graft_spec_origin(graph, at), "");
  ck_assert_uint_eq(json_object_size(get(spec, "attrs")), graft_spec_attr_count(graph, at));
  for (uint32_t i = 0; i < graft_spec_attr_count(graph, at); i++) {
    graft_attr a, b;
    ck_assert(graft_spec_attr_get(graph, at, i, &a) && graft_spec_attr(graph, at, a.name, &b));
    ck_assert_msg(same_attr(get(get(spec, "attrs"), a.name), &a) && a.kind == b.kind, "%s", a.name);
  }
  ck_assert_uint_eq(json_array_size(get(spec, "places")), graft_spec_place_count(graph, at));
  for (uint32_t i = 0; i < graft_spec_place_count(graph, at); i++) {
    json_t *place = json_array_get(get(spec, "places"), i);
    const graft_place to = graft_spec_place(graph, at, i);
    if (to.value != GRAFT_NONE) {
      ck_assert_str_eq(text_of(place, "value"), value_name(to.value));
      continue;
    }
    ck_assert_str_eq(text_of(place, "node"), node_name(to.node));
    ck_assert_int_eq(json_integer_value(get(place, "operand")), to.slot);
  }
}

/* The places of the walk are those of the JSON, in its order, and number as many as a look at each. */
static uint32_t check_specs(json_t *g) {
  json_t *table = get(g, "specs"), *nodes = get(g, "nodes");
  size_t of_value = 0, of_node = 0;
  uint32_t index = 0, count = 0, looked = 0;
  graft_node n = graft_node_first(graph);
  graft_place at;
  for (bool more = graft_spec_first(graph, &at); more; more = graft_spec_next(graph, &at), count++) {
    const graft_node node = at.value == GRAFT_NONE ? at.node : graft_value_node(graph, at.value);
    ck_assert_uint_ne(graft_spec_id(graph, at), 0);
    if (node == GRAFT_NONE) {
      json_t *said = json_array_get(get(g, "annotated"), of_value++);
      ck_assert_str_eq(text_of(said, "value"), value_name(at.value));
      check_spec(table, said, at);
      continue;
    }
    for (; n != node; n = graft_node_next(graph, n), index++) of_node = 0;
    json_t *said = json_array_get(get(json_array_get(nodes, index), "specs"), of_node++);
    const char *key = at.value == GRAFT_NONE ? "operand" : "result";
    ck_assert_int_eq(json_integer_value(get(said, key)),
                     at.value == GRAFT_NONE ? at.slot : graft_value_index(graph, at.value));
    check_spec(table, said, at);
  }
  ck_assert(at.value == GRAFT_NONE && at.node == GRAFT_NONE);
  for (graft_value v = 0; v < graft_value_limit(graph); v++) looked += graft_spec_id(graph, graft_place_value(v)) != 0;
  for (n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n))
    for (uint32_t i = 0; i < graft_node_operand_count(graph, n); i++)
      looked += graft_spec_id(graph, graft_place_edge(n, i)) != 0;
  ck_assert_uint_eq(count, looked);
  return count;
}

START_TEST(the_json_says_what_the_functions_say) {
  if (stages[_i]) run(stages[_i]);
  json_t *root = as_json(false), *g = json_array_get(get(root, "graphs"), 0), *nodes = get(g, "nodes");
  json_t *records = get(root, "records"), *updates = get(g, "updates");
  uint32_t i = 0, made = 0, by_rule = 0, equal = 0, from = 0;
  ck_assert_uint_eq(json_array_size(nodes), graft_node_count(graph));
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n), i++) {
    json_t *node = json_array_get(nodes, i);
    const graft_record id = graft_node_get_record(graph, n);
    const graft_provenance p = graft_record_get(module, id);
    ck_assert_str_eq(text_of(node, "name"), node_name(n));
    ck_assert_str_eq(text_of(node, "source"), graft_node_source(graph, n));
    ck_assert((get(node, "record") != NULL) == (id != 0));
    check_record(records, node, id);
    made += p.pass[0] != 0;
    by_rule += p.rule[0] != 0;
    equal += p.equals[0] != 0;
    from += graft_node_source(graph, n)[0] != 0;
    json_t *attrs = get(node, "attrs");
    ck_assert_uint_ge(json_object_size(attrs), graft_node_attr_count(graph, n)); /* scales stand beside them */
    for (uint32_t k = 0; k < graft_node_attr_count(graph, n); k++) {
      graft_attr a, b;
      ck_assert(graft_node_attr_get(graph, n, k, &a) && graft_node_attr(graph, n, a.name, &b));
      ck_assert_msg(same_attr(get(attrs, a.name), &a), "%s of %s", a.name, node_name(n));
    }
    ck_assert(!graft_node_attr_get(graph, n, graft_node_attr_count(graph, n), NULL));
    for (uint32_t k = 0; k < graft_mark_count(); k++) {
      bool there = false;
      for (size_t w = 0; w < json_array_size(get(node, "marks")); w++)
        there |= strcmp(json_string_value(json_array_get(get(node, "marks"), w)), graft_mark_name(k)) == 0;
      ck_assert(there == graft_node_has_mark(graph, n, graft_mark_name(k)));
    }
  }
  ck_assert_uint_eq(from, graft_node_count(graph)); /* every node knows its source, whatever was done */
  if (_i == 0) ck_assert_uint_eq(made, 0);
  if (_i >= 2) ck_assert(made > 0 && by_rule > 0);
  if (_i >= 3) ck_assert_uint_gt(equal, 0);
  uint32_t live = 0;
  for (uint32_t k = 0; k < graft_update_count(graph); k++) {
    char name[256];
    if (graft_update_tensor(graph, k) == GRAFT_NONE) continue;
    graft_tensor_name(module, graft_update_tensor(graph, k), name, sizeof name);
    ck_assert_str_eq(text_of(updates, name), value_name(graft_update_value(graph, k)));
    live++;
  }
  ck_assert_uint_eq(json_object_size(updates), live);
  ck_assert((check_specs(g) > 0) == (_i == 1 || _i == 2)); /* convert clears them */
  json_decref(root);

  json_t *bare = as_json(true);
  ck_assert_ptr_null(get(bare, "records"));
  nodes = get(json_array_get(get(bare, "graphs"), 0), "nodes");
  for (size_t k = 0; k < json_array_size(nodes); k++) {
    json_t *node = json_array_get(nodes, k), *said = json_array_get(get(node, "specs"), 0);
    ck_assert(!get(node, "source") && !get(node, "pass") && !get(node, "record") && !get(node, "equals"));
    ck_assert(!get(said, "origin"));
  }
  json_decref(bare);
}
END_TEST

/* ---- the op table ---- */

/* The signature, which is made from the same row, made anew from what the functions say. */
static void put(char **at, const char *text) { *at += sprintf(*at, "%s", text); }

static void signature(uint32_t op, char *at) {
  put(&at, graft_op_name(op));
  put(&at, "(");
  for (uint32_t i = 0; i < graft_op_operand_count(op); i++) {
    const graft_op_operand x = graft_op_operand_get(op, i);
    if (i) put(&at, ", ");
    put(&at, x.name);
    put(&at, x.variadic ? "..." : x.optional ? "?" : "");
    ck_assert_uint_eq(graft_op_find_operand(op, x.name), i);
  }
  put(&at, ")");
  for (uint32_t i = 0; i < graft_op_attr_count(op); i++) {
    static const char *const kinds[] = {"none", "bool", "int", "float", "string", "dtype", "ints", "floats", "graph"};
    const graft_op_attr a = graft_op_attr_get(op, i);
    at += sprintf(at, "%s%s: %s%s", i ? ", " : " {", a.name, kinds[a.kind], a.none_allowed ? "?" : "");
    ck_assert_uint_eq(graft_op_find_attr(op, a.name), i);
    ck_assert_str_eq(a.value.name, a.name);
    ck_assert(a.required ? a.value.kind == GRAFT_ATTR_NONE : a.none_allowed || a.value.kind == a.kind);
    if (a.required) continue;
    if (a.value.kind == GRAFT_ATTR_NONE) put(&at, " = none");
    if (a.value.kind == GRAFT_ATTR_BOOL) at += sprintf(at, " = %s", a.value.as.b ? "true" : "false");
    if (a.value.kind == GRAFT_ATTR_INT) at += sprintf(at, " = %lld", (long long)a.value.as.i);
    if (a.value.kind == GRAFT_ATTR_FLOAT) at += sprintf(at, " = %.9g", a.value.as.f);
    if (a.value.kind == GRAFT_ATTR_STRING) at += sprintf(at, " = \"%s\"", a.value.as.s);
    if (a.value.kind == GRAFT_ATTR_DTYPE) at += sprintf(at, " = %s", graft_dtype_name(a.value.as.dtype));
    if (a.value.kind == GRAFT_ATTR_INTS) {
      put(&at, " = [");
      for (uint32_t k = 0; k < a.value.count; k++)
        at += sprintf(at, k ? ", %lld" : "%lld", (long long)a.value.as.ints[k]);
      put(&at, "]");
    }
    bool is_word = a.words == NULL;
    for (uint32_t k = 0; a.words && a.words[k]; k++) is_word |= strcmp(a.words[k], a.value.as.s) == 0;
    ck_assert_msg(is_word, "%s of %s", a.name, graft_op_name(op));
    ck_assert(a.least < a.greatest && a.low < a.high);
    if (a.value.kind == GRAFT_ATTR_INT) ck_assert(a.value.as.i >= a.least && a.value.as.i <= a.greatest);
    if (a.value.kind == GRAFT_ATTR_FLOAT) ck_assert(a.value.as.f >= a.low && a.value.as.f <= a.high);
  }
  if (graft_op_attr_count(op)) put(&at, "}");
  for (uint32_t i = 0; i < graft_op_result_count(op); i++) {
    const graft_op_result r = graft_op_result_get(op, i);
    at += sprintf(at, "%s%s%s", i ? ", " : " -> ", r.name, r.optional ? "?" : r.variadic ? "..." : "");
    ck_assert_uint_eq(graft_op_find_result(op, r.name), i);
    ck_assert(r.low < r.high && isfinite(r.low) <= graft_op_is_in(op, "fixed_range"));
  }
}

START_TEST(the_op_table_can_be_read) {
  char want[4096], have[4096];
  for (uint32_t op = 0; op < graft_op_count(); op++) {
    ck_assert_uint_eq(graft_op_find(graft_op_name(op)), op);
    ck_assert_uint_lt(graft_op_signature(op, want, sizeof want), sizeof want);
    signature(op, have);
    ck_assert_str_eq(have, want);
  }
  const uint32_t conv = graft_op_find("conv2d"), cat = graft_op_find("cat"), up = graft_op_find("conv_transpose2d");
  ck_assert_int_eq(graft_op_operand_get(conv, 1).role, GRAFT_ROLE_WEIGHT);
  ck_assert(graft_op_operand_get(conv, 2).optional && !graft_op_operand_get(conv, 1).optional);
  ck_assert_str_eq(graft_op_operand_get(conv, 3).name, "");
  ck_assert(graft_op_operand_get(cat, 0).variadic);
  ck_assert_str_eq(graft_op_operand_get(cat, 700).name, graft_op_operand_get(cat, 0).name);
  ck_assert_int_eq(graft_op_weight_axis(conv), 0);
  ck_assert_int_eq(graft_op_weight_axis(up), 1);
  ck_assert_int_eq(graft_op_weight_axis(cat), -1);
  ck_assert_int_eq(graft_op_attr_get(conv, graft_op_find_attr(conv, "stride")).count, 2);
  ck_assert_int_eq(graft_op_attr_get(conv, graft_op_find_attr(conv, "groups")).least, 1);
  ck_assert(graft_op_commutes(graft_op_find("add")) && !graft_op_commutes(graft_op_find("sub")));
  ck_assert(graft_op_is_random(graft_op_find("dropout")) && !graft_op_is_random(conv));
  ck_assert(graft_op_is_in(conv, "conv") && graft_op_is_in(up, "conv_transpose") && !graft_op_is_in(conv, "q"));
  ck_assert(graft_op_result_get(graft_op_find("sigmoid"), 0).high == 1.0);
  uint32_t with_doc = 0;
  for (uint32_t i = 0; i < graft_family_count(); i++) {
    with_doc += graft_family_doc(i)[0] != 0;
    bool any = false;
    for (uint32_t op = 0; op < graft_op_count(); op++) any |= graft_op_is_in(op, graft_family_name(i));
    ck_assert_msg(any, "%s has no members", graft_family_name(i));
  }
  ck_assert_uint_eq(with_doc, graft_family_count());
  ck_assert(!graft_op_is_in(conv, "nothing") && !graft_op_is_in(conv, NULL));
  ck_assert_uint_eq(graft_op_find("vendor.op"), GRAFT_NONE);
}
END_TEST

START_TEST(a_node_is_read_by_the_names_of_its_op) {
  run(stages[4]);
  uint32_t layers = 0;
  for (graft_node n = graft_node_first(graph); n != GRAFT_NONE; n = graft_node_next(graph, n)) {
    const uint32_t op = graft_node_get_op_index(graph, n);
    ck_assert_str_eq(graft_op_name(op), graft_node_get_op(graph, n));
    for (uint32_t i = 0; i < graft_node_operand_count(graph, n); i++) {
      const graft_op_operand x = graft_op_operand_get(op, i);
      if (!x.variadic) ck_assert_uint_eq(graft_node_find_operand(graph, n, x.name), graft_node_operand(graph, n, i));
    }
    for (uint32_t i = 0; i < graft_op_result_count(op); i++)
      ck_assert_uint_eq(graft_node_find_result(graph, n, graft_op_result_get(op, i).name),
                        graft_node_result(graph, n, i));
    if (!graft_node_is_in(graph, n, "quantized")) continue;
    const graft_value weight = graft_node_find_operand(graph, n, "weight");
    if (weight == GRAFT_NONE) continue;
    layers++;
    ck_assert_int_eq(graft_value_get_type(graph, weight).dtype, GRAFT_I8);
    ck_assert_uint_ne(graft_value_tensor(graph, weight), GRAFT_NONE);
  }
  ck_assert_uint_gt(layers, 2);
}
END_TEST

/* ---- provenance that a program states ---- */

START_TEST(a_new_node_goes_back_to_those_it_is_made_from) {
  run(stages[3]);
  graft_node conv = graft_node_first(graph), q = GRAFT_NONE;
  while (conv != GRAFT_NONE && !graft_node_is_in(graph, conv, "conv")) conv = graft_node_next(graph, conv);
  const graft_value y = graft_node_result(graph, conv, 0);
  const graft_user user = graft_use_get(graph, graft_value_first_use(graph, y));
  q = user.node;
  const char *source = graft_node_source(graph, conv);
  ck_assert_str_ne(source, "");
  const graft_node from[] = {conv, q};
  graft_value operands[] = {y};
  const graft_node_options options = {.size = sizeof options,
                                      .op = "relu",
                                      .operands = operands,
                                      .operand_count = 1,
                                      .from = from,
                                      .from_count = 2,
                                      .pass = "my-backend",
                                      .rule = "split",
                                      .equals = &y};
  const graft_node n = graft_node_create(graph, &options);
  ck_assert_uint_ne(n, GRAFT_NONE);
  ck_assert_str_eq(graft_node_source(graph, n), source);
  const graft_provenance old = graft_record_get(module, graft_node_get_record(graph, conv)),
                         p = graft_record_get(module, graft_node_get_record(graph, n));
  ck_assert_str_eq(p.source, "");
  ck_assert_str_eq(p.pass, "my-backend");
  ck_assert_str_eq(p.rule, "split");
  ck_assert_str_eq(p.equals, old.equals[0] ? old.equals : value_name(y)); /* as far back as records say */
  ck_assert_uint_eq(p.parent_count, 2);
  ck_assert_uint_eq(p.parents[0], graft_node_get_record(graph, conv));
  ck_assert_uint_eq(p.parents[1], graft_node_get_record(graph, q));

  /* By default the embedder; of nodes without records there is nothing to go back to. */
  const graft_node bare[] = {graft_value_node(graph, graft_build(graph, "relu", operands, 1, NULL, 0))};
  graft_node_options other = {
      .size = sizeof other, .op = "relu", .operands = operands, .operand_count = 1, .from = bare, .from_count = 1};
  const graft_node made = graft_node_create(graph, &other);
  const graft_provenance q2 = graft_record_get(module, graft_node_get_record(graph, made));
  ck_assert_str_eq(q2.pass, "embedder");
  ck_assert_uint_eq(q2.parent_count, 0);
  ck_assert_str_eq(graft_node_source(graph, made), "");

  /* A source of its own comes first; it lives through a file and compaction. */
  other.from = &n;
  other.source = "here";
  other.name = "mine";
  const graft_node own = graft_node_create(graph, &other);
  ck_assert_str_eq(graft_node_source(graph, own), "here");
  ck_assert_int_eq(graft_output_add(graph, "mine", graft_node_result(graph, own, 0)), GRAFT_OK);
  const graft_record record = graft_node_get_record(graph, own);
  ck_assert_int_eq(graft_module_compact(module), GRAFT_OK);
  const graft_node now = graft_value_node(graph, graft_value_find(graph, "mine"));
  ck_assert_uint_eq(graft_node_get_record(graph, now), record);
  char *bytes;
  size_t size;
  ck_assert_int_eq(graft_module_print(module, GRAFT_FORMAT_BINARY, &bytes, &size), GRAFT_OK);
  graft_module *again = graft_module_load_memory(context, bytes, size, "again.gfb", NULL);
  graft_free(context, bytes, size);
  graft_graph *g = graft_module_get_graph(again, 0);
  const graft_node read = graft_value_node(g, graft_value_find(g, "mine"));
  ck_assert_str_eq(graft_node_source(g, read), "here");
  const graft_provenance r = graft_record_get(again, graft_node_get_record(g, read));
  ck_assert_uint_eq(r.parent_count, 1);
  ck_assert_str_eq(graft_record_get(again, r.parents[0]).rule, "split");
  ck_assert_str_eq(graft_record_source(again, r.parents[0]), source);
  graft_module_destroy(again);
}
END_TEST

START_TEST(provenance_of_what_is_not_there_is_refused) {
  const uint32_t nodes = graft_node_count(graph);
  graft_value x = graft_input_get(graph, 0), no_value = GRAFT_NONE;
  const graft_node gone[] = {GRAFT_NONE};
  graft_node_options o = {
      .size = sizeof o, .op = "relu", .operands = &x, .operand_count = 1, .from = gone, .from_count = 1};
  ck_assert_uint_eq(graft_node_create(graph, &o), GRAFT_NONE);
  o.from = NULL;
  ck_assert_uint_eq(graft_node_create(graph, &o), GRAFT_NONE);
  o.from_count = 0;
  o.equals = &no_value;
  ck_assert_uint_eq(graft_node_create(graph, &o), GRAFT_NONE);
  ck_assert_uint_eq(graft_diagnostic_count(context), 3);
  ck_assert_uint_eq(graft_node_count(graph), nodes);
}
END_TEST

/* ---- specs that a program sets ---- */

static const graft_attr attrs[] = {{.name = "quant_min", .kind = GRAFT_ATTR_INT, .as.i = 0},
                                   {.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = 100},
                                   {.name = "axis", .kind = GRAFT_ATTR_INT, .as.i = 7},
                                   {.name = "scheme", .kind = GRAFT_ATTR_STRING, .as.s = "per_channel_affine"}};

START_TEST(specs_are_set_changed_and_removed) {
  run(stages[1]);
  const uint64_t hash = graft_module_hash(module);
  graft_place at, first;
  uint32_t before = 0, after = 0;
  for (bool more = graft_spec_first(graph, &at); more; more = graft_spec_next(graph, &at)) before++;
  ck_assert(graft_spec_first(graph, &first));
  const graft_spec spec = {.size = sizeof spec, .kind = "spec", .attrs = attrs, .attr_count = 2, .origin = "mine: one"};
  ck_assert_int_eq(graft_annotate(graph, first, &spec), GRAFT_NAME);
  ck_assert_int_eq(graft_spec_set(graph, first, &spec), GRAFT_OK);
  graft_attr a;
  ck_assert(graft_spec_attr(graph, first, "quant_max", &a) && a.as.i == 100);
  ck_assert_str_eq(graft_spec_origin(graph, first), "mine: one");
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);

  /* Refused, and what was there stays. */
  graft_spec bad = spec;
  bad.kind = "odd";
  ck_assert_int_eq(graft_spec_set(graph, first, &bad), GRAFT_NAME);
  bad = spec;
  bad.attr_count = 4; /* no such axis */
  ck_assert_int_eq(graft_spec_set(graph, first, &bad), GRAFT_RULE);
  bad = spec;
  bad.kind = "shared";
  ck_assert_int_ne(graft_spec_set(graph, first, &bad), GRAFT_OK); /* with what? */
  bad = spec;
  bad.attrs = NULL;
  ck_assert_int_eq(graft_spec_set(graph, first, &bad), GRAFT_INVALID_ARGUMENT);
  ck_assert(graft_spec_attr(graph, first, "quant_max", &a) && a.as.i == 100);
  ck_assert_str_eq(graft_spec_origin(graph, first), "mine: one");

  /* Read, set anew elsewhere: the same spec, by its number. */
  graft_place second = first;
  ck_assert(graft_spec_next(graph, &second));
  graft_attr all[32];
  const uint32_t count = graft_spec_attr_count(graph, first);
  for (uint32_t i = 0; i < count; i++) ck_assert(graft_spec_attr_get(graph, first, i, &all[i]));
  const graft_spec copy = {
      .size = sizeof copy, .kind = graft_spec_kind(graph, first), .attrs = all, .attr_count = count};
  ck_assert_uint_ne(graft_spec_id(graph, first), graft_spec_id(graph, second));
  ck_assert_int_eq(graft_spec_set(graph, second, &copy), GRAFT_OK);
  ck_assert_uint_eq(graft_spec_id(graph, first), graft_spec_id(graph, second));
  ck_assert_str_eq(graft_spec_origin(graph, second), ""); /* who said it is another matter */

  /* A spec lives through compaction with who said it. */
  const bool is_value = first.value != GRAFT_NONE;
  const char *name = is_value ? value_name(first.value) : node_name(first.node);
  ck_assert_int_eq(graft_module_compact(module), GRAFT_OK);
  first = is_value ? graft_place_value(graft_value_find(graph, name))
                   : graft_place_edge(graft_value_node(graph, graft_value_find(graph, name)), first.slot);
  ck_assert_str_eq(graft_spec_origin(graph, first), "mine: one");

  ck_assert_int_eq(graft_spec_remove(graph, first), GRAFT_OK);
  ck_assert_uint_eq(graft_spec_id(graph, first), 0);
  ck_assert_str_eq(graft_spec_kind(graph, first), "");
  ck_assert_str_eq(graft_spec_origin(graph, first), "");
  ck_assert_int_eq(graft_spec_remove(graph, first), GRAFT_OK); /* it has none: done */
  for (bool more = graft_spec_first(graph, &at); more; more = graft_spec_next(graph, &at)) after++;
  ck_assert_uint_eq(after, before - 1);
  for (bool more = graft_spec_first(graph, &at); more; more = graft_spec_next(graph, &at)) /* in the walk itself */
    if (after-- % 2) ck_assert_int_eq(graft_spec_remove(graph, at), GRAFT_OK);
  ck_assert_uint_eq(after, 0);
  ck_assert_int_eq(graft_spec_clear(graph), GRAFT_OK);
  ck_assert(!graft_spec_first(graph, &at));
  ck_assert_int_eq(graft_module_verify(module), GRAFT_OK);
  ck_assert_uint_ne(graft_module_hash(module), hash);
}
END_TEST

/* An optional operand more, and specs on the node and elsewhere are on what they were on. */
START_TEST(specs_follow_operands) {
  static const char text[] = "graft 1\n"
                             "tensor %w: f32[3, 2, 1, 1] parameter = fill(\"w\", -1, 1)\n"
                             "tensor %b: f32[3] parameter = [0, 0, 0]\n"
                             "graph main(%x: f32[1, 2, 4, 4]) {\n"
                             "  spec 1 = spec {}\n"
                             "  spec 2 = shared(%c[0])\n"
                             "  %c = conv2d(%x ~1, %w): f32[1, 3, 4, 4] ~2\n"
                             "  %r = relu(%c ~2): f32[1, 3, 4, 4]\n"
                             "  return %r as \"y\"\n"
                             "}\n";
  graft_module *m = graft_module_load_memory(context, text, sizeof text - 1, "specs.gir", NULL);
  graft_graph *g = graft_module_get_graph(m, 0);
  const graft_node conv = graft_node_first(g), relu = graft_node_next(g, conv);
  const graft_value bias = graft_tensor_value(g, graft_tensor_find(m, "b"));
  const graft_attr high = {.name = "quant_max", .kind = GRAFT_ATTR_INT, .as.i = 100};
  const graft_spec spec = {.size = sizeof spec, .kind = "spec", .attrs = &high, .attr_count = 1, .origin = "mine"};
  ck_assert_int_eq(graft_spec_set(g, graft_place_edge(conv, 0), &spec), GRAFT_OK);
  ck_assert_int_eq(graft_node_set_operand(g, conv, 2, bias), GRAFT_OK);
  ck_assert_str_eq(graft_spec_origin(g, graft_place_edge(conv, 0)), "mine");
  for (int i = 0; i < 2; i++) {
    const graft_place at = i ? graft_place_edge(relu, 0) : graft_place_value(graft_node_result(g, conv, 0));
    const graft_place with = graft_spec_place(g, at, 0);
    ck_assert(with.node == conv && with.slot == 0);
  }
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  ck_assert_int_eq(graft_annotate(g, graft_place_edge(conv, 2), &spec), GRAFT_OK);
  ck_assert_int_eq(graft_node_set_operand(g, conv, 2, GRAFT_NONE), GRAFT_OK); /* it goes with its spec */
  ck_assert_int_eq(graft_module_verify(m), GRAFT_OK);
  graft_module_destroy(m);
}
END_TEST

/* Of numbers that are nothing the answer is neutral. */
START_TEST(what_is_not_there_is_nothing) {
  const uint32_t n = (uint32_t[]){GRAFT_NONE, 100000, 0x80000000u, 0}[_i];
  const graft_graph *g = _i == 3 ? NULL : graph;
  const graft_module *m = _i == 3 ? NULL : module;
  graft_attr a;
  graft_place at = graft_place_edge(n, 0);
  ck_assert(!graft_node_is_live(g, n) && !graft_value_is_live(g, n) && !graft_tensor_is_live(m, n));
  ck_assert_uint_eq(graft_node_prev(g, n), GRAFT_NONE);
  ck_assert_uint_eq(graft_tensor_next(m, n), GRAFT_NONE);
  ck_assert_uint_eq(graft_value_index(g, n), GRAFT_NONE);
  ck_assert_uint_eq(graft_value_first_use(g, n), GRAFT_NONE);
  ck_assert_uint_eq(graft_use_next(g, n), GRAFT_NONE);
  ck_assert_int_eq(graft_use_get(g, n).kind, GRAFT_USER_NONE);
  ck_assert_uint_eq(graft_node_attr_count(g, n), 0);
  ck_assert(!graft_node_attr_get(g, n, 0, &a));
  ck_assert_uint_eq(graft_update_tensor(g, n), GRAFT_NONE);
  ck_assert_uint_eq(graft_update_value(g, n), GRAFT_NONE);
  ck_assert_uint_eq(graft_node_get_record(g, n), 0);
  ck_assert_str_eq(graft_node_source(g, n), "");
  ck_assert_str_eq(graft_record_source(m, n), "");
  ck_assert_str_eq(graft_record_get(m, n).pass, "");
  ck_assert_uint_eq(graft_record_get(m, n).parent_count, 0);
  ck_assert_uint_eq(graft_node_get_op_index(g, n), GRAFT_NONE);
  ck_assert(!graft_node_is_in(g, n, "conv"));
  ck_assert_uint_eq(graft_node_find_operand(g, n, "x"), GRAFT_NONE);
  ck_assert_uint_eq(graft_node_find_result(g, n, "y"), GRAFT_NONE);
  ck_assert_uint_eq(graft_spec_id(g, at), 0);
  ck_assert_uint_eq(graft_spec_id(g, graft_place_value(n)), 0);
  ck_assert_str_eq(graft_spec_kind(g, at), "");
  ck_assert_str_eq(graft_spec_origin(g, at), "");
  ck_assert(!graft_spec_attr(g, at, "dtype", &a) && !graft_spec_attr_get(g, at, 0, &a));
  ck_assert_uint_eq(graft_spec_place(g, at, n).node, GRAFT_NONE);
  ck_assert(!graft_spec_next(g, &at) && at.node == GRAFT_NONE);
  ck_assert(!graft_spec_next(g, NULL) && !graft_spec_first(g, NULL));
  ck_assert(!graft_is_annotated(g, n));
  ck_assert_int_eq(graft_spec_remove(_i == 3 ? NULL : graph, graft_place_edge(n, 0)), GRAFT_INVALID_ARGUMENT);
  ck_assert_int_eq(graft_spec_clear(NULL), GRAFT_INVALID_ARGUMENT);
  if (_i == 3) return;
  const uint32_t op = n;
  ck_assert_str_eq(graft_op_operand_get(op, 0).name, "");
  ck_assert_str_eq(graft_op_result_get(op, 0).name, "");
  ck_assert_str_eq(graft_op_attr_get(op, 0).name, "");
  ck_assert_uint_eq(graft_op_operand_count(op) + graft_op_result_count(op) + graft_op_attr_count(op), 0);
  ck_assert_uint_eq(graft_op_find_attr(op, "stride"), GRAFT_NONE);
  ck_assert_int_eq(graft_op_weight_axis(op), -1);
  ck_assert(!graft_op_commutes(op) && !graft_op_is_random(op) && !graft_op_is_in(op, "conv"));
  ck_assert_str_eq(graft_family_name(op), "");
  ck_assert_str_eq(graft_family_doc(op), "");
}
END_TEST

/* An opaque node has its attributes by index too; an update is found from its value. */
START_TEST(opaque_nodes_and_updates) {
  static const char text[] = "graft 1\n"
                             "tensor %s: f32[2] buffer = [0.0, 1.0]\n"
                             "graph main(%x: f32[2]) {\n"
                             "  %odd = \"vendor.op\"(%x, _, %s) {level: 3, mode: \"fast\", sizes: [1, 2]}: f32[2]\n"
                             "  return %odd as \"y\"\n"
                             "  update %s = %odd\n"
                             "}\n";
  graft_module *m = graft_module_load_memory(context, text, sizeof text - 1, "odd.gir", NULL);
  graft_graph *g = graft_module_get_graph(m, 0);
  const graft_node n = graft_node_first(g);
  const char *const names[] = {"level", "mode", "sizes"};
  ck_assert_uint_eq(graft_node_attr_count(g, n), 3);
  for (uint32_t i = 0; i < 3; i++) {
    graft_attr a;
    ck_assert(graft_node_attr_get(g, n, i, &a));
    ck_assert_str_eq(a.name, names[i]);
    if (i == 0) ck_assert_int_eq(a.as.i, 3);
    if (i == 1) ck_assert_str_eq(a.as.s, "fast");
    if (i == 2) ck_assert(a.count == 2 && a.as.ints[1] == 2);
  }
  ck_assert_uint_eq(graft_node_get_op_index(g, n), GRAFT_NONE);
  uint32_t outputs = 0, updates = 0;
  for (graft_use u = graft_value_first_use(g, graft_node_result(g, n, 0)); u != GRAFT_NONE; u = graft_use_next(g, u)) {
    const graft_user user = graft_use_get(g, u);
    outputs += user.kind == GRAFT_USER_OUTPUT && user.index == 0;
    updates += user.kind == GRAFT_USER_UPDATE && graft_update_tensor(g, user.index) == graft_tensor_find(m, "s");
  }
  ck_assert(outputs == 1 && updates == 1);
  graft_module_destroy(m);
}
END_TEST

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  digits = argv[1];
  Suite *suite = suite_create("inspect");
  TCase *tests = tcase_create("inspect");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_set_timeout(tests, 120);
  tcase_add_loop_test(tests, users_and_indices_agree, 0, STAGES);
  tcase_add_loop_test(tests, the_json_says_what_the_functions_say, 0, STAGES);
  tcase_add_loop_test(tests, what_is_not_there_is_nothing, 0, 4);
  tcase_add_test(tests, graphs_are_named);
  tcase_add_test(tests, the_op_table_can_be_read);
  tcase_add_test(tests, a_node_is_read_by_the_names_of_its_op);
  tcase_add_test(tests, a_new_node_goes_back_to_those_it_is_made_from);
  tcase_add_test(tests, provenance_of_what_is_not_there_is_refused);
  tcase_add_test(tests, specs_are_set_changed_and_removed);
  tcase_add_test(tests, specs_follow_operands);
  tcase_add_test(tests, opaque_nodes_and_updates);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
