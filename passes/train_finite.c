/* Where a number that is not finite comes from: the graph runs once more, and each node's operands and results are
 * looked at. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ir/graph/element_int.h"
#include "passes/train_impl.h"
#include "runtime/runtime_int.h"

enum { IS_NAN = 1, IS_INFINITE = 2 };

static unsigned look(const graft_type *type, const void *data) {
  const int64_t count = data && gr_is_float(type->dtype) ? graft_type_elements(type) : 0;
  const size_t width = graft_dtype_size(type->dtype);
  unsigned found = 0;
  for (int64_t i = 0; i < count; i++) {
    const double x = gr_element_float(type->dtype, (const char *)data + (size_t)i * width);
    found |= isnan(x) ? IS_NAN : isinf(x) ? IS_INFINITE : 0;
  }
  return found;
}

static int64_t count_f32(const float *x, int64_t count) {
  int64_t found = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    found += (bits & 0x7F800000u) == 0x7F800000u;
  }
  return found;
}

bool gr_warn_of_batch(const gr_table *t, int64_t step) {
  for (uint32_t i = 0; i < t->count; i++) {
    const gr_column *c = &t->columns[i];
    const int64_t found = c->type.dtype == GRAFT_F32 ? count_f32(c->batch, graft_type_elements(&c->type)) : 0;
    if (!found) continue;
    gr_warning(t->context, GRAFT_RUN, (gr_loc){.node = c->from.name},
               "%" PRId64 " of the data are NaN or infinite in step %" PRId64 ", and the loss is not: observers leave "
               "such numbers out, fake-quants take NaN for 0; later steps are not said",
               found, step);
    return true;
  }
  return false;
}

typedef struct search {
  graft_node loss; /* what comes behind it follows from it */
  bool over;
  graft_node node; /* GRAFT_NONE: not found yet */
  unsigned found;
} search;

/* A mask may be infinite from the start: it is the operand of who reads it. */
static graft_status look_at(void *user, const graft_node_done *done) {
  search *s = user;
  unsigned before = 0, after = 0;
  if (s->over || s->node != GRAFT_NONE || done->once) return GRAFT_OK;
  s->over = done->node == s->loss;
  for (uint32_t i = 0; i < done->operand_count; i++) before |= look(&done->operand_types[i], done->operands[i]);
  for (uint32_t i = 0; i < done->result_count; i++) after |= look(&done->result_types[i], done->results[i]);
  if (!(after & ~before) || (before & IS_NAN)) return GRAFT_OK;
  s->node = done->node;
  s->found = after & ~before;
  return GRAFT_OK;
}

/* No node made it: then a tensor has it, or an input. */
static graft_status blame_source(graft_graph *g, const gr_table *t, const char *what) {
  const char *kind = "the module's tensor is not finite";
  gr_loc where = {0};
  for (graft_tensor i = 0; i < g->module->tensors.len && !where.node; i++) {
    const graft_type *type = gr_tensor_type(g->module, i);
    if (graft_tensor_get_kind(g->module, i) == GRAFT_CONSTANT || !gr_is_float(type->dtype)) continue;
    if (look(type, graft_tensor_get_data(g->module, i))) {
      char name[512];
      graft_tensor_name(g->module, i, name, sizeof name);
      where.node = name;
      return gr_error(g->module->context, GRAFT_RUN, where, "%s: %s", kind, what);
    }
  }
  for (uint32_t i = 0; i < t->count; i++)
    if (look(&t->columns[i].type, t->columns[i].batch))
      return gr_error(g->module->context, GRAFT_RUN, (gr_loc){.node = t->columns[i].from.name},
                      "the data of this input are not finite: %s", what);
  return gr_error(g->module->context, GRAFT_RUN, gr_module_loc(g->module), "%s", what);
}

graft_status gr_blame(graft_graph *g, graft_value loss, gr_table *t, const graft_session_options *options,
                      uint64_t seed, const char *what) {
  search found = {.loss = graft_value_node(g, loss), .node = GRAFT_NONE};
  graft_session_options o = *options;
  o.after_node = look_at;
  o.after_node_user = &found;
  o.keep_state = true;
  graft_session *session = graft_session_create(g, &o);
  graft_status s = session ? GRAFT_OK : GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < t->count && !s; i++)
    if (t->columns[i].input != GRAFT_NONE)
      s = graft_session_set_input(session, t->columns[i].input, &t->columns[i].type, t->columns[i].batch);
  if (!s) {
    gr_session_seed(session, seed);
    s = graft_session_run(session);
  }
  graft_session_destroy(session);
  if (s) return s;
  if (found.node == GRAFT_NONE) return blame_source(g, t, what);
  return gr_error(
      g->module->context, GRAFT_RUN, gr_node_loc(g, found.node), "its result %s, the first of the graph: %s",
      found.found & IS_NAN ? "is not a number where its operands are" : "is infinite where its operands are not", what);
}
