/* gradient: backward nodes behind the graph's own. From the last node to the first one, each that lies between what is
 * to be changed and the value `of` gets a node `gradient`, which has what flows to its operands as results; the rules
 * of rules/gradient make of that what they say for the op. What flows to one value from several users is added up in
 * the order in which they are met. No op is known here: where a gradient flows is a matter of the family
 * not_differentiable and of element types, and what it is one of rules. */
#include "ir/inspect.h"
#include "passes/gradient_impl.h"
#include "passes/quant_impl.h"

#include <stdio.h>
#include <string.h>

typedef struct differ {
  gr_pass *pass;
  graft_module *m;
  graft_graph *g;
  uint32_t value_count, node_count; /* of the graph as it was */
  graft_node last;
  graft_value of;
  GR_VEC(graft_value) wrt;
  uint8_t *moves;       /* by value: it changes with something of `wrt` */
  graft_value *flowing; /* by value: its gradient so far */
  GR_VEC(graft_value) operands;
  GR_VEC(uint32_t) types;
  GR_VEC(graft_node) made;  /* the nodes `gradient`, and by the same index … */
  GR_VEC(graft_node) whose; /* … the nodes that they are of */
  gr_saved_list saved;
} differ;

static graft_status find_of(differ *d) {
  gr_pass *p = d->pass;
  const char *name = gr_option_string(p, "of");
  const gr_loc where = gr_option_loc(p, "of");
  const graft_status s = gr_graph_to_train(p, &d->g);
  if (s) return s;
  d->of = GRAFT_NONE;
  for (uint32_t i = 0; i < graft_output_count(d->g) && d->of == GRAFT_NONE; i++)
    if (strcmp(graft_output_name(d->g, i), name) == 0) d->of = graft_output_get(d->g, i);
  if (d->of == GRAFT_NONE) d->of = graft_value_find(d->g, name);
  if (d->of == GRAFT_NONE)
    return gr_error(p->context, GRAFT_NAME, where, "graph '%s' has no output or value '%s'", graft_graph_get_name(d->g),
                    name);
  const graft_type *t = gr_type_of(d->g, d->of);
  if (t->rank == 0 && gr_is_float(t->dtype)) return GRAFT_OK;
  char text[GR_TYPE_SIZE];
  gr_type_format(t, text, sizeof text);
  return gr_error(p->context, GRAFT_TYPE, gr_value_loc(d->g, d->of),
                  "'%s' is %s: a gradient is taken of one float, of rank 0", name, text);
}

static graft_status add_wrt(differ *d, const char *name, gr_loc where) {
  graft_context *c = d->pass->context;
  const graft_value v = graft_value_find(d->g, name);
  if (v == GRAFT_NONE) return gr_error(c, GRAFT_NAME, where, "no value of the graph is called '%s'", name);
  if (!gr_is_float(gr_type_of(d->g, v)->dtype))
    return gr_error(c, GRAFT_TYPE, gr_value_loc(d->g, v), "'%s' has no gradient: its elements are %s", name,
                    graft_dtype_name(gr_type_of(d->g, v)->dtype));
  return gr_vec_push(c, &d->wrt, v) ? GRAFT_OK : GRAFT_NO_MEMORY;
}

/* Is the parameter one of `train`, where that is given, and none of `freeze`? */
static graft_status is_to_be_trained(differ *d, graft_tensor t, gr_selector *train, gr_selector *freeze, bool *yes) {
  bool frozen;
  *yes = true;
  graft_status s = GRAFT_OK;
  if (gr_option_string(d->pass, "train")[0]) s = gr_selector_has_tensor(train, d->pass, t, yes);
  if (!s) s = gr_selector_has_tensor(freeze, d->pass, t, &frozen);
  *yes = !s && *yes && !frozen;
  return s;
}

/* Constants that the user may take for parameters. */
typedef struct left_out {
  uint32_t count;
  size_t at;
  char names[400];
} left_out;

static void leave_out(const differ *d, left_out *l, graft_tensor t) {
  char name[120];
  graft_tensor_name(d->m, t, name, sizeof name);
  if (l->count++ < 3)
    l->at += (size_t)snprintf(l->names + l->at, sizeof l->names - l->at, "%s'%s'", l->at ? ", " : "", name);
}

static void warn_left_out(const differ *d, const left_out *l) {
  if (l->count)
    gr_warning(d->pass->context, GRAFT_PASS, gr_module_loc(d->m),
               "%u constants of graph '%s' are not trained: %s%s (to-train and train-step take parameters=all, or "
               "names; freeze=names leaves them so without a word)",
               l->count, graft_graph_get_name(d->g), l->names, l->count > 3 ? ", …" : "");
}

static graft_status choose_parameters(differ *d, const gr_held_list *all, const uint8_t *leads, gr_selector *train,
                                      gr_selector *freeze) {
  left_out constants = {0};
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < all->len && !s; i++) {
    const graft_tensor t = all->data[i].tensor;
    const graft_value v = all->data[i].value;
    const bool constant = gr_is_trainable_constant(d->g, leads, v);
    const bool parameter = d->m->tensors.data[t].kind == GRAFT_PARAMETER &&
                           gr_is_float(gr_tensor_type(d->m, t)->dtype) && !gr_unused(d->g, v);
    bool yes;
    if (!constant && !parameter) continue;
    s = is_to_be_trained(d, t, train, freeze, &yes);
    if (s || !yes) continue;
    if (constant)
      leave_out(d, &constants, t);
    else if (!gr_vec_push(d->pass->context, &d->wrt, v))
      return GRAFT_NO_MEMORY;
  }
  if (s) return s;
  gr_selector_warn(d->pass, train, "train", "parameter that the graph reads");
  gr_selector_warn(d->pass, freeze, "freeze", "parameter that the graph reads");
  warn_left_out(d, &constants);
  return GRAFT_OK;
}

static graft_status add_parameters(differ *d) {
  gr_pass *p = d->pass;
  gr_held_list all = {0};
  gr_selector train, freeze = {0};
  uint8_t *leads = gr_gradient_leads(d->g);
  bool ok = gr_selector_init(&train, d->m, gr_option_string(p, "train"));
  ok = ok && leads && gr_selector_init(&freeze, d->m, gr_option_string(p, "freeze")) && gr_handles_list(d->g, &all);
  const graft_status s = ok ? choose_parameters(d, &all, leads, &train, &freeze) : GRAFT_NO_MEMORY;
  if (leads) gr_free(p->context, leads, (size_t)d->g->nodes.len + 1);
  gr_vec_free(p->context, &all);
  gr_selector_free(&train);
  gr_selector_free(&freeze);
  if (s || d->wrt.len) return s;
  return gr_error(p->context, GRAFT_PASS, gr_value_loc(d->g, d->of),
                  "graph '%s' reads no parameter that is to be trained", graft_graph_get_name(d->g));
}

static graft_status find_wrt(differ *d) {
  gr_pass *p = d->pass;
  graft_status s = GRAFT_OK;
  uint32_t count = 0;
  const char **names = gr_list_split(&p->text, gr_option_string(p, "wrt"), &count);
  if (!names) return gr_no_memory(p->context);
  for (uint32_t i = 0; i < count && !s; i++) s = add_wrt(d, names[i], gr_option_loc(p, "wrt"));
  return s || count ? s : add_parameters(d);
}

static bool flows_through(const differ *d, graft_node n) {
  return !(gr_node_families(d->g, n) & GR_F_NOT_DIFFERENTIABLE);
}

/* Of a `like` only the extents count, and a measure says where or how much: no gradient flows to them. */
static bool is_read(const differ *d, graft_node n, uint32_t slot) {
  const gr_op_info *info = gr_info(d->g, n);
  return !info || slot >= info->operand_count ||
         (info->operands[slot].role != GR_LIKE && info->operands[slot].role != GR_MEASURE);
}

/* Forward: what changes with `wrt`. Of an unknown element type is taken that it is a float. */
static void find_moving(differ *d) {
  const graft_graph *g = d->g;
  for (uint32_t i = 0; i < d->wrt.len; i++) d->moves[d->wrt.data[i]] = 1;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    bool any = false;
    for (uint32_t i = 0; i < node->operand_count && !any; i++) {
      const graft_value v = gr_operand(g, n, i);
      any = v != GRAFT_NONE && d->moves[v] && is_read(d, n, i);
    }
    if (!any || !flows_through(d, n)) continue;
    for (uint32_t i = 0; i < node->result_count; i++) {
      const graft_value y = gr_result(g, n, i);
      if (y == GRAFT_NONE) continue;
      const graft_dtype dtype = gr_type_of(g, y)->dtype;
      if (gr_is_float(dtype) || dtype == GRAFT_UNKNOWN) d->moves[y] = 1;
    }
  }
}

static graft_value add_node(differ *d, uint32_t op, const graft_value *operands, uint32_t count, uint32_t provenance,
                            gr_loc where) {
  const gr_node_desc desc = {.op = op,
                             .attrs = gr_attrs_defaults(d->m, gr_op_get(op), gr_module_loc(d->m)),
                             .operands = operands,
                             .operand_count = count,
                             .result_count = 1,
                             .provenance = provenance,
                             .marks = d->pass->info->marks,
                             .before = GRAFT_NONE,
                             .where = where};
  if (desc.attrs == GRAFT_NONE) return GRAFT_NONE;
  const graft_node n = gr_node_add(d->g, &desc);
  return n == GRAFT_NONE ? GRAFT_NONE : gr_result(d->g, n, 0);
}

/* `dx` flows to v, from node n. What was stretched is summed up. */
static graft_status flow_to(differ *d, graft_value v, graft_value dx, graft_node n) {
  const uint32_t provenance = gr_node_at(d->g, n)->provenance;
  const gr_loc where = gr_node_loc(d->g, n);
  dx = add_node(d, GR_OP_sum_to_size, (graft_value[]){dx, v}, 2, provenance, where);
  if (dx != GRAFT_NONE && d->flowing[v] != GRAFT_NONE)
    dx = add_node(d, GR_OP_add, (graft_value[]){d->flowing[v], dx}, 2, provenance, where);
  d->flowing[v] = dx;
  return dx == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* Of an op with any number of results (split) something flows to each: zeros where nothing does. */
static bool fill_holes(differ *d, graft_node n) {
  const graft_graph *g = d->g;
  const gr_op_info *info = gr_info(g, n);
  if (!info || !info->result_count || !info->results[info->result_count - 1].variadic) return true;
  const uint32_t provenance = gr_node_at(g, n)->provenance;
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) {
    graft_value y = gr_result(g, n, i);
    if (y == GRAFT_NONE || d->operands.data[i + 1] != GRAFT_NONE || !gr_is_float(gr_type_of(g, y)->dtype)) continue;
    y = add_node(d, GR_OP_zeros_like, &y, 1, provenance, gr_node_loc(g, n));
    if (y == GRAFT_NONE) return false;
    d->operands.data[i + 1] = y;
  }
  return true;
}

static graft_status differentiate(differ *d, graft_node n) {
  graft_graph *g = d->g;
  graft_context *c = d->pass->context;
  const gr_node node = *gr_node_at(g, n);
  bool any = false;
  d->operands.len = 0;
  if (!gr_vec_push(c, &d->operands, gr_result(g, n, 0))) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < node.result_count; i++) {
    const graft_value y = gr_result(g, n, i), dy = y == GRAFT_NONE ? GRAFT_NONE : d->flowing[y];
    any |= dy != GRAFT_NONE;
    if (!gr_vec_push(c, &d->operands, dy)) return GRAFT_NO_MEMORY;
  }
  if (!any || !flows_through(d, n)) return GRAFT_OK;
  if (!fill_holes(d, n)) return GRAFT_NO_MEMORY;
  while (d->operands.data[d->operands.len - 1] == GRAFT_NONE) d->operands.len--;
  gr_node_desc desc = {.op = GR_OP_gradient,
                       .attrs = gr_attrs_defaults(d->m, gr_op_get(GR_OP_gradient), gr_module_loc(d->m)),
                       .operands = d->operands.data,
                       .operand_count = d->operands.len,
                       .result_count = node.operand_count,
                       .provenance = node.provenance,
                       .marks = d->pass->info->marks,
                       .before = GRAFT_NONE,
                       .where = gr_node_loc(g, n)};
  d->types.len = 0;
  for (uint32_t i = 0; i < node.operand_count; i++) {
    const graft_value x = gr_operand(g, n, i);
    const graft_type type = {.dtype = x == GRAFT_NONE ? GRAFT_UNKNOWN : gr_type_of(g, x)->dtype, .rank = -1};
    if (!gr_vec_push(c, &d->types, gr_type_intern(d->m, &type))) return GRAFT_NO_MEMORY;
    if (x == GRAFT_NONE && i < 32) desc.absent_results |= 1u << i;
  }
  desc.types = d->types.data;
  char name[256];
  (void)snprintf(name, sizeof name, "%s_grad", gr_node_label(g, n));
  desc.name_base = gr_intern(d->m, name, strlen(name));
  if (desc.name_base == GRAFT_NONE) return GRAFT_NO_MEMORY;
  if (desc.attrs == GRAFT_NONE) return GRAFT_NO_MEMORY;
  const graft_node made = gr_node_add(g, &desc);
  if (made == GRAFT_NONE || !gr_vec_push(c, &d->made, made) || !gr_vec_push(c, &d->whose, n)) return GRAFT_NO_MEMORY;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < node.operand_count && !s; i++) {
    const graft_value v = gr_operand(g, n, i);
    if (v != GRAFT_NONE && d->moves[v] && is_read(d, n, i)) s = flow_to(d, v, gr_result(g, made, i), n);
  }
  return s;
}

static graft_status go_back(differ *d) {
  graft_graph *g = d->g;
  const graft_node last = gr_value_node(g, d->of);
  const graft_value one = graft_scalar(g, gr_type_of(g, d->of)->dtype, 1.0);
  if (one == GRAFT_NONE) return GRAFT_NO_MEMORY;
  d->flowing[d->of] = one;
  graft_status s = GRAFT_OK;
  for (graft_node n = last; n != GRAFT_NONE && !s; n = gr_node_at(g, n)->prev) s = differentiate(d, n);
  return s;
}

/* A rule whose results are of another type than what they flow to is as good as none. */
static void note_refused(const gr_pass *p) {
  for (uint32_t i = 0; i < p->rules.len; i++)
    if (p->rules.data[i].refused)
      gr_note(p->context, (gr_loc){0},
              "what the rule '%s' makes does not fit (its ops contradict each other, or what it has for an operand is "
              "of another element type)",
              p->rules.data[i].name);
}

/* Which rule made a node that cannot be, or what it reads? */
static void note_rule(const differ *d, graft_node n) {
  const graft_value first = gr_operand(d->g, n, 0);
  const graft_node nodes[] = {n, first == GRAFT_NONE ? GRAFT_NONE : gr_value_node(d->g, first)};
  for (uint32_t i = 0; i < 2 && nodes[i] != GRAFT_NONE; i++) {
    const graft_provenance made = graft_record_get(d->m, graft_node_get_record(d->g, nodes[i]));
    if (strcmp(made.pass, d->pass->info->name) != 0 || !made.rule[0]) continue;
    gr_note(d->pass->context, gr_node_loc(d->g, nodes[i]), "made by the rule '%s'", made.rule);
    return;
  }
}

/* Every node `gradient` has become what its rule says. */
static graft_status check_rules(differ *d) {
  graft_graph *g = d->g;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < d->made.len; i++) {
    const graft_node n = d->made.data[i], of = d->whose.data[i];
    if (!gr_node_live(g, n) || gr_node_at(g, n)->op != GR_OP_gradient) continue;
    bool used = false;
    const gr_op_info *info = gr_info(g, of);
    char to[256] = "";
    for (uint32_t k = 0; k < gr_node_at(g, n)->result_count && !used; k++) {
      const graft_value dx = gr_result(g, n, k);
      used = dx != GRAFT_NONE && !gr_unused(g, dx);
      if (used) graft_value_name(g, gr_operand(g, of, k), to, sizeof to);
    }
    if (!used) continue;
    s = gr_error(d->pass->context, GRAFT_PASS, gr_node_loc(g, of),
                 "no rule says what of the gradient of %s flows to '%s'",
                 info ? info->name : gr_op_text(d->m, gr_node_at(g, of)->op), to);
    note_refused(d->pass);
  }
  return s;
}

/* What nobody asked for: from the last node that this pass made on. */
static void erase_unneeded(differ *d) {
  graft_graph *g = d->g;
  for (graft_node n = g->last, prev; n != GRAFT_NONE && n >= d->node_count; n = prev) {
    prev = gr_node_at(g, n)->prev;
    bool used = !(gr_node_may(g, n) & GR_MAY_ERASE);
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count && !used; i++) {
      const graft_value y = gr_result(g, n, i);
      used = y != GRAFT_NONE && !gr_unused(g, y);
    }
    if (!used) gr_node_erase(g, n);
  }
}

/* What was not known yet when the nodes were made. */
static graft_status infer_types(differ *d) {
  graft_graph *g = d->g;
  graft_status s = GRAFT_OK;
  uint32_t changed;
  for (graft_node n = d->last == GRAFT_NONE ? g->first : gr_node_at(g, d->last)->next; n != GRAFT_NONE && !s;
       n = gr_node_at(g, n)->next) {
    s = gr_node_infer(g, n, &changed);
    if (s) note_rule(d, n);
  }
  return s;
}

static graft_status add_outputs(differ *d) {
  graft_graph *g = d->g;
  graft_status s = gr_check_reached(d->pass, g, d->wrt.data, d->wrt.len, d->flowing);
  for (uint32_t i = 0; i < d->wrt.len && !s; i++) {
    const graft_value v = d->wrt.data[i];
    if (d->flowing[v] == GRAFT_NONE) continue;
    const char *name = gr_name_text(d->pass, gr_value_get_name(g, v), ".grad");
    s = name ? graft_output_add(g, name, d->flowing[v]) : GRAFT_NO_MEMORY;
    gr_count(d->pass, "gradients", 1);
  }
  return s;
}

/* Arrays for the graph as it is now, and what changes with `wrt`. */
static graft_status begin(differ *d) {
  graft_context *c = d->pass->context;
  d->value_count = d->g->values.len;
  d->node_count = d->g->nodes.len;
  d->last = d->g->last;
  d->moves = gr_calloc(c, d->value_count, 1);
  d->flowing = gr_alloc(c, d->value_count * sizeof *d->flowing);
  if (!d->moves || !d->flowing) return GRAFT_NO_MEMORY;
  for (uint32_t v = 0; v < d->value_count; v++) d->flowing[v] = GRAFT_NONE;
  find_moving(d);
  return GRAFT_OK;
}

static void forget(differ *d) {
  graft_context *c = d->pass->context;
  gr_free(c, d->moves, d->value_count);
  gr_free(c, d->flowing, d->value_count * sizeof *d->flowing);
  d->moves = NULL;
  d->flowing = NULL;
}

/* The value that stands where the node had one. */
typedef struct place {
  graft_node node; /* GRAFT_NONE: not a result */
  uint32_t result;
} place;

static place place_of(const graft_graph *g, graft_value v) {
  const graft_node n = gr_value_node(g, v);
  return (place){n, n == GRAFT_NONE ? 0 : v - gr_node_at(g, n)->first_result};
}

/* Nodes get what their gradients read; values of such nodes are others then. */
static graft_status save(differ *d) {
  graft_context *c = d->pass->context;
  const uint32_t count = d->wrt.len;
  const place of = place_of(d->g, d->of);
  place *wrt = gr_alloc(c, count * sizeof *wrt);
  if (!wrt) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < count; i++) wrt[i] = place_of(d->g, d->wrt.data[i]);
  graft_status s = gr_saved_add(d->g, d->moves, of.node, &d->saved);
  if (!s && d->saved.len) {
    if (of.node != GRAFT_NONE) d->of = gr_result(d->g, of.node, of.result);
    for (uint32_t i = 0; i < count; i++)
      if (wrt[i].node != GRAFT_NONE) d->wrt.data[i] = gr_result(d->g, wrt[i].node, wrt[i].result);
    forget(d);
    s = begin(d);
  }
  gr_free(c, wrt, count * sizeof *wrt);
  return s;
}

static graft_status run(differ *d) {
  graft_status s = find_wrt(d);
  if (!s) s = begin(d);
  if (!s) s = save(d);
  if (s) return s;
  s = go_back(d);
  if (!s) s = add_outputs(d);
  if (!s) s = gr_apply_rules(d->pass, "gradient", (gr_loc){0});
  if (!s) s = check_rules(d);
  if (!s) erase_unneeded(d);
  if (!s) s = gr_saved_trim(d->g, &d->saved);
  if (!s) s = infer_types(d);
  return s;
}

graft_status gr_check_gradient(gr_pass *p) {
  if (gr_option_string(p, "of")[0]) return GRAFT_OK;
  return gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, "of"), "'gradient' needs the option 'of'");
}

graft_status gr_pass_gradient(gr_pass *p) {
  differ d = {.pass = p, .m = p->module};
  graft_status s = find_of(&d);
  if (!s && d.g) s = run(&d);
  forget(&d);
  gr_vec_free(p->context, &d.wrt);
  gr_vec_free(p->context, &d.operands);
  gr_vec_free(p->context, &d.types);
  gr_vec_free(p->context, &d.made);
  gr_vec_free(p->context, &d.whose);
  gr_vec_free(p->context, &d.saved);
  return s;
}
