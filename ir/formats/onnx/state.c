/* State has a tensor of its own. Exporters merge equal initializers, whatever they are for: the scale of a batch norm
 * with its running variance, the means of two of them. A tensor that is a node's state, which a step may write, is
 * copied where another role or, as state, another node reads it too. */
#include "ir/formats/onnx/onnx_impl.h"

enum { OTHER = 1, STATE = 2, WEIGHT = 4, KEPT = 8 }; /* roles that a tensor has; KEPT: as state, after splitting */

static gr_role role_of(const graft_graph *g, graft_node n, uint32_t slot) {
  const gr_op_info *op = gr_info(g, n);
  if (!op || !op->operand_count) return GR_DATA;
  return op->operands[slot < op->operand_count ? slot : op->operand_count - 1u].role;
}

/* What nodes read each tensor for; outputs and nested graphs count as other readers. */
static void find_roles(const graft_graph *g, uint8_t *roles) {
  for (uint32_t i = 0; i < g->handles.len; i++) {
    const graft_value v = gr_handle_at(g, i);
    if (v == GRAFT_NONE) continue;
    const graft_tensor t = gr_value_tensor(g, v);
    for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE; u = gr_use_at(g, u)->next) {
      const uint32_t user = gr_use_at(g, u)->user;
      if (!gr_user_is_node(user) && (user & GR_USER_UPDATE) == GR_USER_UPDATE) continue;
      const gr_role role = gr_user_is_node(user) ? role_of(g, user, gr_use_slot(g, u)) : GR_DATA;
      roles[t] |= role == GR_STATISTICS ? STATE : role == GR_WEIGHT ? WEIGHT | OTHER : OTHER;
    }
  }
}

/* Did node n, or one that goes on with its state in the same slot, make v? */
static bool goes_on(const graft_graph *g, graft_value v, graft_node n, uint32_t slot) {
  graft_node made = gr_value_node(g, v);
  while (made != GRAFT_NONE && made != n) {
    const graft_value state = slot < gr_node_at(g, made)->operand_count ? gr_operand(g, made, slot) : GRAFT_NONE;
    if (state == GRAFT_NONE || role_of(g, made, slot) != GR_STATISTICS) return false;
    made = gr_value_node(g, state);
  }
  return made == n;
}

/* Use `u`, and an update by the node or by one that goes on with its state, go to a copy of the tensor. */
static bool give_own(gr_onnx *in, graft_graph *g, graft_node n, uint32_t u, graft_tensor t) {
  const graft_tensor copy = gr_tensor_copy(in->module, t, GRAFT_BUFFER);
  const graft_value handle = copy == GRAFT_NONE ? GRAFT_NONE : gr_handle(g, copy);
  if (handle == GRAFT_NONE || gr_use_set(g, u, handle) != GRAFT_OK) return false;
  for (uint32_t i = 0; i < g->updates.len; i++) {
    if (g->updates.data[i].tensor != t) continue;
    const graft_value v = gr_use_at(g, g->updates.data[i].use)->value;
    if (!goes_on(g, v, n, gr_use_slot(g, u))) continue;
    gr_update_erase(g, i);
    if (graft_update_add(g, copy, v) != GRAFT_OK) return false;
  }
  return true;
}

/* Which of the first tensors a node has as its state, or the value of an update. */
static void find_kept(const graft_graph *g, uint8_t *roles, uint32_t tensors) {
  for (uint32_t i = 0; i < g->handles.len; i++) {
    const graft_value v = gr_handle_at(g, i);
    if (v == GRAFT_NONE || gr_value_tensor(g, v) >= tensors) continue;
    bool state = false;
    for (uint32_t u = gr_value_at(g, v)->first_use; u != GRAFT_NONE && !state; u = gr_use_at(g, u)->next) {
      const uint32_t user = gr_use_at(g, u)->user;
      state = gr_user_is_node(user) ? role_of(g, user, gr_use_slot(g, u)) == GR_STATISTICS
                                    : (user & GR_USER_UPDATE) == GR_USER_UPDATE;
    }
    if (state) roles[gr_value_tensor(g, v)] |= KEPT;
  }
}

bool gr_onnx_split_state(gr_onnx *in) {
  graft_module *m = in->module;
  const uint32_t tensors = m->tensors.len;
  uint8_t *roles = gr_calloc(in->context, (size_t)tensors + 1, 1);
  bool good = roles != NULL;
  for (uint32_t i = 0; good && i < m->graphs.len; i++) find_roles(m->graphs.data[i], roles);
  for (uint32_t i = 0; good && i < m->graphs.len; i++) {
    graft_graph *g = m->graphs.data[i];
    for (graft_node n = g->first; good && n != GRAFT_NONE; n = gr_node_at(g, n)->next)
      for (uint32_t k = 0; good && k < gr_node_at(g, n)->operand_count; k++) {
        const graft_value v = gr_operand(g, n, k);
        const graft_tensor t = v == GRAFT_NONE ? GRAFT_NONE : gr_value_tensor(g, v);
        if (t >= tensors || role_of(g, n, k) != GR_STATISTICS) continue;
        if (roles[t] & OTHER) good = give_own(in, g, n, gr_node_at(g, n)->first_use + k, t);
        roles[t] |= OTHER; /* the next node that has it as its state gets a copy */
      }
  }
  for (uint32_t i = 0; good && i < m->graphs.len; i++) find_kept(m->graphs.data[i], roles, tensors);
  for (graft_tensor t = 0; good && t < tensors; t++) {
    gr_tensor *tensor = &m->tensors.data[t];
    if (tensor->erased || tensor->kind != GRAFT_BUFFER || !(roles[t] & STATE)) continue;
    if (!(roles[t] & KEPT)) tensor->kind = roles[t] & WEIGHT ? GRAFT_PARAMETER : GRAFT_CONSTANT;
  }
  if (roles) gr_free(in->context, roles, (size_t)tensors + 1);
  return good;
}
