/* insert-fake-quant and insert-observers: puts observe, qparams and fake_quantize where the annotations say.
 *
 * A value with a spec gets one place right after it, and every user reads it, annotated or not. An edge with a spec
 * gets one between value and user, unless it shares the group that stands on the value already; edges of one group
 * share one place. Places stand right behind the value they quantize, those of inputs and tensors at the start: a
 * group's state is threaded through its places in this order. A derived place stands before its user, since it needs
 * the others' scales. Specs stay where they are: convert needs them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ir/graph/budget_int.h"
#include "passes/quant_impl.h"
#include "runtime/qparams.h"

/* What a group has so far. */
typedef struct group_state {
  graft_tensor tensor;                  /* its state, or GRAFT_NONE */
  graft_value state;                    /* after the last place */
  graft_value scale, zero_point;        /* of the last place, GRAFT_NONE: no place yet */
  graft_value last_source, last_result; /* the last edge place */
} group_state;

/* What is read off a spec once: its kind, and the attribute sets of the nodes it makes. */
typedef struct recipe {
  bool known, is_spec, dynamic, per_channel, histogram, enabled;
  uint32_t observe, widen, qparams, choose_qparams; /* GRAFT_NONE: not made yet; widen: observe without averaging */
  uint32_t fake_quantize[2];                        /* per tensor, per channel */
} recipe;

typedef struct inserter {
  gr_pass *pass;
  graft_graph *g;
  graft_module *m;
  graft_context *c;
  bool train;              /* fake-quants are enabled where the spec says so */
  bool covers;             /* the later places of a group widen the range instead of averaging into it */
  const gr_within *within; /* places of these nodes alone; NULL: all */
  gr_groups groups;
  group_state *state;   /* by group */
  uint32_t *edge_first; /* by value: its annotated uses are edges[first .. first of the next], in node order */
  uint32_t *edges;
  uint32_t edge_count, value_count;
  GR_VEC(uint32_t) moved; /* uses of one value */
  uint32_t pass_name;     /* string, for provenance */
  uint32_t state_name;    /* string that states are called as, with numbers */
  uint32_t scalar[2];     /* types f32[] and i32[] */
  recipe *recipes;        /* one for each spec of a group */
  uint32_t *recipe_at;    /* by group */
  gr_buffer *fresh;       /* the state before any step, shared by all that have the type; NULL: none yet */
  uint32_t fresh_type;
} inserter;

static const gr_spec *spec_of_group(const inserter *s, uint32_t group) {
  return gr_spec_get(s->m, s->groups.list.data[group].spec);
}

#define SAME_SLOT(name) \
  GR_SAME_ATTR(name, spec, derived); \
  GR_SAME_ATTR(name, spec, fixed)
SAME_SLOT(quant_min);
SAME_SLOT(quant_max);
SAME_SLOT(dtype);
SAME_SLOT(scheme);
GR_SAME_ATTR(axis, spec, derived);
GR_SAME_ATTR(groups, spec, derived);

/* ---- recipes: attributes of the same name go from spec to node ---- */

static graft_attr int_attr(const char *name, int64_t i) {
  return (graft_attr){.name = name, .kind = GRAFT_ATTR_INT, .as.i = i};
}
static graft_attr bool_attr(const char *name, bool b) {
  return (graft_attr){.name = name, .kind = GRAFT_ATTR_BOOL, .as.b = b};
}

/* The range that values are clamped to: reduce_range is done. */
static void range_of(const inserter *s, const gr_spec *spec, int64_t *low, int64_t *high) {
  graft_qparams_config o = {.size = sizeof o};
  o.quant_min = gr_attr_int(s->m, spec->attrs, GR_ATTR(spec, quant_min));
  o.quant_max = gr_attr_int(s->m, spec->attrs, GR_ATTR(spec, quant_max));
  o.reduce_range = spec->kind == GR_SPEC_spec && gr_attr_bool(s->m, spec->attrs, GR_ATTR(spec, reduce_range));
  graft_qparams_range(&o, low, high);
}

/* GRAFT_NONE with a diagnostic. */
static uint32_t node_attrs(const inserter *s, uint32_t op, const gr_spec *spec, bool has_axis, bool enabled) {
  const gr_op_info *to = gr_op_get(op), *from = gr_spec_info(spec->kind);
  gr_attr_builder b;
  gr_attrs_begin(&b, to);
  for (uint32_t i = 0; i < to->attr_count; i++) {
    int slot = gr_op_attr_slot(from, to->attrs[i].name, strlen(to->attrs[i].name));
    if (slot < 0) continue;
    graft_attr attr = gr_attr_public(s->m, from, spec->attrs, (uint32_t)slot);
    if (gr_attrs_set(s->m, &b, to, &attr, (gr_loc){0})) return GRAFT_NONE;
  }
  int64_t low, high;
  range_of(s, spec, &low, &high);
  graft_attr more[6] = {int_attr("quant_min", low), int_attr("quant_max", high), bool_attr("reduce_range", false),
                        bool_attr("enabled", enabled)};
  uint32_t count = 4;
  if (!has_axis) {
    more[count++] = (graft_attr){.name = "axis", .kind = GRAFT_ATTR_NONE};
    more[count++] = int_attr("groups", 1);
  } else if (gr_attr_is_none(s->m, spec->attrs, GR_ATTR(spec, axis))) {
    more[count++] = int_attr("axis", 0); /* of a bias whose scales are derived */
  }
  for (uint32_t i = 0; i < count; i++) {
    const char *name = more[i].name;
    if (name && gr_op_attr_slot(to, name, strlen(name)) >= 0 && gr_attrs_set(s->m, &b, to, &more[i], (gr_loc){0}))
      return GRAFT_NONE;
  }
  return gr_attrs_intern(s->m, &b, to, (gr_loc){0});
}

static graft_status number_recipes(inserter *s) {
  const uint32_t groups = s->groups.list.len;
  gr_map numbers = {0}; /* spec -> recipe */
  s->recipes = gr_calloc(s->c, (size_t)groups + 1, sizeof *s->recipes);
  s->recipe_at = gr_alloc(s->c, ((size_t)groups + 1) * sizeof *s->recipe_at);
  bool ok = s->recipes && s->recipe_at;
  for (uint32_t i = 0; i < groups && ok; i++) {
    const uint32_t spec = s->groups.list.data[i].spec, known = gr_map_get(&numbers, spec);
    s->recipe_at[i] = known == GRAFT_NONE ? numbers.used : known;
    ok = known != GRAFT_NONE || gr_map_put(s->c, &numbers, spec, numbers.used);
  }
  gr_map_free(s->c, &numbers);
  return ok ? GRAFT_OK : GRAFT_NO_MEMORY;
}

static recipe *recipe_of(const inserter *s, uint32_t group) {
  const uint32_t id = s->groups.list.data[group].spec;
  recipe *r = &s->recipes[s->recipe_at[group]];
  if (r->known) return r;
  const gr_spec *spec = gr_spec_get(s->m, id);
  *r = (recipe){.known = true, .is_spec = spec->kind == GR_SPEC_spec, .enabled = s->train};
  r->observe = r->widen = r->qparams = r->choose_qparams = r->fake_quantize[0] = r->fake_quantize[1] = GRAFT_NONE;
  int64_t scheme = spec->kind == GR_SPEC_shared ? -1 : gr_attr_int(s->m, spec->attrs, GR_ATTR(spec, scheme));
  r->per_channel = gr_is_per_channel(scheme);
  if (!r->is_spec) return r;
  r->histogram = gr_attr_int(s->m, spec->attrs, GR_ATTR(spec, observer)) == GR_observer_histogram;
  r->dynamic = gr_attr_bool(s->m, spec->attrs, GR_ATTR(spec, dynamic));
  r->enabled = s->train && gr_attr_bool(s->m, spec->attrs, GR_ATTR(spec, fake_quantize));
  return r;
}

/* Makes a recipe's attribute set on first use. */
static uint32_t set_of(const inserter *s, uint32_t group, uint32_t *set, uint32_t op, bool has_axis) {
  const recipe *r = recipe_of(s, group);
  if (*set == GRAFT_NONE)
    *set = node_attrs(s, op, spec_of_group(s, group), has_axis, op == GR_OP_observe || r->enabled);
  return *set;
}

/* ---- one place ---- */

typedef struct place {
  uint32_t group;
  graft_value x;
  graft_node before;
  uint32_t provenance;
  graft_node from; /* for messages */
} place;

static gr_loc where_of(const inserter *s, const place *p) {
  return p->from == GRAFT_NONE ? gr_module_loc(s->m) : gr_node_loc(s->g, p->from);
}

/* `types`: of the results, where they are known; NULL: inferred. */
static graft_node add(inserter *s, const place *p, uint32_t op, uint32_t attrs, const graft_value *operands,
                      uint32_t count, uint32_t results, const uint32_t *types) {
  if (attrs == GRAFT_NONE) return GRAFT_NONE;
  gr_node_desc d = {.op = op,
                    .attrs = attrs,
                    .operands = operands,
                    .operand_count = count,
                    .result_count = results,
                    .provenance = p->provenance,
                    .marks = GR_MARK_INSERTED,
                    .types = types,
                    .before = p->before};
  graft_node n = gr_node_add(s->g, &d);
  if (n == GRAFT_NONE) gr_note(s->c, where_of(s, p), "while quantizing this");
  return n;
}

static uint32_t type_id(const inserter *s, graft_value v) { return gr_value_at(s->g, v)->type; }

static graft_status fail(const inserter *s, const place *p, const char *why) {
  char label[300];
  return gr_error(s->c, GRAFT_PASS, where_of(s, p), "%s cannot be quantized: %s",
                  gr_place_label(s->g, s->groups.list.data[p->group].at, label, sizeof label), why);
}

/* Channels of a per-channel spec: groups for each entry of the axis. */
static graft_status count_channels(const inserter *s, const place *p, const gr_spec *spec, int64_t *channels) {
  const graft_type *x = gr_type_of(s->g, p->x);
  if (spec->kind == GR_SPEC_fixed || gr_attr_is_none(s->m, spec->attrs, GR_ATTR(spec, axis)))
    return fail(s, p, "its spec is per channel and has no axis");
  int64_t axis = gr_attr_int(s->m, spec->attrs, GR_ATTR(spec, axis)),
          groups = gr_attr_int(s->m, spec->attrs, GR_ATTR(spec, groups));
  if (x->rank < 0) return fail(s, p, "it is quantized per channel and its rank is unknown");
  if (axis < 0) axis += x->rank;
  if (axis < 0 || axis >= x->rank) return fail(s, p, "it has no such axis");
  if (x->dims[axis] < 0) return fail(s, p, "it is quantized per channel along an axis of unknown extent");
  if (groups < 1 || (x->dims[axis] > 0 && groups > (1 << 28) / x->dims[axis]))
    return fail(s, p, "it has too many groups");
  *channels = x->dims[axis] * groups;
  return GRAFT_OK;
}

/* (inf, -inf) for each channel, an empty histogram: one buffer for all states of a type, which are written on a copy.
 */
static gr_buffer *fresh_state(inserter *s, uint32_t type, int64_t channels) {
  if (s->fresh && s->fresh_type == type) return gr_buffer_retain(s->fresh);
  int64_t count = graft_type_elements(&s->m->types.data[type]);
  gr_buffer *b = gr_buffer_create(s->c, (size_t)count * sizeof(float));
  if (!b) return NULL;
  float *data = b->data;
  for (int64_t i = 0; i < channels; i++) data[i] = INFINITY, data[channels + i] = -INFINITY;
  if (s->fresh) gr_buffer_release(s->c, s->fresh);
  s->fresh = b;
  s->fresh_type = type;
  return gr_buffer_retain(b);
}

static graft_status make_state(inserter *s, const place *p, const gr_spec *spec) {
  const recipe *r = recipe_of(s, p->group);
  int64_t n = 1, bins = r->histogram ? gr_attr_int(s->m, spec->attrs, GR_ATTR(spec, bins)) : 0;
  if (r->histogram && r->per_channel) return fail(s, p, "a histogram cannot be per channel");
  if (r->per_channel) {
    graft_status status = count_channels(s, p, spec, &n);
    if (status) return status;
  }
  if (bins < 0 || bins > 1 << 20) return fail(s, p, "it has too many bins");
  graft_type type = r->per_channel ? graft_type_make(GRAFT_F32, 2, (int64_t[]){2, n})
                                   : graft_type_make(GRAFT_F32, 1, (int64_t[]){2 + bins});
  uint32_t id = gr_type_intern(s->m, &type);
  gr_name name = gr_name_next(s->m, s->state_name);
  if (id == GRAFT_NONE || name.base == GRAFT_NONE) return GRAFT_NO_MEMORY;
  gr_buffer *b = fresh_state(s, id, n);
  graft_tensor t = b ? gr_tensor_add(s->m, name, GRAFT_BUFFER, id, b, 0) : GRAFT_NONE;
  if (t == GRAFT_NONE) return GRAFT_NO_MEMORY;
  group_state *st = &s->state[p->group];
  st->tensor = t;
  st->state = gr_handle(s->g, t);
  return st->state == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* Scale and zero point of a fixed spec, as constants. */
static graft_status fixed(inserter *s, const place *p, const gr_spec *spec) {
  group_state *st = &s->state[p->group];
  graft_type type = {.dtype = GRAFT_F32};
  int64_t n = 1;
  if (st->scale != GRAFT_NONE) return GRAFT_OK;
  if (recipe_of(s, p->group)->per_channel) {
    graft_status status = count_channels(s, p, spec, &n);
    if (status) return status;
    type = graft_type_make(GRAFT_F32, 1, &n);
  }
  float *scale = gr_alloc(s->c, (size_t)(n ? n : 1) * sizeof *scale);
  int32_t *zero = gr_calloc(s->c, (size_t)(n ? n : 1), sizeof *zero);
  graft_tensor a = GRAFT_NONE, b = GRAFT_NONE;
  if (scale && zero) {
    for (int64_t i = 0; i < n; i++) scale[i] = (float)gr_attr_float(s->m, spec->attrs, GR_ATTR(fixed, scale));
    zero[0] = (int32_t)gr_attr_int(s->m, spec->attrs, GR_ATTR(fixed, zero_point));
    a = gr_constant(s->m, "activation_post_process.scale", &type, scale);
    type.dtype = GRAFT_I32;
    if (a != GRAFT_NONE) b = gr_constant(s->m, "activation_post_process.zero_point", &type, zero);
  }
  if (scale) gr_free(s->c, scale, (size_t)(n ? n : 1) * sizeof *scale);
  if (zero) gr_free(s->c, zero, (size_t)(n ? n : 1) * sizeof *zero);
  if (a == GRAFT_NONE || b == GRAFT_NONE) return GRAFT_NO_MEMORY;
  st->scale = gr_handle(s->g, a);
  st->zero_point = gr_handle(s->g, b);
  return st->scale == GRAFT_NONE || st->zero_point == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

static graft_status take_qparams(inserter *s, const place *p, graft_node n) {
  if (n == GRAFT_NONE) return GRAFT_PASS;
  s->state[p->group].scale = gr_result(s->g, n, 0);
  s->state[p->group].zero_point = gr_result(s->g, n, 1);
  return GRAFT_OK;
}

/* The attributes of an observer that widens the range that the state has; a histogram covers all that it has seen. */
static uint32_t without_average(const inserter *s, uint32_t attrs) {
  const gr_op_info *op = gr_op_get(GR_OP_observe);
  graft_attr plain = {.name = "observer", .kind = GRAFT_ATTR_STRING, .as.s = "min_max"};
  gr_attr_builder b;
  if (gr_attr_int(s->m, attrs, GR_ATTR(observe, observer)) != GR_observer_moving_average_min_max) return attrs;
  gr_attrs_begin_from(&b, s->m, op, attrs);
  return gr_attrs_set(s->m, &b, op, &plain, (gr_loc){0}) ? GRAFT_NONE : gr_attrs_intern(s->m, &b, op, (gr_loc){0});
}

static graft_status observed(inserter *s, const place *p, const gr_spec *spec) {
  group_state *st = &s->state[p->group];
  recipe *r = recipe_of(s, p->group);
  const bool widens = s->covers && st->tensor != GRAFT_NONE;
  if (st->tensor == GRAFT_NONE) {
    graft_status status = make_state(s, p, spec);
    if (status) return status;
  }
  uint32_t state_type = type_id(s, st->state);
  uint32_t attrs = set_of(s, p->group, &r->observe, GR_OP_observe, r->per_channel);
  if (widens && attrs != GRAFT_NONE && r->widen == GRAFT_NONE) r->widen = without_average(s, attrs);
  if (widens) attrs = r->widen;
  graft_node n = add(s, p, GR_OP_observe, attrs, (graft_value[]){p->x, st->state}, 2, 1, &state_type);
  if (n == GRAFT_NONE) return GRAFT_PASS;
  st->state = gr_result(s->g, n, 0);
  attrs = set_of(s, p->group, &r->qparams, GR_OP_qparams, r->per_channel);
  return take_qparams(s, p, add(s, p, GR_OP_qparams, attrs, &st->state, 1, 2, r->per_channel ? NULL : s->scalar));
}

/* Scale: the product of the others' scales; zero point 0. */
static graft_status derived(inserter *s, const place *p, const gr_spec *spec) {
  group_state *st = &s->state[p->group];
  char label[300], from[300];
  uint32_t id = s->groups.list.data[p->group].spec;
  graft_value scale = GRAFT_NONE;
  if (spec->ref_count == 0) return fail(s, p, "its parameters are derived from nothing");
  for (uint32_t i = 0; i < spec->ref_count; i++) {
    gr_spec_ref ref = gr_spec_refs(s->m, id)[i];
    uint32_t count = ref.is_value ? s->groups.value_count : s->groups.use_count;
    uint32_t group = ref.id < count ? (ref.is_value ? s->groups.of_value : s->groups.of_use)[ref.id] : GRAFT_NONE;
    if (group == GRAFT_NONE || s->state[group].scale == GRAFT_NONE)
      return gr_error(s->c, GRAFT_PASS, where_of(s, p), "%s is derived from %s, which %s",
                      gr_place_label(s->g, s->groups.list.data[p->group].at, label, sizeof label),
                      ref.id < count ? gr_place_label(s->g, ref, from, sizeof from) : "a place",
                      group == p->group     ? "is derived from it in turn"
                      : group == GRAFT_NONE ? "is not annotated"
                                            : "is not quantized before it");
    if (scale == GRAFT_NONE) {
      scale = s->state[group].scale;
    } else {
      graft_node n = add(s, p, GR_OP_mul, 0, (graft_value[]){scale, s->state[group].scale}, 2, 1, NULL);
      if (n == GRAFT_NONE) return GRAFT_PASS;
      scale = gr_result(s->g, n, 0);
    }
    spec = gr_spec_get(s->m, id);
  }
  graft_type type = *gr_type_of(s->g, scale);
  int64_t n = graft_type_elements(&type);
  if (n < 0) return fail(s, p, "the number of its scales is unknown");
  int32_t *zeros = gr_calloc(s->c, (size_t)(n ? n : 1), sizeof *zeros);
  if (!zeros) return GRAFT_NO_MEMORY;
  type.dtype = GRAFT_I32;
  graft_tensor t = gr_constant(s->m, "zero_point", &type, zeros);
  gr_free(s->c, zeros, (size_t)(n ? n : 1) * sizeof *zeros);
  if (t == GRAFT_NONE) return GRAFT_NO_MEMORY;
  st->scale = scale;
  st->zero_point = gr_handle(s->g, t);
  return st->zero_point == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

static graft_status make_qparams(inserter *s, const place *p) {
  const gr_spec *spec = spec_of_group(s, p->group);
  recipe *r = recipe_of(s, p->group);
  if (r->dynamic) {
    if (r->per_channel) return fail(s, p, "dynamic quantization is per tensor");
    uint32_t attrs = set_of(s, p->group, &r->choose_qparams, GR_OP_choose_qparams, false);
    return take_qparams(s, p, add(s, p, GR_OP_choose_qparams, attrs, &p->x, 1, 2, s->scalar));
  }
  if (spec->kind == GR_SPEC_fixed) return fixed(s, p, spec);
  return spec->kind == GR_SPEC_derived ? derived(s, p, spec) : observed(s, p, spec);
}

/* One place on p->x: its fake-quantized value, GRAFT_NONE with a diagnostic. */
static graft_value make_place(inserter *s, const place *p) {
  const group_state *st = &s->state[p->group];
  graft_dtype dtype = gr_type_of(s->g, p->x)->dtype;
  if (dtype != GRAFT_F32 && dtype != GRAFT_UNKNOWN) return fail(s, p, "it is not f32"), GRAFT_NONE;
  const gr_loc before = gr_budget_at(s->c, gr_value_loc(s->g, p->x)); /* a parameter for each channel may be many */
  const graft_status made = make_qparams(s, p);
  gr_budget_at(s->c, before);
  if (made) return GRAFT_NONE;
  recipe *r = recipe_of(s, p->group);
  bool has_axis = gr_type_of(s->g, st->scale)->rank == 1;
  uint32_t type = type_id(s, p->x);
  uint32_t attrs = set_of(s, p->group, &r->fake_quantize[has_axis], GR_OP_fake_quantize, has_axis);
  graft_node n = add(s, p, GR_OP_fake_quantize, attrs, (graft_value[]){p->x, st->scale, st->zero_point}, 3, 1,
                     has_axis ? NULL : &type);
  if (n == GRAFT_NONE) return GRAFT_NONE;
  gr_count(s->pass, r->enabled ? "fake-quants" : "observed places", 1);
  return gr_result(s->g, n, 0);
}

/* ---- where ---- */

/* Made from the record of the node whose result, or else whose operand, is quantized. */
static uint32_t provenance(inserter *s, graft_node from) {
  uint32_t parent = from == GRAFT_NONE ? 0 : gr_node_at(s->g, from)->provenance;
  gr_record r = {.pass = s->pass_name, .parent_count = parent ? 1 : 0};
  return gr_record_intern(s->m, &r, &parent);
}

static bool begin_place(inserter *s, place *p, uint32_t group, graft_value x, graft_node from, graft_node before) {
  *p = (place){.group = group, .x = x, .before = before, .provenance = provenance(s, from), .from = from};
  return p->provenance != GRAFT_NONE;
}

/* Everything that reads v, but for updates of state, reads `instead` from now on. */
static graft_status collect_uses(inserter *s, graft_value v) {
  s->moved.len = 0;
  for (uint32_t u = gr_value_at(s->g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(s->g, u)->next) {
    uint32_t user = gr_use_at(s->g, u)->user;
    if (!gr_user_is_node(user) && (user & GR_USER_UPDATE) == GR_USER_UPDATE) continue;
    if (!gr_vec_push(s->c, &s->moved, u)) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

static graft_status quantize_output(inserter *s, graft_value v, graft_node before, graft_value *source) {
  place p;
  uint32_t group = s->groups.of_value[v];
  if (group == GRAFT_NONE) return GRAFT_OK;
  if (!begin_place(s, &p, group, v, gr_value_node(s->g, v), before)) return GRAFT_NO_MEMORY;
  graft_status status = collect_uses(s, v);
  if (status) return status;
  graft_value y = make_place(s, &p);
  if (y == GRAFT_NONE) return GRAFT_PASS;
  for (uint32_t i = s->moved.len; i-- > 0;) gr_use_set(s->g, s->moved.data[i], y); /* keeps the order of the use list */
  *source = y;
  return GRAFT_OK;
}

static graft_status quantize_value(inserter *s, graft_value v, graft_node before) {
  graft_value source = v;
  graft_status status = quantize_output(s, v, before, &source);
  if (status) return status;
  for (uint32_t i = s->edge_first[v]; i < s->edge_first[v + 1]; i++) {
    uint32_t use = s->edges[i], group = s->groups.of_use[use];
    if (group == s->groups.of_value[v] || spec_of_group(s, group)->kind == GR_SPEC_derived) continue;
    group_state *st = &s->state[group];
    if (st->last_source != source) {
      graft_node maker = gr_value_node(s->g, v);
      place p;
      if (!begin_place(s, &p, group, source, maker == GRAFT_NONE ? gr_use_at(s->g, use)->user : maker, before))
        return GRAFT_NO_MEMORY;
      graft_value y = make_place(s, &p);
      if (y == GRAFT_NONE) return GRAFT_PASS;
      st->last_source = source;
      st->last_result = y;
    }
    gr_use_set(s->g, use, st->last_result);
  }
  return GRAFT_OK;
}

/* Derived edges of one node, right before it. */
static graft_status quantize_derived(inserter *s, graft_node n) {
  uint32_t first = gr_node_at(s->g, n)->first_use, count = gr_node_at(s->g, n)->operand_count;
  for (uint32_t use = first; use < first + count; use++) {
    uint32_t group = s->groups.of_use[use];
    graft_value v = gr_use_at(s->g, use)->value;
    if (group == GRAFT_NONE || v == GRAFT_NONE || spec_of_group(s, group)->kind != GR_SPEC_derived) continue;
    place p;
    if (!begin_place(s, &p, group, v, n, n)) return GRAFT_NO_MEMORY;
    graft_value y = make_place(s, &p);
    if (y == GRAFT_NONE) return GRAFT_PASS;
    gr_use_set(s->g, use, y);
  }
  return GRAFT_OK;
}

/* ---- what an earlier round did ---- */

/* Does a fake-quant that was inserted before quantize as the group's spec says? Whether it is enabled does not matter.
 */
static bool is_made(const inserter *s, graft_node n, uint32_t group) {
  const gr_node *node = gr_node_at(s->g, n);
  if (node->op != GR_OP_fake_quantize || !gr_is_marked(s->g, n, GR_MARK_INSERTED)) return false;
  const gr_spec *spec = spec_of_group(s, group);
  int64_t low, high;
  range_of(s, spec, &low, &high);
  return gr_attr_int(s->m, node->attrs, GR_ATTR(fake_quantize, quant_min)) == low &&
         gr_attr_int(s->m, node->attrs, GR_ATTR(fake_quantize, quant_max)) == high &&
         gr_attr_int(s->m, node->attrs, GR_ATTR(fake_quantize, dtype)) ==
             gr_attr_int(s->m, spec->attrs, GR_ATTR(spec, dtype));
}

/* Once placed, a value is read by nothing but what observes and quantizes it. */
static bool is_placed(const inserter *s, graft_value v, uint32_t group) {
  bool made = false;
  for (uint32_t u = gr_value_at(s->g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(s->g, u)->next) {
    uint32_t user = gr_use_at(s->g, u)->user;
    if (!gr_user_is_node(user)) {
      if ((user & GR_USER_UPDATE) == GR_USER_UPDATE) continue;
      return false;
    }
    if (!gr_is_marked(s->g, user, GR_MARK_INSERTED)) return false;
    made |= is_made(s, user, group);
  }
  return made;
}

/* Specs stay in the graph: those that have their places are not acted on again. */
static void forget_placed(inserter *s) {
  const graft_graph *g = s->g;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    for (uint32_t use = node->first_use; use < node->first_use + node->operand_count; use++) {
      graft_value v = gr_use_at(g, use)->value;
      graft_node maker = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
      uint32_t *group = &s->groups.of_use[use];
      if (maker != GRAFT_NONE && *group != GRAFT_NONE && is_made(s, maker, *group)) *group = GRAFT_NONE;
    }
  }
  for (graft_value v = 0; v < g->values.len; v++) {
    uint32_t *group = &s->groups.of_value[v];
    if (*group != GRAFT_NONE && is_placed(s, v, *group)) *group = GRAFT_NONE;
  }
}

/* Nor are those of nodes that are not meant. */
static void forget_others(inserter *s) {
  const graft_graph *g = s->g;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_node *node = gr_node_at(g, n);
    if (gr_within_of(s->within, n)) continue;
    for (uint32_t i = 0; i < node->operand_count; i++) s->groups.of_use[node->first_use + i] = GRAFT_NONE;
  }
  for (graft_value v = 0; v < g->values.len; v++) {
    const graft_node n = gr_value_node(g, v);
    if (n == GRAFT_NONE || !gr_within_of(s->within, n)) s->groups.of_value[v] = GRAFT_NONE;
  }
}

/* Annotated uses by value, in node order. */
static graft_status sort_edges(inserter *s) {
  graft_graph *g = s->g;
  s->value_count = g->values.len;
  s->edge_first = gr_calloc(s->c, (size_t)s->value_count + 2, sizeof *s->edge_first);
  if (!s->edge_first) return GRAFT_NO_MEMORY;
  for (int round = 0; round < 2; round++) {
    for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
      uint32_t first = gr_node_at(g, n)->first_use, count = gr_node_at(g, n)->operand_count;
      for (uint32_t use = first; use < first + count; use++) {
        graft_value v = gr_use_at(g, use)->value;
        if (v == GRAFT_NONE || s->groups.of_use[use] == GRAFT_NONE) continue;
        if (round == 0)
          s->edge_first[v + 2]++;
        else
          s->edges[s->edge_first[v + 1]++] = use;
      }
    }
    if (round == 1) break;
    for (uint32_t v = 2; v < s->value_count + 2; v++) s->edge_first[v] += s->edge_first[v - 1];
    s->edge_count = s->edge_first[s->value_count + 1];
    s->edges = gr_alloc(s->c, ((size_t)s->edge_count + 1) * sizeof *s->edges);
    if (!s->edges) return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

/* Most groups have one place: three nodes with six operands and four results, and a state. */
static bool reserve(inserter *s) {
  uint32_t places = s->groups.list.len;
  if (places > (1u << 26)) return true;
  return gr_vec_reserve(s->c, &s->g->nodes, 3 * places) && gr_vec_reserve(s->c, &s->g->uses, 7 * places) &&
         gr_vec_reserve(s->c, &s->g->values, 5 * places) && gr_vec_reserve(s->c, &s->m->tensors, places) &&
         gr_vec_reserve(s->c, &s->g->updates, places);
}

static graft_status insert_all(inserter *s) {
  graft_graph *g = s->g;
  graft_status status = reserve(s) ? sort_edges(s) : GRAFT_NO_MEMORY;
  graft_node first = g->first;
  for (uint32_t v = 0; v < s->value_count && !status; v++)
    if (gr_value_at(g, v)->def_kind == GR_DEF_TENSOR) status = quantize_value(s, v, first);
  for (uint32_t i = 0; i < g->inputs.len && !status; i++) status = quantize_value(s, g->inputs.data[i], first);
  for (graft_node n = first; n != GRAFT_NONE && !status;) {
    graft_node next = gr_node_at(g, n)->next; /* what is inserted behind n needs no visit */
    status = quantize_derived(s, n);
    for (uint32_t i = 0; i < gr_node_at(g, n)->result_count && !status; i++)
      if (gr_result(g, n, i) != GRAFT_NONE) status = quantize_value(s, gr_result(g, n, i), next);
    n = next;
  }
  for (uint32_t i = 0; i < s->groups.list.len && !status; i++)
    if (s->state[i].tensor != GRAFT_NONE) status = graft_update_add(g, s->state[i].tensor, s->state[i].state);
  return status;
}

/* What one node joins observes one after the other into one moving average: the first sets its range, the others move
 * it by a hundredth a step, as in PyTorch, and are clipped until then. */
static void look_for_averages(const inserter *s, gr_notice *averaged) {
  for (graft_node n = s->g->first; n != GRAFT_NONE; n = gr_node_at(s->g, n)->next) {
    const gr_node *node = gr_node_at(s->g, n);
    const uint32_t group = node->operand_count > 1 ? s->groups.of_use[node->first_use] : GRAFT_NONE;
    if (group == GRAFT_NONE || spec_of_group(s, group)->kind != GR_SPEC_spec ||
        gr_attr_int(s->m, spec_of_group(s, group)->attrs, GR_ATTR(spec, observer)) !=
            GR_observer_moving_average_min_max)
      continue;
    bool joins = false;
    for (uint32_t i = 1; i < node->operand_count && !joins; i++)
      joins = s->groups.of_use[node->first_use + i] == group && gr_operand(s->g, n, i) != gr_operand(s->g, n, 0);
    char name[256];
    if (!joins || !graft_node_name(s->g, n, name, sizeof name)) continue;
    gr_notice_add(averaged, name, "", (double)node->operand_count);
  }
}

typedef struct how {
  bool train, covers;
  const char *scope;
  const gr_within *within;
  gr_notice *averaged;
} how;

static graft_status insert(gr_pass *p, graft_graph *g, const how *h) {
  graft_context *c = p->context;
  inserter s = {.pass = p, .g = g, .m = g->module, .c = c, .train = h->train, .covers = h->covers, .within = h->within};
  if (!gr_has_specs(g)) return GRAFT_OK;
  size_t nodes = g->nodes.len;
  uint32_t *scope = gr_scope_of_nodes(g, h->scope);
  graft_status status = scope ? gr_groups_resolve(g, scope, &s.groups) : GRAFT_NO_MEMORY;
  if (scope) gr_free(c, scope, nodes * sizeof *scope);
  if (status) return status;
  size_t groups = s.groups.list.len;
  s.state = gr_alloc(c, (groups + 1) * sizeof *s.state);
  status = number_recipes(&s);
  s.pass_name = gr_intern(s.m, p->info->name, strlen(p->info->name));
  static const char state_name[] = "activation_post_process";
  s.state_name = gr_intern(s.m, state_name, sizeof state_name - 1);
  s.scalar[0] = gr_type_intern(s.m, &(graft_type){.dtype = GRAFT_F32});
  s.scalar[1] = gr_type_intern(s.m, &(graft_type){.dtype = GRAFT_I32});
  bool interned =
      s.pass_name != GRAFT_NONE && s.state_name != GRAFT_NONE && s.scalar[0] != GRAFT_NONE && s.scalar[1] != GRAFT_NONE;
  if (!status && (!s.state || !interned)) status = GRAFT_NO_MEMORY;
  if (!status) {
    memset(s.state, 0xFF, groups * sizeof *s.state); /* GRAFT_NONE throughout */
    forget_placed(&s);
    if (s.within) forget_others(&s);
    if (s.train && !s.covers && h->averaged) look_for_averages(&s, h->averaged);
    status = insert_all(&s);
  }
  if (s.state) gr_free(c, s.state, (groups + 1) * sizeof *s.state);
  if (s.edge_first) gr_free(c, s.edge_first, ((size_t)s.value_count + 2) * sizeof *s.edge_first);
  if (s.edges) gr_free(c, s.edges, ((size_t)s.edge_count + 1) * sizeof *s.edges);
  if (s.recipe_at) gr_free(c, s.recipe_at, (groups + 1) * sizeof *s.recipe_at);
  if (s.recipes) gr_free(c, s.recipes, (groups + 1) * sizeof *s.recipes);
  if (s.fresh) gr_buffer_release(c, s.fresh);
  gr_vec_free(c, &s.moved);
  gr_groups_free(&s.groups);
  return status;
}

static graft_status insert_and_count(gr_pass *p, graft_graph *g, bool nested, void *user) {
  graft_status status = insert(p, g, user);
  return status ? status : gr_count_layers(p, g, nested ? GR_LAYERS_NESTED : GR_LAYERS_PLACED, NULL, NULL);
}

static graft_status insert_everywhere(gr_pass *p, bool train) {
  gr_notice averaged = {0};
  how h = {train, gr_option_bool(p, "union"), gr_option_string(p, "scope"), NULL, &averaged};
  graft_status status = gr_each_graph(p, insert_and_count, &h);
  if (!status)
    gr_notice_warn(
        p, &averaged,
        "one range averages over what is joined here, as PyTorch's does, and clips (union=true covers it all)");
  return status;
}

graft_status gr_pass_insert_fake_quant(gr_pass *p) { return insert_everywhere(p, true); }
graft_status gr_pass_insert_observers(gr_pass *p) { return insert_everywhere(p, false); }

graft_status gr_insert_fake_quant_within(gr_pass *p, graft_graph *g, const gr_within *within) {
  return insert(p, g, &(how){.train = true, .scope = "", .within = within});
}
