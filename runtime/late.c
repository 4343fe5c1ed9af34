/* Steps whose results' types are known only when they run, since they depend on data (the nonzero elements of x, a
 * slice to where an operand says). Inference is asked again, with the operands as they are, then the kernel; what the
 * plan gave no memory gets some of its own, until it has been read for the last time. */
#include "runtime/session_impl.h"

#define ALIGNMENT 64u

static graft_status opaque_types(const gr_plan_step *step, const gr_kernel_call *call, graft_type *types) {
  graft_context *c = call->context;
  const graft_type **operands = gr_alloc(c, (call->operand_count + 1u) * sizeof *operands);
  if (!operands) return GRAFT_NO_MEMORY;
  for (uint32_t i = 0; i < call->operand_count; i++) operands[i] = call->operands[i].type;
  graft_status status = gr_opaque_types(c, call->graph, step->node, step->opaque, operands, types);
  gr_free(c, operands, (call->operand_count + 1u) * sizeof *operands);
  return status;
}

static char *make_room(graft_context *c, gr_late *late, size_t bytes) {
  gr_late_free(c, late);
  late->size = bytes + ALIGNMENT;
  late->memory = gr_alloc(c, late->size);
  return late->memory ? (char *)late->memory + (ALIGNMENT - (uintptr_t)late->memory % ALIGNMENT) % ALIGNMENT : NULL;
}

graft_status gr_late_settle(gr_plan *p, const gr_kernel_call *call, uint32_t i, const graft_type *type, char **base,
                            gr_late *late) {
  gr_slot *slot = &p->slots[gr_node_at(call->graph, call->node)->first_result + i];
  size_t bytes;
  if (slot->storage == GRAFT_NONE) return GRAFT_OK;
  if (!gr_type_bytes(type, &bytes)) return gr_kernel_error(call, "result %u is too large or of unknown type", i);
  if (p->storages.data[slot->storage].place == GR_PLACE_LATE) {
    slot->type = *type;
    base[slot->storage] = make_room(call->context, &late[slot->storage], bytes);
    return base[slot->storage] ? GRAFT_OK : GRAFT_NO_MEMORY;
  }
  return gr_type_equal(type, &slot->type) ? GRAFT_OK : gr_kernel_error(call, "result %u is of another type", i);
}

graft_status gr_late_begin(gr_plan *p, const gr_plan_step *step, const gr_kernel_call *call, char **base,
                           gr_late *late) {
  graft_context *c = call->context;
  graft_type inline_types[GR_MAX_RESULTS], *types = inline_types;
  if (call->result_count > GR_MAX_RESULTS) types = gr_alloc(c, call->result_count * sizeof *types);
  if (!types) return GRAFT_NO_MEMORY;
  graft_status status = step->opaque ? opaque_types(step, call, types) : gr_kernel_types(call, types);
  for (uint32_t i = 0; status == GRAFT_OK && i < call->result_count; i++)
    status = gr_late_settle(p, call, i, &types[i], base, late);
  if (types != inline_types) gr_free(c, types, call->result_count * sizeof *types);
  return status;
}

static void end_value(const gr_plan *p, uint32_t at, graft_value v, gr_late *late) {
  const uint32_t storage = v == GRAFT_NONE ? GRAFT_NONE : p->slots[v].storage;
  if (storage != GRAFT_NONE && p->storages.data[storage].last == at) gr_late_free(p->context, &late[storage]);
}

void gr_late_end(const gr_plan *p, uint32_t at, const graft_graph *g, gr_late *late) {
  const graft_node n = p->steps.data[at].node;
  for (uint32_t i = 0; i < gr_node_at(g, n)->operand_count; i++) end_value(p, at, gr_operand(g, n, i), late);
  for (uint32_t i = 0; i < gr_node_at(g, n)->result_count; i++) end_value(p, at, gr_result(g, n, i), late);
}

void gr_late_free(graft_context *c, gr_late *late) {
  gr_free(c, late->memory, late->size);
  *late = (gr_late){0};
}
