/* The public builder: nodes from names of ops and attributes. */
#include "ir/graph/budget_int.h"
#include "ir/graph/graph_impl.h"

#include <string.h>

graft_value graft_tensor_value(graft_graph *g, graft_tensor t) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_NONE;
  if (gr_is_tensor(g->module, t)) return gr_handle(g, t);
  gr_error(g->module->context, GRAFT_INVALID_ARGUMENT, gr_module_loc(g->module), "no such tensor in the module");
  return GRAFT_NONE;
}

/* The value in the dtype's own bytes; integers saturate. */
static void scalar_bytes(graft_dtype dtype, double v, unsigned char *bytes) {
  int64_t low, high, i = 0;
  if (!gr_integer_range(dtype, &low, &high)) {
    gr_element_set_float(dtype, bytes, v);
    return;
  }
  if (v >= (double)high)
    i = high;
  else if (v <= (double)low)
    i = low;
  else if (v == v)
    i = (int64_t)v;
  gr_element_set_int(dtype, bytes, i);
}

graft_value graft_scalar(graft_graph *g, graft_dtype dtype, double value) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_NONE;
  if (graft_dtype_size(dtype) == 0) {
    gr_error(g->module->context, GRAFT_TYPE, (gr_loc){0}, "a scalar needs a dtype");
    return GRAFT_NONE;
  }
  unsigned char bytes[8] = {0};
  scalar_bytes(dtype, value, bytes);
  graft_type type = {.dtype = dtype};
  gr_edit edit = gr_edit_begin(g->module);
  graft_tensor t = gr_constant(g->module, "scalar", &type, bytes);
  graft_value v = t == GRAFT_NONE ? GRAFT_NONE : gr_handle(g, t);
  return gr_edit_end(g->module, edit, v == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK) ? GRAFT_NONE : v;
}

/* Op number of a name; an opaque one is interned. GRAFT_NONE: no memory. */
static uint32_t op_number(graft_module *m, const char *name) {
  uint32_t op = gr_op_find(name, strlen(name));
  if (op != GR_OP_COUNT) return op;
  uint32_t id = gr_intern(m, name, strlen(name));
  return id == GRAFT_NONE ? GRAFT_NONE : GR_OP_COUNT + id;
}

static bool set_name(graft_module *m, const char *text, gr_name *out) {
  gr_name n = gr_name_split(m, text, strlen(text));
  *out = gr_name_unique(m, n);
  return out->base != GRAFT_NONE;
}

#define MAX_RESULTS 0xFFFF

/* What can be said of the options without looking at the op. */
static graft_status check_options(graft_graph *g, const graft_node_options *o, gr_loc where) {
  graft_context *c = g->module->context;
  const char *wrong = NULL;
  if (!o->op || !o->op[0])
    wrong = "a node needs an op";
  else if (o->operand_count && !o->operands)
    wrong = "the operands are missing";
  else if (o->rest_count && !o->rest)
    wrong = "the list of operands is missing";
  else if (o->attr_count && !o->attrs)
    wrong = "the attributes are missing";
  else if (o->attr_count > GR_MAX_ATTRS)
    wrong = "too many attributes";
  else if ((uint64_t)o->operand_count + o->rest_count > GR_USER_NODE_MAX || o->result_count > MAX_RESULTS)
    wrong = "too many operands or results";
  else if (o->insert && !gr_is_node(g, o->before))
    wrong = "the node to insert before is not in the graph";
  else if (o->from_count && !o->from)
    wrong = "the nodes that it is made from are missing";
  else if (o->equals && !gr_is_value(g, *o->equals))
    wrong = "what it equals is no value of the graph";
  if (wrong) return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "%s", wrong);
  for (uint32_t i = 0; i < o->operand_count + o->rest_count; i++) {
    const graft_value v = i < o->operand_count ? o->operands[i] : o->rest[i - o->operand_count];
    if (v != GRAFT_NONE && !gr_is_value(g, v))
      return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "operand %u is no value of the graph", i);
  }
  for (uint32_t i = 0; i < o->from_count; i++)
    if (!gr_is_node(g, o->from[i]))
      return gr_error(c, GRAFT_INVALID_ARGUMENT, where, "what it is made from (%u) is no node of the graph", i);
  for (uint32_t i = 0; i < o->attr_count; i++) {
    graft_status status = gr_attr_given(g->module, g, &o->attrs[i], where);
    if (status != GRAFT_OK) return status;
  }
  return GRAFT_OK;
}

/* "" and NULL: 0; GRAFT_NONE: no memory. */
static uint32_t text(graft_module *m, const char *s) { return s && s[0] ? gr_intern(m, s, strlen(s)) : 0; }

/* The record that the options describe; 0: none, GRAFT_NONE: no memory. */
static uint32_t make_record(graft_graph *g, const graft_node_options *o) {
  graft_module *m = g->module;
  gr_record r = {.source = text(m, o->source)};
  const bool made = o->from_count || o->pass || o->rule || o->equals;
  if (!made) return r.source && r.source != GRAFT_NONE ? gr_record_intern(m, &r, NULL) : r.source;
  r.pass = text(m, o->pass ? o->pass : "embedder");
  r.rule = text(m, o->rule);
  r.equals = o->equals ? gr_known_as(g, *o->equals) : 0;
  if (r.source == GRAFT_NONE || r.pass == GRAFT_NONE || r.rule == GRAFT_NONE || r.equals == GRAFT_NONE)
    return GRAFT_NONE;
  const size_t size = (o->from_count + (size_t)1) * sizeof(uint32_t);
  uint32_t *parents = gr_alloc(m->context, size);
  if (!parents) return GRAFT_NONE;
  for (uint32_t i = 0; i < o->from_count; i++) {
    const uint32_t record = gr_node_at(g, o->from[i])->provenance;
    if (record) parents[r.parent_count++] = record;
  }
  const uint32_t id = gr_record_intern(m, &r, parents);
  gr_free(m->context, parents, size);
  return id;
}

/* A node that does not go to the end may come before what it reads. */
static graft_status check_order(graft_graph *g, const graft_node_options *o, gr_loc where) {
  graft_status status = GRAFT_OK;
  for (uint32_t i = 0; o->insert && !status && i < o->operand_count; i++)
    status = gr_check_defined(g, o->operands[i], o->before, where);
  for (uint32_t i = 0; o->insert && !status && i < o->rest_count; i++)
    status = gr_check_defined(g, o->rest[i], o->before, where);
  return status;
}

static uint32_t outputs_of(const graft_module *m, int64_t graph) {
  return (uint64_t)graph < m->graphs.len ? m->graphs.data[graph]->outputs.len : 0;
}

/* Of options that are good, with all operands in one list. */
static graft_node create(graft_graph *g, const graft_node_options *o, const graft_value *operands, gr_loc where) {
  graft_module *m = g->module;
  graft_context *c = m->context;
  graft_node result = GRAFT_NONE;
  gr_node_desc d = {.op = op_number(m, o->op),
                    .operands = operands,
                    .operand_count = o->operand_count + o->rest_count,
                    .result_count = o->result_count,
                    .before = GRAFT_NONE,
                    .where = where};
  if (d.op == GRAFT_NONE) return GRAFT_NONE;
  gr_given_to(m, 256 + 32 * (uint64_t)d.operand_count);
  const gr_op_info *op = gr_op_get(d.op);
  if (o->insert) d.before = o->before;
  gr_attr_builder attrs;
  gr_attrs_begin(&attrs, op);
  for (uint32_t i = 0; i < o->attr_count; i++)
    if (gr_attrs_set(m, &attrs, op, &o->attrs[i], where) != GRAFT_OK) return GRAFT_NONE;
  d.attrs = gr_attrs_intern(m, &attrs, op, where);
  if (d.attrs == GRAFT_NONE) return GRAFT_NONE;
  if (d.result_count == 0) {
    d.result_count = op ? gr_op_required_results(op) : 1;
    if (d.op == GR_OP_split) gr_attr_ints(m, d.attrs, GR_ATTR(split, split_sizes), &d.result_count);
    if (d.op == GR_OP_if) d.result_count = outputs_of(m, gr_attr_int(m, d.attrs, GR_ATTR(if, then_branch)));
  }
  if ((d.provenance = make_record(g, o)) == GRAFT_NONE) return GRAFT_NONE;
  gr_name *names = NULL;
  uint32_t *types = NULL;
  uint32_t n = d.result_count;
  if (o->name || o->names) {
    if (!(names = gr_calloc(c, n ? n : 1, sizeof *names))) goto done;
    for (uint32_t i = 0; i < n; i++) {
      const char *name = o->names ? o->names[i] : i == 0 ? o->name : NULL;
      if (name && name[0] && !set_name(m, name, &names[i])) goto done;
    }
    d.names = names;
  }
  if (!op && o->types) {
    if (!(types = gr_calloc(c, n ? n : 1, sizeof *types))) goto done;
    for (uint32_t i = 0; i < n; i++)
      if (!gr_type_given(m->context, &o->types[i], where) ||
          (types[i] = gr_type_intern_at(m, &o->types[i], where)) == GRAFT_NONE)
        goto done;
    d.types = types;
  }
  result = gr_node_add(g, &d);
done:
  gr_free(c, names, (n ? n : 1) * sizeof *names);
  gr_free(c, types, (n ? n : 1) * sizeof *types);
  return result;
}

static graft_node create_joined(graft_graph *g, const graft_node_options *o) {
  graft_context *c = g->module->context;
  gr_loc where = gr_module_loc(g->module);
  where.node = o->name ? o->name : o->op;
  if (check_options(g, o, where) != GRAFT_OK || check_order(g, o, where) != GRAFT_OK) return GRAFT_NONE;
  if (o->rest_count == 0) return create(g, o, o->operands, where);
  const size_t size = ((size_t)o->operand_count + o->rest_count) * sizeof(graft_value);
  graft_value *all = gr_alloc(c, size);
  if (!all) return GRAFT_NONE;
  if (o->operand_count) memcpy(all, o->operands, o->operand_count * sizeof *all);
  memcpy(all + o->operand_count, o->rest, o->rest_count * sizeof *all);
  const graft_node n = create(g, o, all, where);
  gr_free(c, all, size);
  return n;
}

static graft_node create_whole(graft_graph *g, const graft_node_options *o, bool wants_result) {
  graft_module *m = g->module;
  gr_edit edit = gr_edit_begin(m);
  graft_node n = create_joined(g, o);
  if (n != GRAFT_NONE && wants_result && gr_result(g, n, 0) == GRAFT_NONE) {
    gr_loc where = gr_module_loc(m);
    where.node = o->op;
    gr_error(m->context, GRAFT_TYPE, where, "the node has no result: how many is said by graft_node_create");
    n = GRAFT_NONE;
  }
  if (n != GRAFT_NONE && gr_check_scales(g, n) != GRAFT_OK) n = GRAFT_NONE;
  return gr_edit_end(m, edit, n == GRAFT_NONE ? GRAFT_TYPE : GRAFT_OK) ? GRAFT_NONE : n;
}

graft_node graft_node_create(graft_graph *g, const graft_node_options *given) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_NONE;
  graft_node_options o = {.size = sizeof o};
  if (gr_take_options(g->module->context, &o, sizeof o, given)) return GRAFT_NONE;
  return create_whole(g, &o, false);
}

graft_value graft_build(graft_graph *g, const char *op, const graft_value *operands, uint32_t count,
                        const graft_attr *attrs, uint32_t attr_count) {
  if (!GR_LIVE(g, GRAPH)) return GRAFT_NONE;
  graft_node_options o = {.size = sizeof o,
                          .op = op,
                          .operands = operands,
                          .operand_count = count,
                          .attrs = attrs,
                          .attr_count = attr_count};
  graft_node n = create_whole(g, &o, true);
  return n == GRAFT_NONE ? GRAFT_NONE : gr_result(g, n, 0);
}
