/* optimizer: each tensor whose gradient the graph gives takes a step. What an optimizer is says a row of the op table
 * of the family `optimizer`: it reads the tensor, its gradient, the learning rate, how many steps were taken and what
 * it remembers (statistics), and its results are what the tensor and what it remembers are next, in this order. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/edit.h"
#include "ir/formats/number_int.h"
#include "ir/graph/ends_int.h"
#include "passes/passes_int.h"

GR_SAME_OPERAND(grad, sgd, adam);
GR_SAME_OPERAND(lr, sgd, adam);
GR_SAME_OPERAND(step, sgd, adam);
GR_SAME_OPERAND(clip, sgd, adam);
GR_SAME_OPERAND(clip, sgd, adamw);

enum {
  WEIGHT = GR_OPERAND(sgd, weight),
  GRAD = GR_OPERAND(sgd, grad),
  LR = GR_OPERAND(sgd, lr),
  STEP = GR_OPERAND(sgd, step),
  CLIP = GR_OPERAND(sgd, clip)
};

typedef struct place { /* a tensor to be trained */
  graft_tensor tensor;
  graft_value gradient;
  graft_tensor sum; /* of the parts' gradients, where the step has parts */
  bool positive;    /* it has to stay above 0: a learned scale */
} place;

typedef struct maker {
  gr_pass *pass;
  graft_module *m;
  graft_graph *g;                     /* that the updates are in */
  uint32_t op, attrs, positive_attrs; /* the same, for what stays above 0 */
  graft_value lr, step, clip;
  GR_VEC(place) places;
} maker;

static uint32_t op_of(const char *name) {
  const uint32_t op = gr_op_find(name, strlen(name));
  return op < GR_OP_COUNT && (gr_op_get(op)->families & GR_F_OPTIMIZER) ? op : GR_OP_COUNT;
}

graft_status gr_check_optimizer(gr_pass *p) {
  const char *name = gr_option_string(p, "optimizer");
  const uint32_t op = op_of(name);
  gr_closest near = gr_closest_begin(name, strlen(name));
  for (uint32_t i = 0; i < GR_OP_COUNT; i++)
    if (gr_op_get(i)->families & GR_F_OPTIMIZER)
      gr_closest_offer(&near, gr_op_get(i)->name, strlen(gr_op_get(i)->name));
  if (op == GR_OP_COUNT)
    return gr_error(p->context, GRAFT_NAME, gr_option_loc(p, "optimizer"), "there is no optimizer '%s'%s", name,
                    gr_closest_hint(&near, ""));
  const float lr = (float)gr_option_float(p, "lr"); /* as the buffer has it */
  if (!(lr > 0 && lr < INFINITY))
    return gr_error(p->context, GRAFT_INVALID_ARGUMENT, gr_option_loc(p, "lr"),
                    "lr is %g: a learning rate is above 0 and finite, as f32", gr_option_float(p, "lr"));
  const gr_op_info *info = gr_op_get(op);
  for (uint32_t i = 0; i < p->rest_count; i++) {
    bool known = false;
    near = gr_closest_begin(p->rest[i].name, strlen(p->rest[i].name));
    for (uint32_t k = 0; k < info->attr_count; k++) {
      known |= gr_same_option(info->attrs[k].name, p->rest[i].name);
      gr_closest_offer(&near, info->attrs[k].name, strlen(info->attrs[k].name));
    }
    if (!known)
      return gr_error(p->context, GRAFT_NAME, p->rest[i].name_where, "'%s' has no option '%s'%s", name, p->rest[i].name,
                      gr_closest_hint(&near, ""));
  }
  return GRAFT_OK;
}

static graft_status set_attr(gr_pass *p, gr_attr_builder *b, const gr_op_info *info, const gr_option_text *o) {
  for (uint32_t k = 0; k < info->attr_count; k++) {
    const gr_attr_decl *d = &info->attrs[k];
    graft_attr a = {.name = d->name, .kind = d->kind};
    if (!gr_same_option(d->name, o->name)) continue;
    bool good = true;
    if (d->kind == GRAFT_ATTR_BOOL) {
      a.as.b = strcmp(o->value, "true") == 0;
      good = a.as.b || strcmp(o->value, "false") == 0;
    } else {
      good = gr_number_parse(o->value, strlen(o->value), &a.as.f);
    }
    if (!good)
      return gr_error(p->context, GRAFT_SYNTAX, o->value_where, "option '%s' takes %s, not '%s'", o->name,
                      d->kind == GRAFT_ATTR_BOOL ? "true or false" : "a number", o->value);
    return gr_attrs_set(p->module, b, info, &a, o->value_where);
  }
  return GRAFT_OK;
}

static graft_status read_attrs(maker *k) {
  gr_pass *p = k->pass;
  gr_attr_builder b;
  graft_status s = GRAFT_OK;
  gr_attrs_begin(&b, gr_op_get(k->op));
  for (uint32_t i = 0; i < p->rest_count && !s; i++) s = set_attr(p, &b, gr_op_get(k->op), &p->rest[i]);
  if (s) return s;
  const graft_attr least = {.name = "least", .kind = GRAFT_ATTR_FLOAT, .as.f = (double)GR_LEAST_SCALE};
  const gr_loc where = gr_option_loc(p, "optimizer");
  k->attrs = gr_attrs_intern(k->m, &b, gr_op_get(k->op), where);
  if (k->attrs == GRAFT_NONE) return GRAFT_NO_MEMORY;
  s = gr_attrs_set(k->m, &b, gr_op_get(k->op), &least, where);
  if (!s) k->positive_attrs = gr_attrs_intern(k->m, &b, gr_op_get(k->op), where);
  return s ? s : k->positive_attrs == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* Does a node read it where the op wants numbers above 0? */
static bool stays_above_0(const graft_graph *g, graft_value v) {
  for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    const gr_op_info *info = gr_user_is_node(user) ? gr_info(g, user) : NULL;
    const uint32_t slot = info ? gr_use_slot(g, u) : 0;
    if (info && slot < info->operand_count && info->operands[slot].positive) return true;
  }
  return false;
}

/* The tensor whose gradient the output is; GRAFT_NONE: it is none, or one of an input, which is not trained. */
static graft_status find_place(maker *k, uint32_t output, graft_tensor *t) {
  const char *name = graft_output_name(k->g, output);
  const size_t length = strlen(name);
  *t = GRAFT_NONE;
  if (length < 6 || strcmp(name + length - 5, ".grad") != 0) return GRAFT_OK;
  name = gr_arena_copy(&k->pass->text, name, length - 5);
  if (!name) return GRAFT_NO_MEMORY;
  *t = graft_tensor_find(k->m, name);
  return GRAFT_OK;
}

/* The outputs NAME.grad, which go. */
static graft_status take_gradients(maker *k) {
  graft_context *c = k->pass->context;
  const uint32_t count = graft_output_count(k->g);
  uint8_t *goes = gr_calloc(c, (size_t)count + 1, 1);
  graft_status s = goes ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < count && !s; i++) {
    graft_tensor t;
    s = find_place(k, i, &t);
    if (s || t == GRAFT_NONE) continue;
    goes[i] = 1;
    const graft_value handle = gr_handle(k->g, t);
    if (handle == GRAFT_NONE ||
        !gr_vec_push(c, &k->places, ((place){t, graft_output_get(k->g, i), GRAFT_NONE, stays_above_0(k->g, handle)})))
      s = GRAFT_NO_MEMORY;
  }
  if (!s) s = gr_outputs_remove(k->g, goes);
  if (goes) gr_free(c, goes, (size_t)count + 1);
  if (!s && !k->places.len)
    s = gr_error(c, GRAFT_PASS, gr_module_loc(k->m),
                 "the graph has no output NAME.grad of a tensor: run the pass gradient before");
  return s;
}

/* A buffer that remembers something; one of this name and type goes on. */
static graft_status buffer(maker *k, const char *name, const graft_type *type, const void *data, graft_value *v) {
  if (!name) return GRAFT_NO_MEMORY;
  graft_tensor t = graft_tensor_find(k->m, name);
  if (t != GRAFT_NONE && !gr_type_equal(gr_tensor_type(k->m, t), type))
    return gr_error(k->pass->context, GRAFT_NAME, gr_module_loc(k->m), "there is a tensor '%s' of another type", name);
  if (t != GRAFT_NONE && graft_tensor_get_kind(k->m, t) != GRAFT_BUFFER)
    return gr_error(k->pass->context, GRAFT_NAME, gr_module_loc(k->m),
                    "there is a tensor '%s' that is no buffer: the optimizer remembers under this name", name);
  if (t == GRAFT_NONE) t = graft_tensor_create(k->m, name, GRAFT_BUFFER, type, data);
  *v = t == GRAFT_NONE ? GRAFT_NONE : gr_handle(k->g, t);
  return *v == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* What belongs to the tensor is called NAME.WHAT; NULL: no memory. */
static const char *name_of(maker *k, const place *at, const char *what) {
  char suffix[64];
  (void)snprintf(suffix, sizeof suffix, ".%s", what);
  return gr_name_text(k->pass, k->m->tensors.data[at->tensor].name, suffix);
}

static graft_status zeros(maker *k, const char *name, const graft_type *type, graft_value *v) {
  const size_t size = (size_t)graft_type_elements(type) * graft_dtype_size(type->dtype);
  void *data = gr_calloc(k->pass->context, size + 1, 1);
  if (!data) return GRAFT_NO_MEMORY;
  const graft_status s = buffer(k, name, type, data, v);
  gr_free(k->pass->context, data, size + 1);
  return s;
}

/* sum / parts, in the sum's dtype; *count: parts in the dtype of the last one. */
static graft_value mean_of(maker *k, graft_value sum, graft_value parts, graft_value *count) {
  const graft_attr dtype = {.name = "dtype", .kind = GRAFT_ATTR_DTYPE, .as.dtype = gr_type_of(k->g, sum)->dtype};
  if (*count == GRAFT_NONE || gr_type_of(k->g, *count)->dtype != dtype.as.dtype)
    *count = graft_build(k->g, "to", &parts, 1, &dtype, 1);
  return *count == GRAFT_NONE ? GRAFT_NONE : graft_build(k->g, "div", (graft_value[]){sum, *count}, 2, NULL, 0);
}

/* The learning rate, the step, and by what gradients are multiplied. */
static graft_status make_common(maker *k) {
  gr_pass *p = k->pass;
  const graft_type number = graft_type_make(GRAFT_F32, 0, NULL), whole = graft_type_make(GRAFT_I64, 0, NULL);
  const float lr = (float)gr_option_float(p, "lr");
  const int64_t zero = 0;
  graft_status s = buffer(k, "optimizer.lr", &number, &lr, &k->lr);
  if (!s) s = buffer(k, "optimizer.step", &whole, &zero, &k->step);
  k->clip = GRAFT_NONE;
  const double most = gr_option_float(p, "clip-norm");
  if (s || most == 0) return s;
  const graft_attr a = {.name = "max_norm", .kind = GRAFT_ATTR_FLOAT, .as.f = most};
  GR_VEC(graft_value) all = {0};
  bool ok = true;
  for (uint32_t i = 0; i < k->places.len && ok; i++) ok = gr_vec_push(p->context, &all, k->places.data[i].gradient);
  if (ok) k->clip = graft_build(k->g, "clip_grad_norm", all.data, all.len, &a, 1);
  gr_vec_free(p->context, &all);
  return k->clip == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* Does the op take a tensor of the type with these attributes, remembering all that it may or only what it must? */
static bool takes(maker *k, const graft_type *type, bool optional) {
  const gr_op_info *info = gr_op_get(k->op);
  const graft_type *operands[GR_MAX_OPERANDS] = {0}, *lr = gr_type_of(k->g, k->lr), *step = gr_type_of(k->g, k->step);
  graft_type results[GR_MAX_RESULTS];
  char error[160];
  uint32_t states = 0;
  for (uint32_t i = 0; i < info->operand_count; i++) {
    const bool state = info->operands[i].role == GR_STATISTICS && (optional || !info->operands[i].optional);
    operands[i] = state || i == WEIGHT || i == GRAD ? type : i == LR ? lr : i == STEP ? step : NULL;
    states += state;
  }
  gr_infer in = {.module = k->m,
                 .op = k->op,
                 .attrs = k->attrs,
                 .operands = operands,
                 .operand_count = info->operand_count,
                 .results = results,
                 .result_count = 1 + states,
                 .error = error};
  return gr_infer_types(&in);
}

static graft_status take_step(maker *k, const place *at) {
  const gr_op_info *info = gr_op_get(k->op);
  graft_graph *g = k->g;
  const graft_type type = *gr_tensor_type(k->m, at->tensor);
  graft_value operands[GR_MAX_OPERANDS];
  graft_tensor states[GR_MAX_RESULTS];
  uint32_t count = 0;
  graft_status s = GRAFT_OK;
  const bool optional = !takes(k, &type, false) && takes(k, &type, true);
  for (uint32_t i = 0; i < info->operand_count && !s; i++) {
    operands[i] = GRAFT_NONE;
    if (info->operands[i].role != GR_STATISTICS || (info->operands[i].optional && !optional)) continue;
    s = zeros(k, name_of(k, at, info->operands[i].name), &type, &operands[i]);
    if (!s) states[count++] = gr_value_tensor(g, operands[i]);
  }
  if (s) return s;
  operands[WEIGHT] = gr_handle(g, at->tensor);
  operands[GRAD] = at->gradient;
  operands[LR] = k->lr;
  operands[STEP] = k->step;
  operands[CLIP] = k->clip;
  const gr_node_desc d = {.op = k->op,
                          .attrs = at->positive ? k->positive_attrs : k->attrs,
                          .operands = operands,
                          .operand_count = info->operand_count,
                          .result_count = 1 + count,
                          .before = GRAFT_NONE,
                          .where = gr_value_loc(g, operands[WEIGHT])};
  const graft_node n = gr_node_add(g, &d);
  if (n == GRAFT_NONE) return GRAFT_PASS;
  s = graft_update_add(g, at->tensor, gr_result(g, n, 0));
  for (uint32_t i = 0; i < count && !s; i++) s = graft_update_add(g, states[i], gr_result(g, n, 1 + i));
  gr_count(k->pass, "tensors trained", 1);
  return s;
}

/* A number of steps or parts is one more. */
static graft_status count_up(maker *k, graft_value number) {
  const graft_value one = graft_scalar(k->g, GRAFT_I64, 1);
  if (one == GRAFT_NONE) return GRAFT_NO_MEMORY;
  const graft_value next = graft_build(k->g, "add", (graft_value[]){number, one}, 2, NULL, 0);
  return next == GRAFT_NONE ? GRAFT_NO_MEMORY : graft_update_add(k->g, gr_value_tensor(k->g, number), next);
}

/* ---- parts ---- */

/* To the tensor that v is the handle of: zeros. */
static graft_status clear(maker *k, graft_value v) {
  const graft_value zero = graft_build(k->g, "zeros_like", &v, 1, NULL, 0);
  return zero == GRAFT_NONE ? GRAFT_NO_MEMORY : graft_update_add(k->g, gr_value_tensor(k->g, v), zero);
}

/* What the graph computes is added up in buffers NAME.grad, and optimizer.parts counts; the step is a graph of its own,
 * `apply`, which takes the mean and begins anew. */
static graft_status split_off(maker *k, graft_value *parts) {
  graft_module *m = k->m;
  const graft_type whole = graft_type_make(GRAFT_I64, 0, NULL);
  graft_status s = buffer(k, "optimizer.parts", &whole, &(int64_t){0}, parts);
  if (!s) s = count_up(k, *parts);
  for (uint32_t i = 0; i < k->places.len && !s; i++) {
    place *at = &k->places.data[i];
    graft_value sum = GRAFT_NONE, next;
    s = zeros(k, name_of(k, at, "grad"), gr_type_of(k->g, at->gradient), &sum);
    if (s) break;
    next = graft_build(k->g, "add", (graft_value[]){sum, at->gradient}, 2, NULL, 0);
    s = next == GRAFT_NONE ? GRAFT_NO_MEMORY : graft_update_add(k->g, gr_value_tensor(k->g, sum), next);
    at->sum = gr_value_tensor(k->g, sum);
  }
  const graft_tensor count = s ? GRAFT_NONE : gr_value_tensor(k->g, *parts);
  if (!s) k->g = graft_graph_create(m, "apply");
  if (!s && !k->g) s = GRAFT_NAME;
  if (!s) *parts = gr_handle(k->g, count);
  graft_value divisor = GRAFT_NONE;
  for (uint32_t i = 0; i < k->places.len && !s; i++) {
    place *at = &k->places.data[i];
    const graft_value sum = gr_handle(k->g, at->sum);
    at->gradient = sum == GRAFT_NONE ? GRAFT_NONE : mean_of(k, sum, *parts, &divisor);
    if (at->gradient == GRAFT_NONE) s = GRAFT_NO_MEMORY;
  }
  return s;
}

static graft_status begin_anew(maker *k, graft_value parts) {
  graft_status s = clear(k, parts);
  for (uint32_t i = 0; i < k->places.len && !s; i++) s = clear(k, gr_handle(k->g, k->places.data[i].sum));
  return s;
}

graft_status gr_pass_optimizer(gr_pass *p) {
  maker k = {.pass = p, .m = p->module, .op = op_of(gr_option_string(p, "optimizer"))};
  graft_status s = gr_graph_to_train(p, &k.g);
  if (!s) s = read_attrs(&k);
  if (!s) s = take_gradients(&k);
  const bool accumulates = gr_option_bool(p, "accumulate");
  graft_value parts = GRAFT_NONE;
  if (!s && accumulates) s = split_off(&k, &parts);
  if (!s) s = make_common(&k);
  if (!s) s = count_up(&k, k.step); /* before the optimizers: what a graph ends with may write to tensors in place */
  if (!s && accumulates) s = begin_anew(&k, parts);
  for (uint32_t i = 0; i < k.places.len && !s; i++) s = take_step(&k, &k.places.data[i]);
  gr_vec_free(p->context, &k.places);
  return s;
}
