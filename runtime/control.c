/* Steps that run graphs of the module: each graph has a session of its own, with a plan for the types that it was run
 * with last. Its results are copied to where the step's are. */
#include "runtime/session_impl.h"

struct gr_control {
  graft_session *sessions[2]; /* by graph attribute; NULL: not made yet */
};

gr_control *gr_control_create(graft_context *c) { return gr_calloc(c, 1, sizeof(gr_control)); }

void gr_control_destroy(graft_context *c, gr_control *control) {
  if (!control) return;
  for (int i = 0; i < 2; i++) graft_session_destroy(control->sessions[i]);
  gr_free(c, control, sizeof *control);
}

/* A step that is being run. */
typedef struct control_run {
  graft_session *outer;
  gr_plan *plan;
  const gr_kernel_call *call;
  gr_control *control;
  char **base;
  gr_late *late;
} control_run;

/* The session of the graph that attribute `slot` names. */
static graft_session *session_of(control_run *r, uint32_t slot) {
  graft_session **s = &r->control->sessions[slot];
  const uint64_t index = (uint64_t)gr_k_int(r->call, slot);
  if (index >= r->call->module->graphs.len) {
    gr_kernel_error(r->call, "there is no graph %llu", (unsigned long long)index);
    return NULL;
  }
  if (!*s) *s = gr_session_nested(r->outer, r->call->module->graphs.data[index]);
  return *s;
}

static graft_status set_input(graft_session *s, uint32_t input, const gr_in *x) {
  return graft_session_set_input(s, input, x->type, x->data);
}

/* Result i is these bytes. */
static graft_status give(control_run *r, uint32_t i, const graft_type *type, const void *data) {
  const gr_slot *slot = &r->plan->slots[gr_node_at(r->call->graph, r->call->node)->first_result + i];
  const graft_status status = gr_late_settle(r->plan, r->call, i, type, r->base, r->late);
  if (status == GRAFT_OK && slot->storage != GRAFT_NONE) {
    size_t bytes;
    if (!gr_type_bytes(type, &bytes)) return gr_kernel_error(r->call, "result %u is too large", i);
    if (bytes) memcpy(r->base[slot->storage] + slot->offset, data, bytes);
  }
  return status;
}

static graft_status one_bool(const control_run *r, const char *name, const graft_type *type, const void *data,
                             bool *value) {
  if (type->dtype != GRAFT_BOOL || graft_type_elements(type) != 1)
    return gr_kernel_error(r->call, "the %s is not one bool", name);
  *value = *(const uint8_t *)data != 0;
  return GRAFT_OK;
}

static graft_status run_if(control_run *r) {
  const gr_kernel_call *call = r->call;
  const gr_in *condition = &call->operands[GR_OPERAND(if, condition)];
  bool taken = false;
  graft_status status = one_bool(r, "condition", condition->type, condition->data, &taken);
  if (status != GRAFT_OK) return status;
  graft_session *s = session_of(r, taken ? GR_ATTR(if, then_branch) : GR_ATTR(if, else_branch));
  if (!s) return GRAFT_RUN;
  for (uint32_t i = GR_OPERAND(if, captured); status == GRAFT_OK && i < call->operand_count; i++)
    status = set_input(s, i - GR_OPERAND(if, captured), &call->operands[i]);
  gr_session_seed(s, call->seed);
  if (status == GRAFT_OK) status = gr_session_run(s);
  for (uint32_t i = 0; status == GRAFT_OK && i < call->result_count; i++) {
    graft_type type;
    const void *data = graft_session_get_output(s, i, &type);
    status = data ? give(r, i, &type, data) : GRAFT_RUN;
  }
  return status;
}

/* ---- loop ---- */

/* Bytes that last from one time to the next: of a carried value, or of all entries of a stacked one. */
typedef struct kept {
  graft_type type; /* of a stacked one: of an entry; rank -1: there was none */
  char *data;
  size_t size, room;
} kept;

typedef struct loop {
  control_run *run;
  graft_session *session;
  const graft_graph *body;
  uint32_t carried, results;
  kept *kept;   /* by result */
  int64_t done; /* times */
} loop;

/* Room for `more` bytes behind those that are there. */
static char *extend(graft_context *c, kept *k, size_t more) {
  if (more > PTRDIFF_MAX / 2 - k->size) return (void)gr_no_memory(c), NULL;
  if (k->size + more > k->room || !k->data) {
    const size_t room = k->size + more > 2 * k->room ? k->size + more + 1 : 2 * k->room;
    char *data = gr_alloc(c, room);
    if (!data) return NULL;
    if (k->data && k->size) memcpy(data, k->data, k->size);
    gr_free(c, k->data, k->room);
    k->data = data;
    k->room = room;
  }
  k->size += more;
  return k->data + (k->size - more);
}

/* What the body made of result i. */
static graft_status keep(loop *l, uint32_t i) {
  kept *k = &l->kept[i];
  graft_type type;
  size_t bytes;
  const void *data = graft_session_get_output(l->session, 1 + i, &type);
  if (!data) return GRAFT_RUN;
  if (!gr_type_bytes(&type, &bytes)) return gr_kernel_error(l->run->call, "result %u is too large", i);
  if (i < l->carried)
    k->size = 0;
  else if (l->done > 0 && !gr_type_equal(&type, &k->type))
    return gr_kernel_error(l->run->call, "what is stacked as result %u is of another type the time after", i);
  k->type = type;
  char *to = extend(l->run->call->context, k, bytes);
  if (!to) return GRAFT_NO_MEMORY;
  if (bytes) memcpy(to, data, bytes);
  return GRAFT_OK;
}

/* One integer or bool, of rank 0 or as the body's input has it. */
static graft_status set_number(loop *l, uint32_t input, graft_dtype dtype, const void *data) {
  const graft_type *declared = gr_type_of(l->body, l->body->inputs.data[input]);
  graft_type type = {.dtype = dtype, .rank = declared->rank == 1};
  type.dims[0] = 1;
  return graft_session_set_input(l->session, input, &type, data);
}

static graft_status run_body(loop *l, uint8_t *condition) {
  const gr_kernel_call *call = l->run->call;
  enum { VALUES = GR_OPERAND(loop, values) };
  graft_status status = set_number(l, 0, GRAFT_I64, &l->done);
  if (status == GRAFT_OK) status = set_number(l, 1, GRAFT_BOOL, condition);
  for (uint32_t i = VALUES; status == GRAFT_OK && i < call->operand_count; i++) {
    const uint32_t value = i - VALUES;
    if (value < l->carried && l->done > 0)
      status = graft_session_set_input(l->session, 2 + value, &l->kept[value].type, l->kept[value].data);
    else
      status = set_input(l->session, 2 + value, &call->operands[i]);
  }
  gr_session_seed(l->session, gr_mix(call->seed + (uint64_t)l->done));
  if (status == GRAFT_OK) status = gr_session_run(l->session);
  for (uint32_t i = 0; status == GRAFT_OK && i < l->results; i++) status = keep(l, i);
  if (status != GRAFT_OK) return status;
  graft_type type;
  bool again = false;
  const void *data = graft_session_get_output(l->session, 0, &type);
  status = data ? one_bool(l->run, "body's condition", &type, data, &again) : GRAFT_RUN;
  *condition = again;
  l->done++;
  return status;
}

/* Result i as it is after the last time. */
static graft_status give_kept(loop *l, uint32_t i) {
  kept *k = &l->kept[i];
  if (i < l->carried) {
    const gr_in *first = &l->run->call->operands[GR_OPERAND(loop, values) + i];
    return l->done > 0 ? give(l->run, i, &k->type, k->data) : give(l->run, i, first->type, first->data);
  }
  if (l->done == 0) k->type = *gr_type_of(l->body, gr_use_at(l->body, l->body->outputs.data[1 + i].use)->value);
  if (k->type.rank < 0 || k->type.rank >= GRAFT_MAX_RANK)
    return gr_kernel_error(l->run->call, "the body never ran, or has too many axes: result %u has no shape", i);
  graft_type type = {.dtype = k->type.dtype, .rank = k->type.rank + 1};
  type.dims[0] = l->done;
  for (int32_t d = 0; d < k->type.rank; d++) type.dims[d + 1] = k->type.dims[d] < 0 ? 0 : k->type.dims[d];
  return give(l->run, i, &type, k->data);
}

static graft_status run_loop(control_run *r) {
  const gr_kernel_call *call = r->call;
  const gr_in *count = &call->operands[GR_OPERAND(loop, count)], *first = &call->operands[GR_OPERAND(loop, condition)];
  loop l = {.run = r, .carried = (uint32_t)gr_k_int(call, GR_ATTR(loop, carried)), .results = call->result_count};
  int64_t times = INT64_MAX;
  bool condition = true;
  if (count->data) {
    if (count->count != 1) return gr_kernel_error(call, "the count is not one integer");
    times = *(const int64_t *)count->data;
  }
  graft_status status = first->data ? one_bool(r, "condition", first->type, first->data, &condition) : GRAFT_OK;
  if (status != GRAFT_OK) return status;
  l.session = session_of(r, GR_ATTR(loop, body));
  if (!l.session) return GRAFT_RUN;
  l.body = call->module->graphs.data[gr_k_int(call, GR_ATTR(loop, body))];
  if (l.body->inputs.len != call->operand_count || l.body->outputs.len != 1 + l.results)
    return gr_kernel_error(call, "graph %u has %u inputs and %u outputs", l.body->index, l.body->inputs.len,
                           l.body->outputs.len);
  l.kept = gr_calloc(call->context, l.results + 1u, sizeof *l.kept);
  if (!l.kept) return GRAFT_NO_MEMORY;
  uint8_t again = condition;
  while (status == GRAFT_OK && again && l.done < times) status = run_body(&l, &again);
  for (uint32_t i = 0; status == GRAFT_OK && i < l.results; i++) status = give_kept(&l, i);
  for (uint32_t i = 0; i < l.results; i++) gr_free(call->context, l.kept[i].data, l.kept[i].room);
  gr_free(call->context, l.kept, (l.results + 1u) * sizeof *l.kept);
  return status;
}

graft_status gr_control_run(graft_session *s, gr_plan *p, const gr_plan_step *step, const gr_kernel_call *call,
                            char **base, gr_late *late) {
  control_run r = {.outer = s, .plan = p, .call = call, .control = step->control, .base = base, .late = late};
  return call->op == GR_OP_if ? run_if(&r) : run_loop(&r);
}
