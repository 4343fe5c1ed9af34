/* enable-param-learning: scales and zero points that training is to change. Their places were observed until now, as
 * PyTorch's learnable fake-quantizers are at first, so that they start at what the values ask for; from here on a scale
 * is a parameter, and so is the zero point of an affine scheme, as a float; the observers are gone. Places that share a
 * state share the parameters. */
#include <string.h>

#include "passes/quant_impl.h"

typedef struct learner {
  gr_pass *pass;
  graft_graph *g;
  graft_module *m;
  uint32_t node_count, tensor_count;
  graft_tensor *root;              /* by node: the state that an observer's chain, or a qparams, starts from */
  uint8_t *chosen;                 /* by tensor: it is the state of a learnable place */
  graft_value *scale, *zero_point; /* by tensor: what was made of the state */
  GR_VEC(graft_node) places;       /* their qparams */
  gr_cones *cones;
  gr_notice raised; /* scales */
} learner;

static graft_tensor root_of(const learner *l, graft_value state) {
  const graft_node n = state == GRAFT_NONE ? GRAFT_NONE : gr_value_node(l->g, state);
  if (n != GRAFT_NONE) return n < l->node_count ? l->root[n] : GRAFT_NONE;
  return state == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(l->g, state);
}

static bool says_learnable(const learner *l, uint32_t id) {
  const gr_spec *spec = id ? gr_spec_get(l->m, id) : NULL;
  return spec && spec->kind == GR_SPEC_spec && gr_attr_bool(l->m, spec->attrs, GR_ATTR(spec, learnable)) &&
         !gr_attr_bool(l->m, spec->attrs, GR_ATTR(spec, dynamic));
}

/* Specs stay where they were: on the value that is fake-quantized, or on the edges that read the result. */
static bool is_learnable(const learner *l, graft_node fake_quantize) {
  const graft_graph *g = l->g;
  const graft_value x = gr_operand(g, fake_quantize, 0), y = gr_result(g, fake_quantize, 0);
  if (x != GRAFT_NONE && says_learnable(l, gr_spec_of_value(g, x))) return true;
  for (uint32_t u = gr_value_at(g, y)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next)
    if (says_learnable(l, gr_spec_of_use(g, u))) return true;
  return false;
}

/* The states of learnable places, and every qparams of such a state: places that share have one spec among them. */
static graft_status find_places(learner *l) {
  const graft_graph *g = l->g;
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    if (info && (info->families & GR_F_OBSERVE)) l->root[n] = root_of(l, gr_operand(g, n, 1));
    if (info && (info->families & GR_F_QPARAMS)) l->root[n] = root_of(l, gr_operand(g, n, 0));
    if (!info || !(info->families & GR_F_FAKE_QUANTIZE)) continue;
    const graft_node maker = gr_value_node(g, gr_operand(g, n, 1));
    const graft_tensor t = maker == GRAFT_NONE ? GRAFT_NONE : l->root[maker];
    if (t != GRAFT_NONE && t < l->tensor_count && !l->chosen[t]) l->chosen[t] = is_learnable(l, n);
  }
  for (graft_node n = g->first; n != GRAFT_NONE; n = gr_node_at(g, n)->next) {
    const gr_op_info *info = gr_info(g, n);
    if (!info || !(info->families & GR_F_QPARAMS)) continue;
    const graft_tensor t = l->root[n];
    if (t != GRAFT_NONE && t < l->tensor_count && l->chosen[t] && !gr_vec_push(l->pass->context, &l->places, n))
      return GRAFT_NO_MEMORY;
  }
  return GRAFT_OK;
}

/* A parameter of floats: the scales, which begin where training keeps them, or zero points. */
static graft_tensor make_floats(learner *l, const char *name, const gr_array *from) {
  graft_context *c = l->pass->context;
  graft_type type = from->type;
  const bool scales = type.dtype == GRAFT_F32;
  const size_t count = (size_t)graft_type_elements(&type), size = (count + 1) * sizeof(float);
  float *data = gr_alloc(c, size);
  bool raised = false;
  if (!data) return GRAFT_NONE;
  for (size_t i = 0; i < count; i++) {
    data[i] = scales ? ((const float *)from->data)[i] : (float)((const int32_t *)from->data)[i];
    if (!scales || data[i] >= GR_LEAST_SCALE) continue;
    data[i] = GR_LEAST_SCALE;
    raised = true;
  }
  if (raised) gr_notice_add(&l->raised, name, "", 0);
  type.dtype = GRAFT_F32;
  const graft_tensor t = graft_tensor_create(l->m, name, GRAFT_PARAMETER, &type, data);
  gr_free(c, data, size);
  gr_count(l->pass, scales ? "scales to learn" : "zero points to learn", 1);
  return t;
}

static bool learns_zero_point(const learner *l, graft_node qparams) {
  const int64_t scheme = gr_attr_int(l->m, gr_attrs_of(l->g, qparams), GR_ATTR(qparams, scheme));
  return gr_option_bool(l->pass, "zero-point") && !gr_is_symmetric(scheme);
}

static graft_status make_parameter(learner *l, graft_node qparams, graft_tensor state) {
  gr_array scale, zero_point;
  const gr_name name = l->m->tensors.data[state].name;
  const char *scale_name = gr_name_text(l->pass, name, ".scale"), *z_name = gr_name_text(l->pass, name, ".zero_point");
  if (!scale_name || !z_name) return GRAFT_NO_MEMORY;
  if (!gr_cones_value(l->cones, gr_result(l->g, qparams, 0), &scale)) return GRAFT_PASS;
  graft_tensor s = make_floats(l, scale_name, &scale);
  if (s == GRAFT_NONE) return GRAFT_NO_MEMORY;
  if (!gr_cones_value(l->cones, gr_result(l->g, qparams, 1), &zero_point)) return GRAFT_PASS;
  graft_tensor z = learns_zero_point(l, qparams) ? make_floats(l, z_name, &zero_point)
                                                 : gr_constant(l->m, z_name, &zero_point.type, zero_point.data);
  if (z == GRAFT_NONE) return GRAFT_NO_MEMORY;
  l->scale[state] = gr_handle(l->g, s);
  l->zero_point[state] = gr_handle(l->g, z);
  return l->scale[state] == GRAFT_NONE || l->zero_point[state] == GRAFT_NONE ? GRAFT_NO_MEMORY : GRAFT_OK;
}

/* The fake-quantizers that read what becomes a learned scale. */
static graft_status scale_gradients(const learner *l, graft_value scale) {
  graft_graph *g = l->g;
  const graft_attr yes = {.name = "use_grad_scaling", .kind = GRAFT_ATTR_BOOL, .as.b = true};
  graft_status s = GRAFT_OK;
  for (uint32_t u = gr_value_at(g, scale)->first_use; u != GRAFT_NONE && !s; u = gr_use_at(g, u)->next) {
    const uint32_t user = gr_use_at(g, u)->user;
    if (gr_user_is_node(user) && (gr_node_families(g, user) & GR_F_FAKE_QUANTIZE))
      s = graft_node_set_attr(g, user, &yes);
  }
  return s;
}

static graft_status make_parameters(learner *l) {
  graft_graph *g = l->g;
  graft_status s = GRAFT_OK;
  for (uint32_t i = 0; i < l->places.len && !s; i++) {
    const graft_node n = l->places.data[i];
    const graft_tensor t = gr_value_tensor(g, gr_operand(g, n, 0)); /* none: never observed */
    if (t != GRAFT_NONE && l->scale[t] == GRAFT_NONE) s = make_parameter(l, n, t);
  }
  gr_cones_destroy(l->cones);
  l->cones = NULL;
  for (uint32_t i = 0; i < l->places.len && !s; i++) {
    const graft_node n = l->places.data[i];
    const graft_tensor t = gr_value_tensor(g, gr_operand(g, n, 0));
    if (t == GRAFT_NONE) continue;
    if (gr_option_bool(l->pass, "use-grad-scaling") && (s = scale_gradients(l, gr_result(g, n, 0)))) break;
    gr_replace_uses(g, gr_result(g, n, 0), l->scale[t]);
    gr_replace_uses(g, gr_result(g, n, 1), l->zero_point[t]);
    gr_node_erase(g, n);
  }
  for (uint32_t u = g->updates.len; u-- > 0 && !s;) {
    const graft_tensor t = g->updates.data[u].tensor;
    if (t != GRAFT_NONE && t < l->tensor_count && l->scale[t] != GRAFT_NONE) gr_update_erase(g, u);
  }
  return s;
}

static graft_status learn(learner *l, graft_graph *g, gr_notice *unseen) {
  gr_pass *p = l->pass;
  graft_context *c = p->context;
  l->g = g;
  l->node_count = g->nodes.len;
  const size_t size = ((size_t)l->node_count + 1) * sizeof *l->root;
  l->root = gr_alloc(c, size);
  if (!l->root) return GRAFT_NO_MEMORY;
  memset(l->root, 0xFF, size); /* GRAFT_NONE */
  graft_status s = find_places(l);
  if (!s && l->places.len) {
    void *user;
    gr_evaluator evaluator = gr_pass_evaluator(p, &user);
    s = gr_freeze_observers(p, g, l->chosen, unseen);
    if (!s && !(l->cones = gr_cones_create(g, evaluator, user))) s = GRAFT_NO_MEMORY;
    if (!s) s = make_parameters(l);
    gr_cones_destroy(l->cones);
    l->cones = NULL;
  }
  for (uint32_t i = 0; i < l->places.len; i++) { /* as they were, for the next graph */
    const graft_tensor t = l->root[l->places.data[i]];
    l->chosen[t] = 0;
    l->scale[t] = l->zero_point[t] = GRAFT_NONE;
  }
  l->places.len = 0;
  gr_free(c, l->root, size);
  return s;
}

graft_status gr_pass_enable_param_learning(gr_pass *p) {
  graft_context *c = p->context;
  gr_notice unseen = {0};
  learner l = {.pass = p, .m = p->module, .tensor_count = p->module->tensors.len};
  const size_t tensors = (size_t)l.tensor_count + 1;
  l.chosen = gr_calloc(c, tensors, 1);
  l.scale = gr_alloc(c, 2 * tensors * sizeof *l.scale);
  graft_status s = l.chosen && l.scale ? GRAFT_OK : GRAFT_NO_MEMORY;
  if (!s) {
    memset(l.scale, 0xFF, 2 * tensors * sizeof *l.scale);
    l.zero_point = l.scale + tensors;
  }
  for (uint32_t i = 0; i < p->module->graphs.len && !s; i++) s = learn(&l, p->module->graphs.data[i], &unseen);
  gr_vec_free(c, &l.places);
  gr_free(c, l.chosen, tensors);
  gr_free(c, l.scale, 2 * tensors * sizeof *l.scale);
  if (!s) gr_notice_warn(p, &l.raised, "raised to 2^-23, which learned scales stay above");
  if (!s) gr_notice_warn(p, &unseen, "never observed, so that there is no scale to learn from and observing goes on");
  return s;
}
